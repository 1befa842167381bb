//! The rules by which calls go wrong: what the side door takes, and which rule a call meets.
//!
//! Pure: [`crate::front`] acts on what is found here.

mod rule;

use serde_json::{Value, json};

use rule::Rule;
pub use rule::{Action, CannedAnswer};

/// The rules in force, in the order in which they were posted.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Planted>,
}

#[derive(Debug)]
struct Planted {
    rule: Rule,
    /// As posted, to be shown again.
    source: Value,
    seen: u64,
    fired: u64,
}

impl Faults {
    /// Adds a rule or an array of rules: all of them, or none when one is wrong.
    pub fn plant(&mut self, posted: Value) -> Result<(), String> {
        let sources = match posted {
            Value::Array(rules) => rules,
            rule => vec![rule],
        };
        let planted = sources.into_iter().map(Planted::read).collect::<Result<Vec<_>, _>>()?;
        self.rules.extend(planted);
        Ok(())
    }

    /// Forgets every rule.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules with how often each matched and fired.
    pub fn list(&self) -> Vec<Value> {
        self.rules.iter().map(Planted::view).collect()
    }

    /// What happens to this call: the action of the first rule that is due. Every matching rule counts the call.
    pub fn meet(&mut self, method: &str, key: Option<&str>) -> Option<Action> {
        let mut met = None;
        for planted in self.rules.iter_mut().filter(|planted| planted.rule.is_about(method, key)) {
            planted.seen += 1;
            if met.is_none() && planted.rule.matcher.is_due(planted.seen, planted.fired) {
                planted.fired += 1;
                met = Some(planted.rule.action.clone());
            }
        }
        met
    }
}

impl Planted {
    fn read(source: Value) -> Result<Self, String> {
        let rule: Rule =
            serde_json::from_value(source.clone()).map_err(|error| error.to_string())?;
        rule.check()?;
        Ok(Self { rule, source, seen: 0, fired: 0 })
    }

    fn view(&self) -> Value {
        let mut view = self.source.clone();
        view["seen"] = json!(self.seen);
        view["fired"] = json!(self.fired);
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of five POSTs to one share meet the rule.
    fn met(matcher: &Value) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.plant(json!({"match": matcher, "do": {"hang": {}}})).unwrap();
        (0..5).map(|_| faults.meet("POST", Some("group/tools/busybox/demo")).is_some()).collect()
    }

    #[test]
    fn a_rule_meets_the_calls_it_names() {
        let (yes, no) = (vec![true; 5], vec![false; 5]);
        for (matcher, expected) in [
            (json!({}), yes.clone()),
            (json!({"method": "post"}), yes.clone()),
            (json!({"method": "PATCH"}), no.clone()),
            (json!({"key": "group/tools/busybox/demo"}), yes.clone()),
            (json!({"key": "group/tools/*"}), yes),
            (json!({"key": "group/tools"}), no),
            (json!({"call": 2}), vec![false, true, false, false, false]),
            (json!({"from": 4}), vec![false, false, false, true, true]),
            (json!({"from": 2, "times": 2}), vec![false, true, true, false, false]),
            (json!({"times": 1}), vec![true, false, false, false, false]),
        ] {
            assert_eq!(met(&matcher), expected, "{matcher}");
        }
    }

    #[test]
    fn stale_rules_are_about_reads_and_late_ones_about_writes() {
        let mut faults = Faults::default();
        faults
            .plant(json!([{"do": {"stale": {"by": "1s"}}}, {"do": {"late": {"by": "1s"}}}]))
            .unwrap();
        for method in ["POST", "PATCH", "DELETE"] {
            assert!(matches!(faults.meet(method, None), Some(Action::Late { .. })), "{method}");
        }
        assert!(matches!(faults.meet("GET", None), Some(Action::Stale { .. })));
        assert_eq!((&faults.list()[0]["seen"], &faults.list()[1]["seen"]), (&json!(1), &json!(3)));
    }

    #[test]
    fn the_first_rule_that_is_due_wins_and_all_count() {
        let mut faults = Faults::default();
        faults
            .plant(json!([{"match": {"call": 1}, "do": {"hang": {}}}, {"do": {"truncate": {}}}]))
            .unwrap();
        assert!(matches!(faults.meet("GET", None), Some(Action::Hang { .. })));
        assert!(matches!(faults.meet("GET", None), Some(Action::Truncate {})));
        assert_eq!(faults.list()[1]["seen"], 2);
        assert_eq!(faults.list()[1]["fired"], 1);
    }

    #[test]
    fn a_wrong_rule_is_refused_and_nothing_is_planted() {
        let mut faults = Faults::default();
        for wrong in [
            json!({}),
            json!({"do": {"explode": {}}}),
            json!({"do": {"hang": {}}, "mach": {}}),
            json!({"do": {"hang": {"aplied": true}}}),
            json!({"do": {"delay": {"for": "soon"}}}),
            json!({"do": {"answer": {"status": 99}}}),
            json!({"do": {"redirect": {"status": 200, "location": "/"}}}),
            json!({"match": {"call": 1, "times": 2}, "do": {"hang": {}}}),
            json!({"do": {"stale": {}}}),
            json!({"do": {"stale": {"by": "6m"}}}),
            json!({"match": {"method": "POST"}, "do": {"stale": {"by": "30s"}}}),
            json!({"match": {"method": "get"}, "do": {"late": {"by": "3s"}}}),
        ] {
            let posted = json!([{"do": {"hang": {}}}, wrong]);
            assert!(faults.plant(posted).is_err(), "{wrong}");
        }
        assert!(faults.list().is_empty());
    }
}
