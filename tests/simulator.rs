//! `imageshare simulator` as a process: how it starts and ends. What it serves, its own crate tests.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imageshare"));
    command.arg("simulator").env_clear().kill_on_drop(true);
    command
}

#[tokio::test]
async fn the_process_says_when_it_serves_and_ends_with_0_on_either_signal() {
    for signal in ["-INT", "-TERM"] {
        let mut process = binary()
            .args(["--listen", "127.0.0.1:0"])
            .env("IMAGESHARE_SIMULATOR_TOKEN", "t")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.next_line().await.unwrap().unwrap();
        let port = ready.strip_prefix("READY url=http://127.0.0.1:").expect(&ready);
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        let pid = process.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
        assert_eq!(process.wait().await.unwrap().code(), Some(0), "{signal}");
        assert_eq!(lines.next_line().await.unwrap(), None, "READY is the only line");
    }
}

#[tokio::test]
async fn a_wrong_flag_or_value_ends_with_2_and_names_itself() {
    for (arguments, named) in [
        (vec![], "--token"),
        (vec!["--token", "t", "--listen", "nowhere"], "--listen"),
        (vec!["--token", "t", "--latency", "fast"], "not a duration such as 20ms"),
        (vec!["--token", "t", "--clock", "noon"], "UTC instant such as"),
        (vec!["--token", "t", "--repository", "Group/x"], "ORGANIZATION/REPOSITORY"),
        (vec!["--token", "t", "--account", "a/b"], "account name"),
        (vec!["--token", "t", "--list-limit", "0"], "--list-limit"),
        (vec!["--token", "t", "--limit", "user:100"], "BY:CALLS/WINDOW"),
        (vec!["--access-key", "no-secret"], "ID=SECRET"),
        (vec!["--user", "robot=password"], "ACCOUNT/USER=PASSWORD"),
        (vec!["--user", "acme/robot=p", "--token-lifetime", "long"], "not a duration such as"),
        (vec!["--provider", "cluster"], "NAME=FILE"),
        (vec!["--provider", "cluster=/no/such/file"], "/no/such/file: No such file"),
    ] {
        let output = binary().args(&arguments).output().await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(named), "{arguments:?}: {error}");
    }
}
