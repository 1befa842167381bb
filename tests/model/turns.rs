//! The registry and its queue as shipped, in every order of a few events on two objects: what the watch
//! says, time that passes, turns that are taken and passes that end. What must hold is said here in the
//! simplest way that there is, without a queue.

use std::time::{Duration, Instant};

use imageshare::api::ImageShare;
use imageshare::core::object::{Fingerprint, Object};
use imageshare::core::object_state::{History, ObjectState};
use imageshare::core::step::Keep;
use imageshare::operator::queue::{Flow, Gate, Room, Urgency};
use imageshare::operator::registry::{Left, Registry, Work};
use serde_json::json;

/// How long a rest with a date lasts.
const REST: Duration = Duration::from_secs(10);

/// What the two objects have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Common {
    /// Region and Secret, and one place: one waits for the other.
    Flow,
    /// The region alone, with one place.
    Region,
    /// Nothing: none waits for the other.
    Nothing,
    /// The share: one owns it, and the other gets a pass when that changes.
    Share,
}

/// What can happen. The number is the object's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is applied, or changed.
    Apply(usize),
    /// It is gone.
    Gone(usize),
    /// It was not gone: what said so was behind.
    Back(usize),
    /// The watch lists anew, and brings nothing new.
    Relist,
    /// The queue is asked who is next.
    Turn,
    /// Its pass ends; it comes back when something changes, or at a time.
    End(usize, bool),
    /// The times that were set are over.
    Later,
}

const EVENTS: [Event; 13] = [
    Event::Apply(0),
    Event::Apply(1),
    Event::Gone(0),
    Event::Gone(1),
    Event::Back(0),
    Event::Back(1),
    Event::Relist,
    Event::Turn,
    Event::End(0, false),
    Event::End(0, true),
    Event::End(1, false),
    Event::End(1, true),
    Event::Later,
];

/// What is known of an object, beside the registry.
#[derive(Default)]
struct Known {
    /// Its version, while it exists.
    version: Option<u64>,
    /// How often it was made anew.
    life: u64,
    /// It has changed since its last pass began.
    is_news: bool,
    /// Its time comes.
    due: Option<Instant>,
    running: Option<Work>,
}

/// One place in each region.
struct OnePlace;

impl Gate for OnePlace {
    fn places(&self, _region: &str) -> usize {
        1
    }

    fn room(&self, _flow: &Flow, _now: Instant) -> Room {
        Room::Places(16)
    }
}

struct World {
    common: Common,
    registry: Registry,
    now: Instant,
    versions: u64,
    objects: [Known; 2],
}

impl World {
    fn new(common: Common) -> Self {
        let registry = Registry::new(None);
        registry.listed(None);
        registry.complete();
        Self { common, registry, now: Instant::now(), versions: 0, objects: Default::default() }
    }

    fn object(&self, which: usize) -> ImageShare {
        let Known { version, life, .. } = &self.objects[which];
        let other = |is_common: bool| if is_common { 0 } else { which };
        let region = other(self.common != Common::Nothing);
        let secret = other(matches!(self.common, Common::Flow | Common::Share));
        let account = other(self.common == Common::Share);
        serde_json::from_value(json!({
            "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
            "metadata": {
                "namespace": "ns", "name": format!("o{which}"), "uid": format!("{which}-{life}"),
                "generation": version, "resourceVersion": version.unwrap_or_default().to_string(),
            },
            "spec": {
                "region": format!("r{region}"), "organization": "group", "repository": "app",
                "account": format!("a{account}"), "credentialsRef": {"name": format!("s{secret}")},
            },
        }))
        .unwrap()
    }

    /// `None`: that cannot happen here.
    fn happens(&mut self, event: Event) -> Option<()> {
        match event {
            Event::Apply(which) => {
                self.versions += 1;
                let known = &mut self.objects[which];
                if known.version.is_none() {
                    known.life += 1;
                }
                (known.version, known.is_news) = (Some(self.versions), true);
                self.registry.update(&self.object(which), Urgency::News);
            }
            Event::Gone(which) => {
                self.objects[which].version?;
                self.registry.gone(&self.object(which).metadata);
                let known = &mut self.objects[which];
                (known.version, known.is_news, known.due) = (None, false, None);
            }
            Event::Back(which) => {
                let known = &self.objects[which];
                (known.version.is_none() && known.life > 0).then_some(())?;
                self.versions += 1;
                let known = &mut self.objects[which];
                (known.version, known.is_news) = (Some(self.versions), true);
                self.registry.update(&self.object(which), Urgency::News);
            }
            Event::Relist => {
                self.registry.relist(None);
                for which in [0, 1] {
                    if self.objects[which].version.is_some() {
                        self.registry.update(&self.object(which), Urgency::Routine);
                    }
                }
                self.registry.listed(None);
            }
            Event::Turn => self.turn()?,
            Event::End(which, comes_back) => self.end(which, comes_back)?,
            Event::Later => {
                self.objects.iter().find(|known| known.due.is_some_and(|due| due > self.now))?;
                self.now += REST;
            }
        }
        Some(())
    }

