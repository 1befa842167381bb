//! How many objects, and for whom.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::subject::Subject;
use crate::Outcome;

/// About ten minutes.
const USUAL: &[usize] = &[300, 1_000, 2_000];
/// An hour.
const FULL: &[usize] = &[300, 1_000, 2_000, 10_000, 20_000, 50_000];
/// How many objects other operators meet in that: beyond, they would take an hour more and tell no more.
const PEERS: usize = 10_000;
/// kopf takes tens of milliseconds for each object.
const KOPF: &[usize] = &[100, 300];

/// What is measured.
pub struct Plan {
    sizes: Vec<usize>,
    /// Who is measured.
    pub subjects: Vec<Subject>,
    /// How often; the medians count.
    pub rounds: usize,
    /// How long to wait for a quiet machine before each measurement.
    pub patience: Duration,
    kopf: Vec<usize>,
    /// The most that another operator meets.
    peers: usize,
}

impl Plan {
    /// `BENCH=full` for the long run; `BENCH_SIZES`, `BENCH_SUBJECTS`, `BENCH_ROUNDS` and
    /// `BENCH_PATIENCE` (seconds) for a run of one's own.
    pub fn from_environment() -> Outcome<Self> {
        let sizes = match setting("BENCH").as_deref() {
            None => USUAL,
            Some("full") => FULL,
            Some(other) => return Err(format!("BENCH can be `full`, not `{other}`").into()),
        };
        let chosen = list::<usize>("BENCH_SIZES")?;
        let kopf = chosen.as_ref().map_or(KOPF.to_vec(), |sizes| {
            sizes.iter().copied().filter(|size| *size <= 1_000).collect()
        });
        Ok(Self {
            peers: if chosen.is_some() { usize::MAX } else { PEERS },
            sizes: chosen.unwrap_or_else(|| sizes.to_vec()),
            subjects: list("BENCH_SUBJECTS")?.unwrap_or_else(|| Subject::ALL.to_vec()),
            rounds: setting("BENCH_ROUNDS").map_or(Ok(1), |text| number(&text))?,
            patience: Duration::from_secs(
                setting("BENCH_PATIENCE").map_or(Ok(0), |text| number(&text))?,
            ),
            kopf,
        })
    }

    /// Every number of objects that somebody meets, small ones first.
    pub fn sizes_of_all(&self) -> BTreeSet<usize> {
        let kopf = self.kopf.iter().filter(|_| self.subjects.contains(&Subject::Kopf));
        self.sizes.iter().chain(kopf).copied().collect()
    }

    /// Whether this subject meets so many objects. The bare loop meets all: it is the measure.
    pub fn takes(&self, subject: Subject, size: usize) -> bool {
        match subject {
            Subject::Bare => true,
            Subject::Kopf => self.kopf.contains(&size),
            Subject::Operator => self.sizes.contains(&size),
            Subject::Stock | Subject::ControllerRuntime => {
                size <= self.peers && self.sizes.contains(&size)
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.subjects.iter().map(|subject| subject.name()).collect();
        write!(f, "{} with {:?} objects", names.join(", "), self.sizes_of_all())
    }
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number<T: FromStr>(text: &str) -> Outcome<T> {
    text.trim().parse().map_err(|_| format!("`{text}` is not understood").into())
}

fn list<T: FromStr>(name: &str) -> Outcome<Option<Vec<T>>> {
    let Some(text) = setting(name) else { return Ok(None) };
    text.split(',').map(number).collect::<Outcome<Vec<T>>>().map(Some)
}
