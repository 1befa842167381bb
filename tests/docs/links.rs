//! Every link within the repository leads somewhere, and every anchor is a heading.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use crate::page::{Page, Part, pages};

/// The targets of the links of a line.
pub fn targets(text: &str) -> Vec<String> {
    let link = Regex::new(r"\[[^\]]*\]\(([^)\s]+)\)").unwrap();
    link.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Page) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    for part in &page.parts {
        let Part::Heading { text, .. } = part else { continue };
        let text = link.replace_all(text, "$1").to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let another = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(another);
        let free = free.into_iter().find(|anchor| !anchors.contains(anchor));
        anchors.extend(free);
    }
    anchors
}

/// `docs/../README.md` is `README.md`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part == Component::ParentDir {
            assert!(plain.pop(), "{} leads out of the repository", path.display());
        } else {
            plain.push(part);
        }
        plain
    })
}

/// What is wrong with a link on a page.
fn fault(page: &Page, target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(&page.path).parent().unwrap();
    let path = if file.is_empty() { page.path.clone().into() } else { plain(&folder.join(file)) };
    if !path.exists() {
        return Some(format!("{} is not there", path.display()));
    }
    if anchor.is_empty() {
        return None;
    }
    let headings = anchors(&Page::read(path.to_str().unwrap()));
    (!headings.contains(anchor)).then(|| format!("{} has no heading #{anchor}", path.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut faults, mut count) = (vec![], 0);
    for page in pages() {
        for (line, text) in page.prose() {
            for target in targets(&text) {
                count += 1;
                faults.extend(
                    fault(&page, &target).map(|fault| format!("{}: {fault}", page.at(line))),
                );
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 100, "the links are not found: {count}");
    println!("{count} links followed");
}

#[test]
fn a_link_to_nowhere_is_found() {
    let page = Page::read("docs/install.md");
    for target in ["nowhere.md", "#nowhere", "faq.md#nowhere", "../nowhere"] {
        assert!(fault(&page, target).is_some(), "{target}");
    }
    for target in ["faq.md", "#upgrade", "faq.md#known-limits", "../deploy/samples"] {
        assert_eq!(fault(&page, target), None);
    }
}
