//! Whether the operator can do its work, for `/readyz`; and if it cannot, why.

use crate::lock::lock;
use std::sync::{Arc, Mutex};

/// Cheap to clone: clones say the same.
#[derive(Clone)]
pub struct Readiness(Arc<Mutex<Option<String>>>);

impl Readiness {
    /// Not ready, because of this.
    pub fn not_yet(why: &str) -> Self {
        Self(Arc::new(Mutex::new(Some(why.to_owned()))))
    }

    /// Says why the operator is not ready; `None`: it is.
    pub fn set(&self, why_not: Option<String>) {
        *lock(&self.0) = why_not;
    }

    /// Why the operator is not ready; `None`: it is.
    pub fn why_not(&self) -> Option<String> {
        lock(&self.0).clone()
    }
}
