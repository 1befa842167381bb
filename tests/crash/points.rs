//! The points at which the operator is ended, and which of them are tried.

use std::fmt;

use crate::effect::{Effect, Occurrence};
use crate::gate::Moment;
use crate::start::Start;

/// How the operator is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// As a crash does.
    Kill,
    /// As Kubernetes does: it may end its pass.
    Term,
    /// As a machine does that stands still: another operator takes over, and then it goes on.
    Stop,
}

/// One crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// From where the operator sets out.
    pub start: Start,
    /// At which effect.
    pub at: Occurrence,
    /// Where in it.
    pub moment: Moment,
    /// How.
    pub signal: Signal,
}

/// The ways to end at each effect. Stopped, it is at work: what it has sent before is a late request, and
/// nobody can take that back.
pub const WAYS: [(Moment, Signal); 7] = [
    (Moment::Before, Signal::Kill),
    (Moment::Before, Signal::Term),
    (Moment::At, Signal::Kill),
    (Moment::At, Signal::Term),
    (Moment::After, Signal::Kill),
    (Moment::After, Signal::Term),
    (Moment::At, Signal::Stop),
];

impl Point {
    /// Every point at these effects.
    fn all(start: Start, effects: &[Occurrence]) -> Vec<Self> {
        effects.iter().flat_map(|at| Self::all_at(start, *at)).collect()
    }

    fn all_at(start: Start, at: Occurrence) -> Vec<Self> {
        // A gateway may hold a write up, and only a dead operator does not wait for it.
        let late = at.effect.may_be_late().then_some((Moment::Late, Signal::Kill));
        WAYS.into_iter()
            .chain(late)
            .map(|(moment, signal)| Self { start, at, moment, signal })
            .collect()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::At => "at",
            Moment::After => "after",
            Moment::Late => "late",
        };
        let signal = match self.signal {
            Signal::Kill => "SIGKILL",
            Signal::Term => "SIGTERM",
            Signal::Stop => "SIGSTOP",
        };
        write!(formatter, "{}, {}, {moment}, {signal}", self.start, self.at)
    }
}

/// Which points are tried.
pub enum Selection {
    /// All.
    All,
    /// Some of each start state.
    Few,
    /// Those with this in their names.
    Named(String),
}

impl Selection {
    /// As the variable `CRASH_POINTS` says.
    pub fn from_environment() -> Self {
        match std::env::var("CRASH_POINTS") {
            Err(_) => Self::Few,
            Ok(text) if text.is_empty() => Self::Few,
            Ok(text) if text == "all" => Self::All,
            Ok(text) => Self::Named(text),
        }
    }

    /// The effects to stop at, where there is no time to find them out.
    pub fn known_effects(&self, start: Start) -> Option<Vec<Occurrence>> {
        let hasty = matches!(self, Self::Few) && start == Start::Orphan;
        hasty.then(|| vec![Occurrence { effect: Effect::RemoveFinalizer, nth: 1 }])
    }

    /// The points to try among those at these effects.
    pub fn of(&self, start: Start, effects: &[Occurrence]) -> Vec<Point> {
        let all = Point::all(start, effects);
        match self {
            Self::All => all,
            Self::Few => few(start, effects),
            Self::Named(text) => {
                all.into_iter().filter(|point| point.to_string().contains(text)).collect()
            }
        }
    }
}

/// The hardest crash of each write, and one more of each effect in turn. Of the slow starts, one.
fn few(start: Start, effects: &[Occurrence]) -> Vec<Point> {
    let points = effects.iter().enumerate().flat_map(|(index, at)| {
        let all = Point::all_at(start, *at);
        let turn = (start as usize + index) % WAYS.len();
        let is_chosen = move |index: usize, point: &Point| match (point.moment, point.signal) {
            (Moment::At, Signal::Kill) => !matches!(at.effect, Effect::List | Effect::Look),
            (_, Signal::Stop) => at.effect.changes_the_cloud() || index == turn,
            (Moment::Late, _) => matches!(at.effect, Effect::Create | Effect::Status),
            _ => index == turn,
        };
        let numbered = all.into_iter().enumerate();
        numbered.filter(move |(index, point)| is_chosen(*index, point)).map(|(_, point)| point)
    });
    let mut points: Vec<_> = points.collect();
    if start.is_slow() {
        points.retain(|point| (point.moment, point.signal) == (Moment::At, Signal::Kill));
        points.sort_by_key(|point| !point.at.effect.changes_the_cloud());
        points.truncate(1);
    }
    points
}
