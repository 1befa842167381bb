//! What reading the largest answer may cost: the pod has 128 MiB for everything. A binary of its own, with
//! one test, because the peak that is read is the whole process's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::time::SystemTime;

use imageshare::cloud::error::{Refusal, reply_of};
use imageshare::cloud::{ShareId, wire};

/// The most that is read of an answer.
const MOST: usize = 1024 * 1024;
/// The most that reading it may take beside it, in KiB.
const BOUND: u64 = 24 * 1024;

/// The most memory that this process has ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// As many of these as a whole answer holds, between two texts.
fn many(before: &str, piece: &str, after: &str) -> Vec<u8> {
    let room = MOST - before.len() - after.len() - piece.len();
    let pieces = vec![piece; 1 + room / (piece.len() + 1)].join(",");
    format!("{before}{pieces}{after}").into_bytes()
}

#[test]
fn a_megabyte_of_the_smallest_things_is_read_in_a_few_megabytes() {
    let id = ShareId {
        region: "r".into(),
        organization: "group".into(),
        repository: "app".into(),
        account: "demo".into(),
    };
    let share = r#"{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever","status":true"#;
    let before = peak();
    for piece in ["0", "[]", r#"{"":0}"#, r#"{"":{"":0}}"#, r#""""#, &format!("{share}}}")] {
        let bodies = [
            many("[", piece, "]"),
            many(&format!("{share},\"x\":["), piece, "]}"),
            many("{\"errors\":[", piece, "]}"),
            many(r#"{"error_code":"APIGW.0301","x":["#, piece, "]}"),
        ];
        for body in bodies {
            assert!(body.len() <= MOST && body.len() > MOST - 200, "{}", body.len());
            let _ = wire::read_shares(&body);
            let _ = wire::read_share(&id, &body);
            let here = SystemTime::UNIX_EPOCH;
            let (retry_after, date, request_id) = (None, None, None);
            let refusal = Refusal { status: 403, body: &body, retry_after, date, here, request_id };
            let _ = reply_of(refusal);
            let taken = peak() - before;
            let beginning = String::from_utf8_lossy(&body[..100]).into_owned();
            assert!(taken <= BOUND, "{taken} KiB for {beginning}");
        }
    }
}
