//! A page of Markdown: its headings, its fenced blocks, and its prose.

use regex::Regex;

/// Every page that people read, by its path.
pub fn pages() -> Vec<Page> {
    let mut paths: Vec<String> =
        ["README.md", "README.zh-CN.md", "SECURITY.md", "CHANGELOG.md", "deploy/chart/README.md"]
            .map(str::to_owned)
            .to_vec();
    let docs = std::fs::read_dir("docs").unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut docs: Vec<_> = docs.map(|path| path.to_str().unwrap().to_owned()).collect();
    docs.sort();
    assert!(docs.len() > 10, "the pages are not where this test looks");
    paths.extend(docs);
    paths.into_iter().map(|path| Page::read(&path)).collect()
}

pub struct Page {
    pub path: String,
    pub parts: Vec<Part>,
}

/// A piece of a page, with the number of its first line.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Heading {
        line: usize,
        level: usize,
        text: String,
    },
    Block {
        line: usize,
        language: String,
        text: String,
    },
    /// One line outside of blocks that is no heading.
    Prose {
        line: usize,
        text: String,
    },
}

impl Page {
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), parts: parts(path, &text) }
    }

    /// Where a line is, as compilers say it.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }

    /// The lines of prose and headings, without code in backticks.
    pub fn prose(&self) -> impl Iterator<Item = (usize, String)> {
        let code = Regex::new("`[^`]*`").unwrap();
        self.parts.iter().filter_map(move |part| match part {
            Part::Heading { line, text, .. } | Part::Prose { line, text } => {
                Some((*line, code.replace_all(text, "").into_owned()))
            }
            Part::Block { .. } => None,
        })
    }
}

fn parts(path: &str, text: &str) -> Vec<Part> {
    let mut parts = vec![];
    let mut lines = text.lines().enumerate();
    while let Some((index, text)) = lines.next() {
        let line = index + 1;
        if let Some(language) = text.strip_prefix("```") {
            let mut block = String::new();
            loop {
                let (_, text) = lines.next().unwrap_or_else(|| panic!("{path}:{line} has no end"));
                if text == "```" {
                    break;
                }
                block += text;
                block += "\n";
            }
            parts.push(Part::Block { line, language: language.to_owned(), text: block });
            continue;
        }
        let level = text.bytes().take_while(|byte| *byte == b'#').count();
        match text[level..].strip_prefix(' ') {
            Some(text) if level > 0 => {
                parts.push(Part::Heading { line, level, text: text.to_owned() });
            }
            _ => parts.push(Part::Prose { line, text: text.to_owned() }),
        }
    }
    parts
}

#[test]
fn a_page_falls_into_headings_blocks_and_prose() {
    let text = "# A\nb\n```sh\n# no heading\n```\n## C\n";
    let expected = [
        Part::Heading { line: 1, level: 1, text: "A".into() },
        Part::Prose { line: 2, text: "b".into() },
        Part::Block { line: 3, language: "sh".into(), text: "# no heading\n".into() },
        Part::Heading { line: 6, level: 2, text: "C".into() },
    ];
    assert_eq!(parts("x.md", text), expected);
}