    /// Who is next, and whether that is right. `None` if nobody is.
    fn turn(&mut self) -> Option<()> {
        let work = self.registry.next(self.now, &OnePlace);
        let Some(work) = work else {
            let waits = (0..2).find(|which| self.is_entitled(*which) && self.has_place(*which));
            assert_eq!(waits, None, "has news or is due, and gets no turn");
            return None;
        };
        let which = usize::from(work.key.name() == "o1");
        assert!(self.has_place(which), "o{which} runs beside another in one place");
        let known = &self.objects[which];
        assert!(known.running.is_none(), "o{which} has two passes at once");
        assert!(known.version.is_some(), "o{which} is gone and gets a pass");
        // Who shares a share is woken by what becomes of the other, too.
        assert!(
            self.is_entitled(which) || self.common == Common::Share,
            "o{which} has no reason for a pass"
        );
        let object = work.object.as_ref().and_then(|packed| packed.unpack(&work.key)).unwrap();
        assert_eq!(object.metadata.generation.map(i64::unsigned_abs), known.version, "is outdated");
        let known = &mut self.objects[which];
        (known.is_news, known.due) = (false, None);
        known.running = Some(work);
        Some(())
    }

    fn is_entitled(&self, which: usize) -> bool {
        let known = &self.objects[which];
        let is_due = known.due.is_some_and(|due| due <= self.now);
        known.version.is_some() && known.running.is_none() && (known.is_news || is_due)
    }

    fn has_place(&self, which: usize) -> bool {
        self.common == Common::Nothing || self.objects[1 - which].running.is_none()
    }

    fn end(&mut self, which: usize, comes_back: bool) -> Option<()> {
        let work = self.objects[which].running.take()?;
        let object = work.object.as_ref().and_then(|packed| packed.unpack(&work.key)).unwrap();
        let seen = Object::of(&object);
        let share = seen.share_id(None).unwrap();
        let place = self.registry.place(&work.key, &share);
        let fingerprint = Fingerprint::of(&seen, &place);
        let state = ObjectState::new(fingerprint, History::default(), self.now);
        let left = Left {
            object: Some(object),
            keep: Keep::State(Box::new(state)),
            come_back: comes_back.then_some(REST),
            is_unsure: false,
            has_let_go: false,
            back_at: None,
        };
        self.registry.ended(&work.key, &work.flow, left, self.now);
        let known = &mut self.objects[which];
        // Of one that is gone, or was made anew meanwhile, nothing is remembered.
        let is_same = work.key.uid() == format!("{which}-{}", known.life);
        if comes_back && known.version.is_some() && is_same {
            known.due = Some(self.now + REST);
        }
        Some(())
    }

    /// In the end everybody who waits is served, and who is gone leaves nothing.
    fn settles(&mut self) {
        for _ in 0..20 {
            for which in [0, 1] {
                let _ = self.end(which, false);
            }
            if self.turn().is_none() && self.objects.iter().all(|known| known.running.is_none()) {
                break;
            }
        }
        for (which, known) in self.objects.iter().enumerate() {
            assert!(known.running.is_none() && !known.is_news, "o{which} never comes to rest");
            let key = self.object(which).metadata;
            let is_known = self.registry.state(&imageshare::operator::registry::Key::of(&key));
            assert_eq!(is_known.is_some(), known.version.is_some(), "o{which}");
        }
    }
}

/// Goes through every order of so many events; gives how many there were.
pub fn explore(common: Common, depth: usize) -> u64 {
    let mut path = vec![];
    let mut count = 0;
    extend(common, depth, &mut path, &mut count);
    count
}

fn extend(common: Common, depth: usize, path: &mut Vec<Event>, count: &mut u64) {
    *count += 1;
    for event in EVENTS {
        path.push(event);
        if replay(common, path) && path.len() < depth {
            extend(common, depth, path, count);
        }
        path.pop();
    }
}

/// Whether these events can follow each other.
fn replay(common: Common, path: &[Event]) -> bool {
    struct Said<'a>(Common, &'a [Event]);
    impl Drop for Said<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{:?}: {:?}", self.0, self.1);
            }
        }
    }
    let _said = Said(common, path);
    let mut world = World::new(common);
    let can_follow = path.iter().all(|event| world.happens(*event).is_some());
    if can_follow {
        world.settles();
    }
    can_follow
}
