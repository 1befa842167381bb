//! Chance that can be had again: each object's edits follow from the seed and its number alone, in
//! whatever order the objects take their turns.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A source of choices.
pub struct Dice(TestRunner);

impl Dice {
    /// The dice of one object in a run with this seed.
    pub fn new(seed: u64, object: usize) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&(object as u64).to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    /// A number in `0..end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.rng().random_range(0..end)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Any text of Unicode, not longer than so many characters.
    pub fn text(&mut self, longest: usize) -> String {
        let text = any::<String>().new_tree(&mut self.0).unwrap().current();
        text.chars().take(longest).collect()
    }

    /// A text that matches a pattern as a whole.
    pub fn matching(&mut self, pattern: &str) -> String {
        let whole = pattern.trim_start_matches('^').trim_end_matches('$');
        string_regex(whole).unwrap().new_tree(&mut self.0).unwrap().current()
    }
}
