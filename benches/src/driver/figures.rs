//! What was measured, and what follows from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::machine;
use crate::Outcome;

/// One subject with one number of objects. What was not measured is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Who.
    pub subject: String,
    /// How many objects.
    pub objects: usize,
    /// From the subject's start until the last object was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// That, as a multiple of what the bare loop took in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Milliseconds of CPU for each object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// KiB of memory for each object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// Reads of the API server for each object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<f64>,
    /// Writes to the API server for each object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<f64>,
    /// Calls to the cloud for each object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<f64>,
    /// Milliseconds of CPU for each object until the last one was done, of the subject, the control
    /// plane, the cloud and the bench's own watch together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_cpu: Option<f64>,
    /// That, as a multiple of the same for the bare loop in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_ratio: Option<f64>,
    /// How much of the machine, in percent, others took meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<f64>,
    /// Why there are no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A run, or several that were put together by hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// Of what: a commit.
    pub version: String,
    /// When: a day.
    pub date: String,
    /// On what.
    pub machine: String,
    /// What was measured.
    pub rows: Vec<Figure>,
}

/// A number of a figure.
pub type Number = fn(&mut Figure) -> &mut Option<f64>;

const NUMBERS: [Number; 10] = [
    |figure| &mut figure.seconds,
    |figure| &mut figure.ratio,
    |figure| &mut figure.cpu,
    |figure| &mut figure.memory,
    |figure| &mut figure.reads,
    |figure| &mut figure.writes,
    |figure| &mut figure.calls,
    |figure| &mut figure.all_cpu,
    |figure| &mut figure.all_ratio,
    |figure| &mut figure.others,
];

impl Figures {
    /// What was measured just now.
    pub fn now(rows: Vec<Figure>) -> Self {
        Self { version: machine::commit(), date: machine::today(), machine: machine::name(), rows }
    }

    /// Reads a file of figures.
    pub fn read(file: &str) -> Outcome<Self> {
        let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        Ok(serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?)
    }

    /// Writes one.
    pub fn write(&self, file: &Path) -> Outcome<()> {
        Ok(fs::write(file, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// The figure of a subject with so many objects.
    pub fn find(&self, subject: &str, objects: usize) -> Option<&Figure> {
        self.rows.iter().find(|figure| figure.subject == subject && figure.objects == objects)
    }

    /// How time and CPU grow with the number of objects: the exponents. 1 is in step with it.
    pub fn growth(&self, subject: &str) -> Option<(f64, f64)> {
        let of_subject = self.rows.iter().filter(|figure| figure.subject == subject);
        let (mut time, mut cpu) = (Vec::new(), Vec::new());
        for figure in of_subject {
            let count = as_number(figure.objects);
            time.extend(figure.seconds.map(|seconds| (count, seconds)));
            cpu.extend(figure.cpu.map(|each| (count, each * count)));
        }
        Some((slope(&time)?, slope(&cpu)?))
    }
}

/// The slope of the line that fits best where both axes are logarithmic.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 2 || points.iter().any(|(x, y)| *x <= 0.0 || *y <= 0.0) {
        return None;
    }
    let count = as_number(points.len());
    let points: Vec<_> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x0, y0) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points.iter().map(|(x, y)| (x - x0) * (y - y0)).sum();
    let below: f64 = points.iter().map(|(x, _)| (x - x0).powi(2)).sum();
    (below > 0.0).then(|| above / below)
}

/// A count as a number to divide by.
pub fn as_number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// The median of each number over several rounds of the same plan.
pub fn medians(rounds: Vec<Vec<Figure>>) -> Vec<Figure> {
    let mut order = Vec::new();
    let mut by_key: BTreeMap<(String, usize), Vec<Figure>> = BTreeMap::new();
    for figure in rounds.into_iter().flatten() {
        let key = (figure.subject.clone(), figure.objects);
        if !order.contains(&key) {
            order.push(key.clone());
        }
        by_key.entry(key).or_default().push(figure);
    }
    order.iter().filter_map(|key| median_of_each(by_key.remove(key)?)).collect()
}

fn median_of_each(mut figures: Vec<Figure>) -> Option<Figure> {
    let well = figures.iter().position(|figure| figure.failure.is_none()).unwrap_or_default();
    let mut result = figures.get(well)?.clone();
    for number in NUMBERS {
        let mut values: Vec<f64> =
            figures.iter_mut().filter_map(|figure| *number(figure)).collect();
        values.sort_by(f64::total_cmp);
        *number(&mut result) = values.get(values.len() / 2).copied();
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_the_exponent_of_growth() {
        let square = slope(&[(1.0, 3.0), (2.0, 12.0), (10.0, 300.0)]).unwrap();
        assert!((square - 2.0).abs() < 1e-9, "{square}");
        assert_eq!(slope(&[(1.0, 3.0)]), None);
        assert_eq!(slope(&[(1.0, 3.0), (2.0, 0.0)]), None);
    }

    #[test]
    fn the_median_of_each_number_counts() {
        let round = |seconds, memory| {
            let subject = "bare loop".to_owned();
            vec![Figure { subject, objects: 9, seconds, memory, ..Figure::default() }]
        };
        let rounds =
            vec![round(Some(3.0), None), round(Some(1.0), Some(7.0)), round(Some(2.0), None)];
        let median = medians(rounds);
        assert_eq!(median, round(Some(2.0), Some(7.0)));
    }
}
