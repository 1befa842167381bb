//! Edits drawn from the schema of the CRD: which fields there are, their types, enums, patterns and
//! lengths, which of them never change. Only what the schema cannot say is said here: which texts
//! are telling ones.

use imageshare::api::crd;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::dice::Dice;

/// What is to be done to an object.
#[derive(Debug, Default)]
pub struct Edit {
    /// A merge patch of its spec.
    pub spec: Map<String, Value>,
    /// Whether the API server must take it; `None` where only the API server knows.
    pub good: Option<bool>,
    /// Whether a pass is asked for.
    pub asked: bool,
    /// What another hand does to the share first.
    pub meddling: Option<Meddling>,
}

/// What another hand does to a share.
#[derive(Debug)]
pub enum Meddling {
    /// It removes it.
    Remove,
    /// It makes or changes it.
    Put { deadline: &'static str, description: &'static str },
}

/// A value for a field, and whether it is one that the API server must take.
struct Draw {
    value: Value,
    good: Option<bool>,
}

impl Draw {
    fn new(value: impl Into<Value>, good: impl Into<Option<bool>>) -> Self {
        Self { value: value.into(), good: good.into() }
    }
}

/// Draws edits.
pub struct Drawing {
    spec: Value,
}

impl Drawing {
    /// From the CRD as it is shipped.
    pub fn new() -> Self {
        let crd = serde_json::to_value(crd()).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        Self { spec: schema["properties"]["spec"].clone() }
    }

    /// Edits of an object with this spec, to be made in a row: one, or now and then a second one,
    /// which meets whatever error the first one leads to.
    pub fn edits(&self, now: &Value, dice: &mut Dice) -> Vec<Edit> {
        let mut edits = vec![self.edit(now, dice)];
        let is_removed = matches!(edits[0].meddling, Some(Meddling::Remove));
        if dice.once_in(if is_removed { 2 } else { 4 }) {
            let mut second = self.edit(now, dice);
            // What one hand has removed, another one likes to make.
            if is_removed {
                second.meddle(put(dice), dice);
            }
            edits.push(second);
        }
        edits
    }

    /// An edit of one field or several at once.
    fn edit(&self, now: &Value, dice: &mut Dice) -> Edit {
        let (fixed, free): (Vec<_>, Vec<_>) =
            self.fields().into_iter().partition(|field| self.is_fixed(field));
        let mut edit = Edit { good: Some(true), ..Edit::default() };
        // Without this, an object would be without credentials most of the time.
        if dice.once_in(4) {
            edit.lay("credentialsRef", Draw::new(json!({"name": "swr", "key": "token"}), true));
            edit.lay("suspend", Draw::new(false, true));
        }
        for _ in 0..*dice.pick(&[0, 1, 1, 1, 2, 2, 3, 4]) {
            let field = *dice.pick(&free);
            let draw = self.draw(field, dice);
            edit.lay(field, draw);
        }
        if dice.once_in(12) {
            let field = *dice.pick(&fixed);
            let draw = self.draw(field, dice);
            let same = draw.value == now[field];
            edit.lay(field, Draw { good: Some(same), ..draw });
        }
        if dice.once_in(60) {
            edit.lay("retries", Draw::new(3, false));
        }
        if dice.once_in(6) {
            edit.meddle(meddling(dice), dice);
        }
        // What another hand did is only certain to be noticed by a pass that looks.
        edit.asked |= edit.spec.is_empty() || dice.once_in(4);
        edit
    }

