//! A map that forgets what is out of use by itself: it looks through its entries once for each
//! doubling, so a call costs the same however many there are. Decides nothing about what is in use.

use std::collections::HashMap;
use std::hash::Hash;

/// Below that, nothing is looked through.
const SMALL: usize = 64;

/// The map.
pub struct Evicting<K, V> {
    entries: HashMap<K, V>,
    look_through_at: usize,
}

impl<K, V> Default for Evicting<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), look_through_at: SMALL }
    }
}

impl<K: Eq + Hash, V> Evicting<K, V> {
    /// The value of `key`, made if there is none. Then is the time to forget those that are not
    /// `in_use`.
    pub fn get_or_insert(
        &mut self,
        key: K,
        make: impl FnOnce() -> V,
        in_use: impl Fn(&V) -> bool,
    ) -> &mut V {
        if self.entries.len() >= self.look_through_at && !self.entries.contains_key(&key) {
            self.entries.retain(|_, value| in_use(value));
            self.look_through_at = SMALL.max(self.entries.len() * 2);
        }
        self.entries.entry(key).or_insert_with(make)
    }

    /// Forgets the others.
    pub fn retain(&mut self, stays: impl Fn(&K, &V) -> bool) {
        self.entries.retain(|key, value| stays(key, value));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    /// The value of `key`.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.get(key)
    }

    /// The value of `key`, to change it.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.get_mut(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_use_is_forgotten_before_the_map_doubles() {
        let mut map = Evicting::default();
        for key in 0..1_000 {
            map.get_or_insert(key, || key, |value| *value >= 990);
        }
        assert!(map.entries.len() <= SMALL + 10, "{}", map.entries.len());
        assert_eq!(map.get(&999), Some(&999));
        assert_eq!(map.get(&0), None);
    }

    #[test]
    fn what_is_in_use_stays() {
        let mut map = Evicting::default();
        for key in 0..1_000 {
            map.get_or_insert(key, || key, |_| true);
        }
        assert_eq!(map.entries.len(), 1_000);
        assert_eq!(map.get_mut(&5), Some(&mut 5));
        assert_eq!(map.get_mut(&1_000), None);
    }
}
