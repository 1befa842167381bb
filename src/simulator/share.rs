//! A share, and how it reads on the wire.
//!
//! Pure: now comes in as a parameter.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deadline::{Deadline, Spelling};
use crate::names::Place;

/// What POST and PATCH both set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The only documented value is `read`.
    pub permit: String,
    /// Until when the share holds.
    pub deadline: Deadline,
    /// Empty when none was given: PATCH without a description clears it ("left blank by default").
    pub description: String,
}

/// Who made a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// The API's `creator_id`: 32 hexadecimal digits.
    pub id: String,
    /// The API's `creator_name`.
    pub name: String,
}

/// SWR's record that an account may pull a repository.
#[derive(Clone, Debug)]
pub struct Share {
    /// What is shared.
    pub place: Place,
    /// With whom, as the creator wrote it.
    pub access_domain: String,
    /// On which terms.
    pub terms: Terms,
    /// By whom.
    pub creator: Creator,
    /// When the share was made.
    pub created: Timestamp,
    /// When its terms were last set.
    pub updated: Timestamp,
}

/// A share in the API's field names, as a list item holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShareView {
    namespace: String,
    repository: String,
    access_domain: String,
    permit: String,
    deadline: String,
    description: String,
    creator_id: String,
    creator_name: String,
    created: String,
    updated: String,
    /// `true`: valid, `false`: expired.
    status: bool,
}

impl Share {
    /// The share as it reads at `now`.
    pub fn view(&self, now: Timestamp, spelling: Spelling) -> ShareView {
        ShareView {
            namespace: self.place.organization.clone(),
            repository: self.place.repository.clone(),
            access_domain: self.access_domain.clone(),
            permit: self.terms.permit.clone(),
            deadline: self.terms.deadline.text(spelling),
            description: self.terms.description.clone(),
            creator_id: self.creator.id.clone(),
            creator_name: self.creator.name.clone(),
            created: microseconds(self.created),
            updated: microseconds(self.updated),
            status: self.terms.deadline.holds_at(now),
        }
    }
}

impl TryFrom<ShareView> for Share {
    type Error = String;

    fn try_from(view: ShareView) -> Result<Self, String> {
        let instant = |text: &str| text.parse().map_err(|_| format!("`{text}` is not an instant"));
        let deadline = Deadline::parse(&view.deadline)
            .ok_or_else(|| format!("`{}` is no deadline", view.deadline))?;
        Ok(Self {
            created: instant(&view.created)?,
            updated: instant(&view.updated)?,
            place: Place { organization: view.namespace, repository: view.repository },
            access_domain: view.access_domain,
            terms: Terms { permit: view.permit, deadline, description: view.description },
            creator: Creator { id: view.creator_id, name: view.creator_name },
        })
    }
}

/// Up to six fraction digits, trailing zeros trimmed, as the documented samples have it (`…42.56632Z`, `…42.566325Z`).
pub fn microseconds(instant: Timestamp) -> String {
    let micros = Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant);
    micros.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_carry_up_to_six_digits_without_trailing_zeros() {
        for (instant, text) in [
            ("2021-06-10T08:14:42.566320Z", "2021-06-10T08:14:42.56632Z"),
            ("2021-06-10T08:14:42.566325999Z", "2021-06-10T08:14:42.566325Z"),
            ("2021-06-10T08:14:42.000000Z", "2021-06-10T08:14:42Z"),
        ] {
            assert_eq!(microseconds(instant.parse().unwrap()), text);
        }
    }
}
