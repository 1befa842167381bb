//! The Chinese README has what the English one has: headings, commands, links, names. So it cannot fall behind
//! without a word.

use std::collections::BTreeSet;

use regex::Regex;

use crate::links::targets;
use crate::page::{Page, Part};

const ORIGINAL: &str = "README.md";
const TRANSLATION: &str = "README.zh-CN.md";

fn headings(page: &Page) -> Vec<usize> {
    let level = |part: &Part| match part {
        Part::Heading { level, .. } => Some(*level),
        _ => None,
    };
    page.parts.iter().filter_map(level).collect()
}

/// The blocks, without comments, which are translated.
fn blocks(page: &Page) -> Vec<(String, String)> {
    let comment = Regex::new(r"(?m)[ \t]*# .*$").unwrap();
    let block = |part: &Part| match part {
        Part::Block { language, text, .. } => {
            Some((language.clone(), comment.replace_all(text, "").into_owned()))
        }
        _ => None,
    };
    page.parts.iter().filter_map(block).collect()
}

fn links(page: &Page) -> Vec<String> {
    let links = page.prose().flat_map(|(_, text)| targets(&text));
    links.filter(|target| ![ORIGINAL, TRANSLATION].contains(&target.as_str())).collect()
}

/// What stands in backticks: names, which are not translated.
fn names(page: &Page) -> BTreeSet<String> {
    let lines = page.parts.iter().filter_map(|part| match part {
        Part::Block { .. } => None,
        Part::Heading { text, .. } | Part::Prose { text, .. } => Some(text.as_str()),
    });
    // A name may go over the end of a line.
    let text = lines.collect::<Vec<_>>().join(" ");
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows(page: &Page) -> usize {
    let is_row = |part: &&Part| matches!(part, Part::Prose { text, .. } if text.starts_with('|'));
    page.parts.iter().filter(is_row).count()
}

#[test]
fn the_translation_has_the_headings_commands_links_and_names_of_the_original() {
    let (original, translation) = (Page::read(ORIGINAL), Page::read(TRANSLATION));
    assert_eq!(headings(&translation), headings(&original), "the levels of the headings");
    assert_eq!(blocks(&translation), blocks(&original), "the blocks, but for comments");
    assert_eq!(links(&translation), links(&original), "the links");
    assert_eq!(names(&translation), names(&original), "what stands in backticks");
    assert_eq!(rows(&translation), rows(&original), "the rows of tables");
}

#[test]
fn each_readme_leads_to_the_other() {
    for (page, other) in [(ORIGINAL, TRANSLATION), (TRANSLATION, ORIGINAL)] {
        let first = Page::read(page).prose().take(4).flat_map(|(_, text)| targets(&text)).next();
        assert_eq!(first.as_deref(), Some(other), "the first link of {page}");
    }
}
