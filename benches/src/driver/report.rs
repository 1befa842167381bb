//! The table: printed, and put into `docs/performance.md`.

use std::collections::BTreeSet;
use std::fs;

use super::figures::{Figure, Figures};
use super::machine;
use super::measure::{BARE_DELETION, DELETION, RESTART};
use super::subject::Subject;
use super::world::World;
use crate::Outcome;

/// Figures to stand beside the measured ones. Only a person changes them.
pub const BASELINE: &str = "benches/baseline.json";
const PAGE: &str = "docs/performance.md";
/// What stands between these lines of the page is written anew.
const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- end -->\n";

const COLUMNS: [&str; 14] = [
    "subject",
    "objects",
    "before: × bare, CPU, ms, KiB",
    "seconds",
    "× bare",
    "CPU ms",
    "KiB",
    "reads",
    "writes",
    "cloud calls",
    "all CPU ms",
    "× bare CPU",
    "others %",
    "growth of time, CPU",
];

/// Prints the table and puts it into the page; keeps the figures in `target/bench/figures.json`.
pub fn write(baseline: &Figures, figures: &Figures, notes: &[String]) -> Outcome<()> {
    figures.write(&World::file("figures.json"))?;
    let text = text(baseline, figures, notes);
    println!("{text}");
    let page = fs::read_to_string(PAGE)?;
    let (head, rest) = page.split_once(BEGIN).ok_or(format!("{PAGE} lacks {BEGIN:?}"))?;
    let (_, tail) = rest.split_once(END).ok_or(format!("{PAGE} lacks {END:?}"))?;
    Ok(fs::write(PAGE, format!("{head}{BEGIN}\n{text}\n{END}{tail}"))?)
}

/// One figure on a line, for the progress of a run.
pub fn line(figure: &Figure) -> String {
    let [subject, objects, rest @ ..] = cells(figure);
    let names = &COLUMNS[3..13];
    let rest = rest.iter().zip(names).filter(|(cell, _)| *cell != ABSENT);
    let rest: Vec<_> = rest.map(|(cell, name)| format!("{name} {cell}")).collect();
    format!("{subject}, {objects} objects: {}", rest.join(", "))
}

fn text(baseline: &Figures, figures: &Figures, notes: &[String]) -> String {
    let mut lines = vec![
        format!("Measured {} at {} on {}.", figures.date, figures.version, figures.machine),
        format!("Before: {} at {} on {}.", baseline.date, baseline.version, baseline.machine),
        format!("With {}.", machine::versions()),
        String::new(),
    ];
    lines.extend(table(&rows(baseline, figures)));
    let failures = figures.rows.iter().filter_map(|figure| {
        let failure = figure.failure.as_ref()?;
        Some(format!("{} with {} objects: {failure}", figure.subject, figure.objects))
    });
    let notes: Vec<_> =
        notes.iter().cloned().chain(failures).map(|note| format!("- {note}")).collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines.join("\n") + "\n"
}

fn rows(baseline: &Figures, figures: &Figures) -> Vec<Vec<String>> {
    let subjects = Subject::ALL.iter().map(|subject| subject.name());
    let subjects = subjects.chain([RESTART, BARE_DELETION, DELETION]);
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    for subject in subjects {
        let of_subject = figures.rows.iter().chain(&baseline.rows);
        let objects = of_subject.filter(|figure| figure.subject == subject);
        let objects: BTreeSet<_> = objects.map(|figure| figure.objects).collect();
        let largest = figures.rows.iter().filter(|figure| figure.subject == subject);
        let largest = largest.map(|figure| figure.objects).max();
        for count in objects {
            let absent = Figure { subject: subject.into(), objects: count, ..Figure::default() };
            let now = cells(figures.find(subject, count).unwrap_or(&absent));
            let [subject_name, count_text, numbers @ ..] = now;
            let before = baseline.find(subject, count).map_or(ABSENT.into(), in_short);
            let growth = figures.growth(subject).filter(|_| largest == Some(count));
            let growth = growth.map_or(String::new(), |(time, cpu)| format!("{time:.2}, {cpu:.2}"));
            let mut row = vec![subject_name, count_text, before];
            row.extend(numbers);
            row.push(growth);
            rows.push(row);
        }
    }
    rows
}

const ABSENT: &str = "–";

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(ABSENT.into(), |value| format!("{value:.digits$}"))
}

/// The columns of the baseline in one: time and all CPU beside the bare loop, own CPU, memory.
fn in_short(figure: &Figure) -> String {
    let ratios = [figure.ratio, figure.all_ratio, figure.cpu].map(|value| number(value, 2));
    format!("{}, {}", ratios.join(", "), number(figure.memory, 1))
}

fn cells(figure: &Figure) -> [String; 12] {
    [
        figure.subject.clone(),
        figure.objects.to_string(),
        number(figure.seconds, 2),
        number(figure.ratio, 2),
        number(figure.cpu, 2),
        number(figure.memory, 1),
        number(figure.reads, 2),
        number(figure.writes, 2),
        number(figure.calls, 2),
        number(figure.all_cpu, 2),
        number(figure.all_ratio, 2),
        number(figure.others, 0),
    ]
}

/// Markdown that is aligned too, so that it can be read as it is.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        if column == 0 { "-".repeat(*width) } else { "-".repeat(width - 1) + ":" }
    });
    let rule = format!("| {} |", rule.collect::<Vec<_>>().join(" | "));
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.insert(1.min(lines.len()), rule);
    lines
}
