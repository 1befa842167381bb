//! Every fuzz target in seconds, on stable: any bytes, and documented inputs that were changed a little.
//! `make fuzz` does the same for hours, led by what the code does (libFuzzer).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[path = "fuzz/targets.rs"]
mod targets;

use targets::{TARGETS, Target};

/// How many inputs of each kind a target is given.
const CASES: u32 = 5000;

/// What is put into the middle of an input: what such texts are made of.
const WORDS: [&[u8]; 24] = [
    b"\xff",
    b"\0",
    b"\n",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"/",
    b"..",
    b"%2e",
    b"$",
    b"\\u0053",
    b"SVCSTG.SWR.4001090",
    b"error_code",
    b"null",
    b"false",
    b"18446744073709551616",
    b"Z",
    b"-1",
    b"limit:",
    b"\xf0\x9f\x98\x80",
];

/// A change: what is done, where, and with what.
type Edit = (u8, usize, usize);

fn changed(seed: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut input = seed.to_vec();
    for &(kind, at, with) in edits {
        let at = at % (input.len() + 1);
        let end = (at + with % 9).min(input.len());
        match kind % 6 {
            0 => drop(input.drain(at..end)),
            1 => drop(input.splice(at..at, WORDS[with % WORDS.len()].iter().copied())),
            2 => input[at..end].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1)),
            3 => input.truncate(at),
            // The same once more.
            4 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece.repeat(1 + with % 40));
            }
            _ => drop(input.splice(at..end, WORDS[with % WORDS.len()].iter().copied())),
        }
    }
    input
}

fn inputs(target: &Target) -> impl Strategy<Value = Vec<u8>> + use<> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..400);
    let seeds = proptest::sample::select(target.seeds);
    let edits = proptest::collection::vec(any::<Edit>(), 0..8);
    prop_oneof![1 => bytes, 3 => (seeds, edits).prop_map(|(seed, edits)| changed(seed, &edits))]
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    target.seeds.iter().for_each(|seed| (target.run)(seed));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&inputs(target), |input| {
        (target.run)(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|target| target.name).eq(run), "name it below, in the table's order");
        }
    };
}

targets! { url refusal show list pause deadline token secret account issued signature }

/// Without this, the targets could take anything.
#[test]
fn a_broken_promise_is_found() {
    let target = Target {
        name: "broken",
        run: |data| assert!(!data.windows(2).any(|word| word == b".."), "found"),
        seeds: &[b"group"],
    };
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&inputs(&target), |input| {
        prop_assert!(std::panic::catch_unwind(|| (target.run)(&input)).is_ok());
        Ok(())
    });
    assert!(outcome.is_err());
}

/// For `make fuzz`: the seeds as files, a folder for each target.
#[test]
#[ignore = "writes files"]
fn write_the_seeds() {
    let corpus = PathBuf::from(std::env::var_os("FUZZ_CORPUS").unwrap());
    for target in TARGETS {
        let folder = corpus.join(target.name);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in target.seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}
