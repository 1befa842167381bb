//! The table of verdicts in `docs/gitops.md`.

use imageshare::reason::Reason;

/// What a reason looks like, at first and after `--stalled-after`.
pub struct Row {
    pub kstatus: [String; 2],
    pub argocd: [String; 2],
}

/// The row of a reason.
pub fn row(reason: Reason) -> Row {
    let page = std::fs::read_to_string("docs/gitops.md").unwrap();
    let start = format!("| `{}` | ", reason.as_str());
    let line = page.lines().find(|line| line.starts_with(&start));
    let line = line.unwrap_or_else(|| panic!("docs/gitops.md has no row for {}", reason.as_str()));
    let cells: Vec<_> =
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let [_, new, old, health, later] = &cells[..] else { panic!("{line}") };
    Row { kstatus: [new.clone(), old.clone()], argocd: [health.clone(), later.clone()] }
}
