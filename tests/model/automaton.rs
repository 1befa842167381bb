//! The shipped passes as a small automaton: each is met again and again, so it is kept once, by a
//! number, and what an answer makes of it is asked once. So a world is a few numbers, and behind
//! tens of millions of worlds stand some ten thousand passes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use imageshare::access::credentials::SecretVersion;
use imageshare::api::ImageShareStatus;
use imageshare::cloud::RemoteShare;
use imageshare::core::effect::{Answer, Effect, Failure, NoCredentials, Ready};
use imageshare::core::facts::{Jitter, Now};
use imageshare::core::object::{Fingerprint, Object};
use imageshare::core::object_state::ObjectState;
use imageshare::core::ownership::{Claim, Contest, Move, Role};
use imageshare::core::pass::Pass;
use imageshare::core::status;
use imageshare::core::step::{End, Start, Step};
use imageshare::reason::Reason;
use jiff::Timestamp;

use crate::changes::{Aging, Change, Digest, Kept};
use crate::search::Quick;
use crate::settings::{GRACE, Setting};
use crate::small::{Came, Interned, Placed, Verb, Wanted, Which};
use crate::world::{Owners, Terms};

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// The one moment at which everything happens; what lies ahead of it has not come yet.
pub fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    let monotonic = start + Duration::from_hours(1000);
    Now { monotonic, wall: Timestamp::UNIX_EPOCH, cloud: Some(Timestamp::UNIX_EPOCH) }
}

/// What a pass begins with: the object and whether it is outdated, its place, its state, the times.
type Begun = (u32, bool, Placed, Option<u32>, [bool; 2]);

/// All that passes, objects and owners can be.
#[derive(Default)]
pub struct Automaton {
    pub objects: Interned<Object>,
    pub states: Interned<ObjectState>,
    pub statuses: Interned<ImageShareStatus>,
    pub contests: Interned<Contest<u8>>,
    pub ends: Interned<End>,
    passes: Interned<Pass>,
    wanted: Vec<Wanted>,
    answered: Map<(u32, Came), u32>,
    begun: HashMap<Begun, u32>,
    owners: Map<(u32, Deal), (u32, u8, Placed)>,
    pub(crate) digests: Map<u32, Digest>,
    pub(crate) changes: Map<(u32, Change), u32>,
    pub(crate) agings: Map<(u32, Aging), Option<u32>>,
    pub(crate) kept: Map<u32, Kept>,
}

/// Something that happens to the owners of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deal {
    /// The watch says this of the object with this key.
    Update(u8, u32),
    Leave(u8),
    Make(u8, Move),
    Ask(u8),
}

impl Automaton {
    /// The pass over an object that begins now.
    pub fn begin(
        &mut self,
        setting: &Setting,
        (object, is_outdated): (u32, bool),
        place: Placed,
        state: Option<u32>,
        [is_young, is_long_ago]: [bool; 2],
    ) -> u32 {
        let key = (object, is_outdated, place, state, [is_young, is_long_ago]);
        if let Some(pass) = self.begun.get(&key) {
            return *pass;
        }
        let former = if is_young { Duration::ZERO } else { Duration::from_hours(500) };
        let start = Start {
            object: (*self.objects.get(object)).clone(),
            is_outdated,
            deleted_for: if is_long_ago { GRACE } else { Duration::ZERO },
            place: place.open(),
            state: state.map(|state| (*self.states.get(state)).clone()),
            settings: setting.settings(),
            leads_since: earlier(former),
            jitter: Jitter(0),
            repository_jitter: Jitter(0),
        };
        let pass = Pass::begin_by(setting.rules, start, &now());
        let number = self.keep(pass);
        self.begun.insert(key, number);
        number
    }

    /// What a pass wants.
    pub fn wanted(&self, pass: u32) -> Wanted {
        self.wanted[pass as usize]
    }

    /// What an answer makes of a pass.
    pub fn on(&mut self, pass: u32, came: Came) -> u32 {
        if let Some(next) = self.answered.get(&(pass, came)) {
            return *next;
        }
        let mut next = (*self.passes.get(pass)).clone();
        next.on(self.answer(came), &now());
        let number = self.keep(next);
        self.answered.insert((pass, came), number);
        number
    }

    fn keep(&mut self, mut pass: Pass) -> u32 {
        let step = pass.next(&now());
        let number = self.passes.number(pass);
        if self.wanted.len() < self.passes.len() {
            let wanted = self.small(step);
            self.wanted.push(wanted);
        }
        number
    }

    fn small(&mut self, step: Step) -> Wanted {
        use imageshare::core::effect::Credentials::{Current, LastKnown, ToKeep};
        match step {
            Step::Done(end) => Wanted::Done(self.ends.number(*end)),
            Step::Do(effect) => match effect {
                Effect::ReadObject => Wanted::ReadObject,
                Effect::ReadCrd { .. } => Wanted::ReadCrd,
                Effect::ReadCredentials(which) => Wanted::ReadCredentials(match which {
                    Current { is_last_try: false, .. } => Which::Current,
                    Current { is_last_try: true, .. } => Which::LastTry,
                    LastKnown => Which::LastKnown,
                    ToKeep => Which::ToKeep,
                }),
                Effect::AddFinalizer => Wanted::AddFinalizer,
                Effect::RemoveFinalizer => Wanted::RemoveFinalizer,
                Effect::WriteStatus(status) => {
                    let said = status::reason_of(Some(&status), status.observed_generation);
                    let number = self.statuses.number(Arc::unwrap_or_clone(status));
                    Wanted::WriteStatus(number, said == Some(Reason::Shared))
                }
                Effect::Emit(event) => {
                    Wanted::Emit { is_orphan: event.reason() == "ShareOrphaned" }
                }
                Effect::Transfer(made) => Wanted::Transfer(made),
                Effect::List(_) => Wanted::List,
                Effect::Look => Wanted::Look,
                Effect::Create(terms) => Wanted::Create(Terms::of(&terms)),
                Effect::Update(terms) => Wanted::Update(Terms::of(&terms)),
                Effect::Delete => Wanted::Delete,
            },
        }
    }

