//! What these tests share with the others on a real API server.

#[path = "../e2e/support/world.rs"]
mod world;

pub use world::{ControlPlane, world};

use std::path::PathBuf;

/// A folder of this test's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("docs-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
