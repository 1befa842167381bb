//! The Go modules that the tools of `tests/tools` are built from: they hold CRDs, too.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of a Go module that a tool is built from.
pub fn module_folder(tool: &str, module: &str) -> PathBuf {
    let output = Command::new("go")
        .args(["mod", "download", "-json", module])
        .current_dir(Path::new("tests/tools").join(tool))
        .env("GOWORK", "off")
        .output()
        .unwrap();
    let module: Value = serde_json::from_slice(&output.stdout).unwrap();
    PathBuf::from(module["Dir"].as_str().unwrap_or_else(|| panic!("{module}")))
}