    fn answer(&self, came: Came) -> Answer {
        let at = now().monotonic;
        let version = || SecretVersion {
            reference: "swr".into(),
            version: "1".into(),
            words: "Secret swr".into(),
        };
        let share = |terms: Option<Terms>| terms.map(|terms| RemoteShare::as_written(terms.open()));
        match came {
            Came::Read { object, is_unchanged } => {
                Answer::Read { object: (*self.objects.get(object)).clone(), is_unchanged }
            }
            Came::Written(object) => Answer::Written((*self.objects.get(object)).clone()),
            Came::Refused(refusal) => Answer::Refused(refusal),
            Came::Crd => Answer::Crd { is_deleting: false },
            Came::Credentials => {
                Answer::Credentials(Ok(Ready { secret: Some(version()), end: None }))
            }
            Came::Rejected => Answer::Credentials(Err(NoCredentials::Rejected(version()))),
            Came::NothingKnown => {
                let unusable =
                    NoCredentials::Unusable(Reason::SecretNotFound, "Secret swr".into(), None);
                Answer::Credentials(Err(unusable))
            }
            Came::Terminating => Answer::Credentials(Err(NoCredentials::Terminating(
                Reason::SecretNotFound,
                "Secret swr".into(),
            ))),
            Came::Unread => Answer::Credentials(Err(NoCredentials::Unread)),
            Came::Emitted => Answer::Emitted(Some(true)),
            Came::Place(placed) => Answer::Place(placed.open()),
            Came::Listed(terms) => {
                Answer::Listed { share: Ok(share(terms)), at, jitter: Jitter(0) }
            }
            Came::Looked(terms) => Answer::Looked(Ok(share(terms)), at),
            Came::Created(created) => Answer::Created(Ok(created)),
            Came::Updated(updated) => Answer::Updated(Ok(updated)),
            Came::Deleted => Answer::Deleted(Ok(())),
            Came::Failed(verb, reason) => failed(verb, reason),
            Came::NoWriteRight => Answer::NoWriteRight,
        }
    }

    /// What a deal makes of the owners: whom it concerns, as a set of slots, and the place of the
    /// object that asks.
    pub fn deal(&mut self, contest: u32, deal: Deal) -> (u32, u8, Placed) {
        if let Some(known) = self.owners.get(&(contest, deal)) {
            return *known;
        }
        let mut next = (*self.contests.get(contest)).clone();
        let (who, concerned) = match deal {
            Deal::Update(who, object) => match self.claim(who, object) {
                Some(claim) => (who, next.update(claim)),
                None => (who, next.leave(&who)),
            },
            Deal::Leave(who) => (who, next.leave(&who)),
            Deal::Make(who, made) => (who, next.make(&who, made)),
            Deal::Ask(who) => (who, vec![]),
        };
        // Only who asks takes a share that has no owner.
        let is_asked = matches!(deal, Deal::Make(..) | Deal::Ask(_));
        let placed = if is_asked {
            Placed { role: next.role(&who), other: next.other(&who).copied() }
        } else {
            Placed { role: Role::Owner { has_candidate: false }, other: None }
        };
        let concerned = concerned.iter().fold(0, |set, who| set | 1 << (who / 8));
        let result = (self.contests.number(next), concerned, placed);
        self.owners.insert((contest, deal), result);
        result
    }

    fn claim(&self, who: u8, object: u32) -> Option<Claim<u8>> {
        let age = i64::from(who % 8) * 10 + i64::from(who / 8);
        self.objects.get(object).claim(who, Timestamp::from_second(age).unwrap())
    }

    /// The object as a pass has it.
    pub fn object_of(&mut self, pass: u32) -> u32 {
        let object = self.passes.get(pass).object().clone();
        self.objects.number(object)
    }

    /// What of a pass's object is worth a pass.
    pub fn fingerprint(&self, pass: u32) -> Fingerprint {
        let pass = self.passes.get(pass);
        Fingerprint::of(pass.object(), pass.place())
    }

    /// How many passes there are.
    pub fn passes(&self) -> usize {
        self.passes.len()
    }
}

fn failed(verb: Verb, reason: Reason) -> Answer {
    let failure = Failure { reason, evidence: String::new(), pause: None, request_id: None };
    let at = now().monotonic;
    match verb {
        Verb::List => Answer::Listed { share: Err(failure), at, jitter: Jitter(0) },
        Verb::Look => Answer::Looked(Err(failure), at),
        Verb::Create => Answer::Created(Err(failure)),
        Verb::Update => Answer::Updated(Err(failure)),
        Verb::Delete => Answer::Deleted(Err(failure)),
    }
}

/// The moment so long before now.
pub fn earlier(by: Duration) -> Instant {
    now().monotonic.checked_sub(by).unwrap()
}

/// One automaton for one search.
pub type Shared = RefCell<Automaton>;

/// No owner, nobody who claims anything.
pub fn nobody(automaton: &mut Automaton) -> Owners {
    automaton.contests.number(Contest::default())
}
