//! What the audit log says that a user asked of the API server.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

use crate::Outcome;

/// How often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// get, list, and watches that were opened.
    pub reads: u64,
    /// Everything else.
    pub writes: u64,
}

#[derive(Deserialize)]
struct Entry<'a> {
    stage: &'a str,
    verb: &'a str,
    user: User<'a>,
}

#[derive(Deserialize)]
struct User<'a> {
    username: &'a str,
}

/// Where the log ends now.
pub fn end(log: &Path) -> Outcome<u64> {
    Ok(std::fs::metadata(log)?.len())
}

/// The user's requests since then.
pub fn since(log: &Path, end: u64, user: &str) -> Outcome<Requests> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(end))?;
    let mut requests = Requests::default();
    for line in BufReader::new(file).lines() {
        requests.count(&line?, user);
    }
    Ok(requests)
}

impl Requests {
    fn count(&mut self, line: &str, user: &str) {
        if !line.contains(user) {
            return;
        }
        // The last line may be half written.
        let Ok(entry) = serde_json::from_str::<Entry>(line) else { return };
        if entry.user.username != user {
            return;
        }
        match (entry.verb, entry.stage) {
            ("watch", "ResponseStarted") | ("get" | "list", "ResponseComplete") => self.reads += 1,
            ("watch", _) => {}
            (_, "ResponseComplete") => self.writes += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_user_verb_and_stage() {
        let mut requests = Requests::default();
        for (user, verb, stage) in [
            ("a", "get", "ResponseComplete"),
            ("a", "watch", "ResponseStarted"),
            ("a", "watch", "ResponseComplete"),
            ("a", "patch", "ResponseComplete"),
            ("ab", "patch", "ResponseComplete"),
        ] {
            let line = format!(
                r#"{{"stage":"{stage}","verb":"{verb}","user":{{"username":"{user}","groups":[]}}}}"#
            );
            requests.count(&line, "a");
        }
        assert_eq!(requests, Requests { reads: 2, writes: 1 });
    }
}
