//! A Go tool of `tests/tools`, built once.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A program that answers each line with a line.
pub struct Tool(pub PathBuf);

impl Tool {
    /// The program of this name in a folder of `tests/tools`.
    pub fn new(folder: &str, program: &str) -> Self {
        let mut build = Command::new("tests/tools/build.sh");
        let output = build.arg(folder).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "tests/tools/{folder} does not build");
        Self(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()).join(program))
    }

    /// What it answers to each of these.
    pub fn answers(&self, arguments: &[&str], asked: impl Iterator<Item = Value>) -> Vec<String> {
        let mut child = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = BufWriter::new(child.stdin.take().unwrap());
        let lines: Vec<_> = asked.map(|value| value.to_string()).collect();
        let count = lines.len();
        // Beside the reader: neither pipe may fill up while the other is waited for.
        let writer = std::thread::spawn(move || {
            for line in lines {
                writeln!(input, "{line}").unwrap();
            }
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success(), "{} {arguments:?} failed", self.0.display());
        let answers: Vec<_> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(answers.len(), count, "an answer for each line");
        answers
    }
}
