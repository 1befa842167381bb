//! The two account-wide lists of shared repositories.
//!
//! They follow "Querying Shared Images" (v2) and its successor (v3, `swr_02_0127`). Neither says with whom a
//! repository is shared. The simulator plays one account, with which nobody else shares: `thirdparty` is always empty.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::answer::{Answer, ApiError, INVALID_QUERY, MISSING_PARAMETERS};
use crate::share::{Place, Share, repository_from_path};
use crate::state::State;
use crate::time::microseconds;

/// "If this parameter is not specified, 100 records are returned by default. The maximum is 1,000."
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;
/// The account that the simulator plays.
const OWNER: &str = "simulator";

/// Bare array, paged by `limit` and `offset` together, with `Content-Range: offset-count/total`.
pub fn v2(state: &State, query: &[(String, String)]) -> Result<Answer, ApiError> {
    let query = Query::with_filter(query);
    let rows = select(state, &query, "center")?;
    let page = match (query.get("limit"), query.get("offset")) {
        (None, None) => Page { offset: 0, limit: DEFAULT_LIMIT },
        (Some(limit), Some(offset)) => Page { offset: number(offset)?, limit: limit_of(limit)? },
        // "Parameters offset and limit should always be used together."
        _ => return Err(INVALID_QUERY),
    };
    let items: Vec<Value> = page.of(&rows).map(|row| row.v2(rows.len())).collect();
    let range = format!("{}-{}/{}", page.offset, items.len(), rows.len());
    let range = HeaderValue::try_from(range).map_err(|_| INVALID_QUERY)?;
    Ok(Answer::json(StatusCode::OK, &items)
        .with_header(HeaderName::from_static("content-range"), range))
}

/// An object with `repos`, and `nextMarker` while there is more.
pub fn v3(state: &State, query: &[(String, String)]) -> Result<Answer, ApiError> {
    let query = Query(query.to_vec());
    let rows = select(state, &query, "shared_by")?;
    let page = Page {
        offset: query.get("marker").map_or(Ok(0), number)?,
        limit: query.get("limit").map_or(Ok(DEFAULT_LIMIT), limit_of)?,
    };
    let repos: Vec<Value> = page.of(&rows).map(Row::v3).collect();
    let next = page.offset + repos.len();
    let mut body = json!({"repos": repos});
    if next < rows.len() {
        body["nextMarker"] = json!(next);
    }
    Ok(Answer::json(StatusCode::OK, &body))
}

/// The repositories that match, in the order of their names.
fn select<'a>(state: &'a State, query: &Query, whose: &str) -> Result<Vec<Row<'a>>, ApiError> {
    let shared_by_us = match query.get(whose) {
        Some("self") => true,
        Some("thirdparty") => false,
        Some(_) => return Err(INVALID_QUERY),
        None => return Err(MISSING_PARAMETERS),
    };
    let name = query.get("name").map(repository_from_path);
    let matches = |place: &Place| {
        shared_by_us
            && query.get("namespace").is_none_or(|wanted| wanted == place.organization)
            && name.as_ref().is_none_or(|wanted| *wanted == place.repository)
    };
    let matching = state.shares_by_place().filter(|(place, _)| matches(place));
    Ok(matching
        .enumerate()
        .map(|(index, (place, shares))| Row { id: index + 1, place, shares })
        .collect())
}

struct Page {
    offset: usize,
    limit: usize,
}

impl Page {
    fn of<'a, 'b>(&self, rows: &'a [Row<'b>]) -> impl Iterator<Item = &'a Row<'b>> {
        rows.iter().skip(self.offset).take(self.limit)
    }
}

fn number(text: &str) -> Result<usize, ApiError> {
    text.parse().map_err(|_| INVALID_QUERY)
}

fn limit_of(text: &str) -> Result<usize, ApiError> {
    number(text).and_then(
        |limit| {
            if (1..=MOST).contains(&limit) { Ok(limit) } else { Err(INVALID_QUERY) }
        },
    )
}

/// The query parameters; v2 takes them also inside one called `filter`, as `center::self|name::busybox`.
struct Query(Vec<(String, String)>);

impl Query {
    fn with_filter(query: &[(String, String)]) -> Self {
        let mut parameters = query.to_vec();
        for (_, filter) in query.iter().filter(|(name, _)| name == "filter") {
            let pairs = filter.split('|').filter_map(|pair| pair.split_once("::"));
            parameters.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        Self(parameters)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// A repository that is shared with somebody.
struct Row<'a> {
    id: usize,
    place: &'a Place,
    shares: Vec<&'a Share>,
}

impl Row<'_> {
    fn v2(&self, total: usize) -> Value {
        let mut item = self.common();
        let path = format!("swr.simulator.local/{}", self.place);
        item["namespace"] = json!(self.place.organization);
        item["tags"] = json!(["latest"]);
        item["logo"] = json!("");
        item["url"] = json!("");
        item["path"] = json!(path);
        item["internal_path"] = json!(path);
        item["total_range"] = json!(total);
        item
    }

    fn v3(&self) -> Value {
        let mut item = self.common();
        item["id"] = json!(self.id);
        item["namespace_name"] = json!(self.place.organization);
        item
    }

    fn common(&self) -> Value {
        let created = self.shares.iter().map(|share| share.created).min().unwrap_or_default();
        let updated = self.shares.iter().map(|share| share.updated).max().unwrap_or_default();
        json!({
            "name": self.place.repository,
            "category": "other",
            "description": "",
            "size": 0,
            "is_public": false,
            "num_images": 1,
            "num_download": 0,
            "created_at": microseconds(created),
            "updated_at": microseconds(updated),
            "domain_name": OWNER,
            // "Query images shared by yourself: The default value is false, which is meaningless."
            "status": false,
        })
    }
}
