//! Which namespaces are watched, and which of them have been listed. Pure.
//!
//! Passes begin when every namespace has been listed, since until then nobody's place among those who
//! declare a share is certain. A namespace that the operator has no rights in is not waited for: it may
//! have been deleted with its role binding, and the others are to be served all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A namespace that is watched; `None`: all are, by one watch.
pub type Scope = Option<Arc<str>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    NotYet,
    Refused,
    Done,
}

/// How far each has come.
pub struct Scopes(BTreeMap<Scope, Listed>);

impl Scopes {
    /// These namespaces, each once; without any: all.
    pub fn of(namespaces: &[String]) -> Self {
        let named = namespaces.iter().map(|name| Some(Arc::from(name.as_str())));
        let mut scopes: BTreeMap<_, _> = named.map(|scope| (scope, Listed::NotYet)).collect();
        if scopes.is_empty() {
            scopes.insert(None, Listed::NotYet);
        }
        Self(scopes)
    }

    /// What is watched.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.keys()
    }

    /// This has been listed.
    pub fn listed(&mut self, scope: &Scope) {
        self.0.insert(scope.clone(), Listed::Done);
    }

    /// The API server refuses the operator the list of this. What was listed before stays known.
    pub fn refused(&mut self, scope: &Scope) {
        if let Some(listed @ Listed::NotYet) = self.0.get_mut(scope) {
            *listed = Listed::Refused;
        }
    }

    /// Whether every object is known that the operator may know.
    pub fn are_known(&self) -> bool {
        self.0.values().all(|listed| *listed != Listed::NotYet)
    }

    /// What is not served yet, for `/readyz`.
    pub fn unserved(&self) -> Option<String> {
        let open = self.0.iter().filter(|(_, listed)| **listed != Listed::Done);
        let open: Vec<_> = open.map(|(scope, _)| scope.as_deref()).collect();
        let names: Vec<_> = open.iter().copied().flatten().collect();
        match (open.is_empty(), names.is_empty()) {
            (true, _) => None,
            (_, true) => Some("the ImageShares have not been listed yet".to_owned()),
            _ => {
                let names = names.join(", ");
                Some(format!("the ImageShares have not been listed yet in: {names}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Scopes {
        Scopes::of(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn without_a_name_all_namespaces_are_one_scope() {
        let mut all = of(&[]);
        assert_eq!(all.iter().collect::<Vec<_>>(), [&None]);
        assert_eq!(all.unserved().unwrap(), "the ImageShares have not been listed yet");
        all.listed(&None);
        assert!(all.are_known() && all.unserved().is_none());
    }

    #[test]
    fn each_namespace_is_waited_for_but_for_one_without_rights() {
        let (a, b): (Scope, Scope) = (Some("a".into()), Some("b".into()));
        let mut two = of(&["b", "a", "b"]);
        assert_eq!(two.iter().collect::<Vec<_>>(), [&a, &b]);
        two.listed(&a);
        assert!(!two.are_known());
        two.refused(&b);
        assert!(two.are_known(), "the others are served");
        assert_eq!(two.unserved().unwrap(), "the ImageShares have not been listed yet in: b");
        two.listed(&b);
        two.refused(&b);
        assert_eq!(two.unserved(), None, "what was listed stays known");
    }
}