    fn fields(&self) -> Vec<&str> {
        self.spec["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// Whether a field never changes, by its own rule or by one of the whole spec about it.
    fn is_fixed(&self, field: &str) -> bool {
        let path = format!(".{field}");
        let own = rules(&self.spec["properties"][field]);
        let of_all = rules(&self.spec).filter(|rule| rule["fieldPath"] == path.as_str());
        own.chain(of_all).any(|rule| rule["rule"].as_str().unwrap().contains("oldSelf"))
    }

    fn draw(&self, field: &str, dice: &mut Dice) -> Draw {
        let schema = &self.spec["properties"][field];
        // A field that is taken away gets its default, if it can do without a value at all.
        if dice.once_in(20) {
            let required = self.spec["required"].as_array().unwrap().contains(&json!(field));
            return Draw::new(Value::Null, !required);
        }
        value(field, schema, dice)
    }
}

impl Edit {
    /// With another hand in it, and mostly with something that refuses what this one does: left to
    /// chance, the two would hardly ever meet.
    fn meddle(&mut self, meddling: Meddling, dice: &mut Dice) {
        let (field, refusing) = match meddling {
            Meddling::Remove if dice.once_in(4) => ("deadline", "2021-01-01"),
            Meddling::Remove => ("adoptionPolicy", "Adopt"),
            Meddling::Put { .. } => ("adoptionPolicy", "Create"),
        };
        if !dice.once_in(3) {
            self.lay(field, Draw::new(refusing, true));
        }
        (self.meddling, self.asked) = (Some(meddling), true);
    }

    fn lay(&mut self, field: &str, draw: Draw) {
        // A second draw of a field lies over the first one; what the first was does not matter any
        // more, but nobody keeps account of it.
        let over = self.spec.insert(field.to_owned(), draw.value).is_some();
        self.good = match (self.good, draw.good) {
            _ if over => None,
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
    }
}

fn meddling(dice: &mut Dice) -> Meddling {
    if dice.once_in(3) { Meddling::Remove } else { put(dice) }
}

fn put(dice: &mut Dice) -> Meddling {
    let deadlines = ["forever", "2031-01-01T00:00:00Z", "2021-01-01T00:00:00Z"];
    let descriptions = ["", "theirs", "\u{1f600}"];
    Meddling::Put {
        deadline: deadlines[dice.below(deadlines.len())],
        description: descriptions[dice.below(descriptions.len())],
    }
}

fn rules(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["x-kubernetes-validations"].as_array().into_iter().flatten()
}

/// A value for a schema.
fn value(path: &str, schema: &Value, dice: &mut Dice) -> Draw {
    let wrong_type = dice.once_in(30);
    match schema["type"].as_str().unwrap() {
        _ if wrong_type => Draw::new(json!([7]), false),
        "boolean" if dice.once_in(15) => Draw::new("true", false),
        "boolean" => Draw::new(dice.once_in(4), true),
        "object" => object(path, schema, dice),
        "string" if schema["enum"].is_array() => one_of(&schema["enum"], dice),
        "string" => text(path, schema, dice),
        other => panic!("{path} is of type {other}, which nobody draws yet"),
    }
}

fn object(path: &str, schema: &Value, dice: &mut Dice) -> Draw {
    let properties = schema["properties"].as_object().unwrap();
    let mut whole = Edit { good: Some(true), ..Edit::default() };
    for (name, schema) in properties {
        if !dice.once_in(3) {
            whole.lay(name, value(&format!("{path}.{name}"), schema, dice));
        }
    }
    // Where fields depend on each other, only the API server knows.
    let is_known = rules(schema).next().is_none();
    Draw { value: whole.spec.into(), good: whole.good.filter(|good| is_known || !good) }
}

fn one_of(choices: &Value, dice: &mut Dice) -> Draw {
    let choice = dice.pick(choices.as_array().unwrap()).as_str().unwrap();
    match dice.below(30) {
        0 => Draw::new(choice.to_uppercase(), false),
        1 => Draw::new("", false),
        // The first one is the default, to which an object comes back more often.
        2..=12 => Draw::new(choices[0].clone(), true),
        _ => Draw::new(choice, true),
    }
}

fn text(path: &str, schema: &Value, dice: &mut Dice) -> Draw {
    let longest = usize::try_from(schema["maxLength"].as_u64().unwrap()).unwrap();
    let (good, bad) = telling(path);
    match dice.below(20) {
        0 => Draw::new("ä".repeat(longest + 1), false),
        1 => Draw::new("a".repeat(longest), None),
        2 | 3 => match pattern(schema, dice) {
            Some(pattern) => Draw::new(dice.matching(&pattern), None),
            None => Draw::new(dice.text(longest), None),
        },
        4 => {
            let edge = pattern(schema, dice).map(|pattern| dice.matching(&pattern));
            let odd = dice.pick(&["\n", " ", "/", "\0", "\u{202e}", "Ä", "-"]);
            Draw::new(edge.unwrap_or_default() + odd, None)
        }
        5 | 6 if !bad.is_empty() => Draw::new(dice.pick(&bad).clone(), false),
        _ if !good.is_empty() => Draw::new(dice.pick(&good).clone(), true),
        _ => Draw::new(dice.text(longest), None),
    }
}

/// One of the patterns that the rules of a field name.
fn pattern(schema: &Value, dice: &mut Dice) -> Option<String> {
    let texts = rules(schema).filter_map(|rule| rule["rule"].as_str());
    let patterns: Vec<&str> = texts
        .flat_map(|text| text.split("self.matches(").skip(1))
        .filter_map(|rest| rest.trim_start_matches('r').strip_prefix('\'')?.split('\'').next())
        .collect();
    (!patterns.is_empty()).then(|| (*dice.pick(&patterns)).to_owned())
}

/// Values of a field that mean something: those that the API server must take, and those that it
/// must refuse.
fn telling(path: &str) -> (Vec<String>, Vec<String>) {
    let lists: (&[&str], &[&str]) = match path {
        "deadline" => return deadlines(),
        "description" => {
            let full = ["ä".repeat(1000), "😀".repeat(1000)];
            let texts = ["", "ours", "line\nbreak\tand\r\n", " ends ", "שלום ‏—", "e\u{301}", "😀"];
            return (texts.map(str::to_owned).into_iter().chain(full).collect(), vec![]);
        }
        "interval" => (
            &["1s", "2s", "10m", "10m", "1h30m", "168h", "0s", "0h", "604800s", "0h0m1s"],
            &["168h1s", "604801s", "999ms", "1d", "10", "-1s", "1m1h", "", " 1s", "10M"],
        ),
        "credentialsRef.name" => (
            &["swr", "swr", "swr", "swr", "other", "other", "missing"],
            &["Swr", "other/swr", "", "-swr", "a..b", "swr\n"],
        ),
        "credentialsRef.key" => (
            &["token", "token", "token", "token", "good", "empty", "broken", "absent"],
            &["a key", "", "a/b"],
        ),
        "credentialsRef.serviceAccountName" => (&["default"], &["Swr", "", "a/b"]),
        "region" => (&["sim-1", "sim-2"], &["Sim-1", "a.b", ""]),
        "organization" => (&["group", "team"], &["Group", "a/b", ""]),
        "repository" => (&["r0", "r1", "tools/r2"], &["R0", "a//b", ""]),
        "account" => (&["A0", "a0", "demo"], &[".", "a/b", ""]),
        _ => panic!("nobody knows a telling value of {path}"),
    };
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    (owned(lists.0), owned(lists.1))
}

fn deadlines() -> (Vec<String>, Vec<String>) {
    // Towards the end of a day, so that nothing ends while it is looked at.
    let today = Timestamp::now() + 1.hour();
    let day = |days: i64| (today + (days * 24).hours()).strftime("%Y-%m-%d").to_string();
    let mut good: Vec<String> = [-400, -1, 0, 1, 2, 3, 30].map(day).into();
    good.extend(["forever"; 6].map(str::to_owned));
    good.push(format!("{}T00:00:00Z", day(0)));
    for text in [
        "2030-03-31",
        "2030-03-31T16:00:00Z",
        "2030-03-31T16:00:00.5Z",
        "2030-03-31T23:59:59.999999999Z",
        "2028-02-29",
        "9999-12-29",
        "9999-12-29T23:59:59Z",
    ] {
        good.push(text.to_owned());
    }
    let bad = [
        "Forever",
        "",
        "2027-02-29",
        "2027-13-01",
        "9999-12-30",
        "9999-12-30T00:00:00Z",
        "2030-3-31",
        "2030-03-31T16:00:00+00:00",
        "2030-03-31 16:00:00Z",
        " forever",
    ];
    (good, bad.map(str::to_owned).into())
}
