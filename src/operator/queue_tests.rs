use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// A gate that can be set.
#[derive(Default)]
struct Gates {
    places: RefCell<BTreeMap<&'static str, usize>>,
    rooms: RefCell<BTreeMap<&'static str, Room>>,
}

impl Gate for Gates {
    fn places(&self, region: &str) -> usize {
        self.places.borrow().get(region).copied().unwrap_or(usize::MAX)
    }

    fn room(&self, flow: &Flow, _now: Instant) -> Room {
        let rooms = self.rooms.borrow();
        rooms.get(flow.reference.as_str()).copied().unwrap_or(Room::Places(usize::MAX))
    }
}

fn flow(region: &str, secret: &str) -> Arc<Flow> {
    Arc::new(Flow { region: region.into(), reference: secret.into() })
}

/// A queue with the turns of its objects.
#[derive(Default)]
struct World {
    queue: Queue<u32>,
    turns: BTreeMap<u32, Turn>,
    gates: Gates,
}

impl World {
    fn ready(&mut self, key: u32, flow: &Arc<Flow>, urgency: Urgency) {
        self.queue.ready(&key, self.turns.entry(key).or_default(), flow, (urgency, Instant::now()));
    }

    fn take(&mut self, now: Instant) -> Option<u32> {
        let (key, ..) = self.queue.take(now, &self.gates)?;
        self.turns.insert(key, Turn::Running(None));
        Some(key)
    }

    /// All that may run, without any of them ending.
    fn take_all(&mut self) -> Vec<u32> {
        let now = Instant::now();
        std::iter::from_fn(|| self.take(now)).collect()
    }

    fn ended(&mut self, key: u32, flow: &Arc<Flow>) -> Option<Urgency> {
        self.queue.ended(flow);
        let Some(Turn::Running(again)) = self.turns.insert(key, Turn::Idle) else { panic!() };
        again
    }
}

#[test]
fn flows_and_regions_take_turns() {
    let mut world = World::default();
    let (a, b, c) = (flow("eu", "a"), flow("eu", "b"), flow("us", "c"));
    for key in 0..4 {
        world.ready(key, &a, Urgency::News);
    }
    for key in 10..12 {
        world.ready(key, &b, Urgency::News);
    }
    for key in 20..22 {
        world.ready(key, &c, Urgency::News);
    }
    assert_eq!(world.take_all(), [0, 20, 10, 21, 1, 11, 2, 3]);
}

#[test]
fn news_go_first_but_not_always() {
    let mut world = World::default();
    let a = flow("eu", "a");
    for key in 0..3 {
        world.ready(key, &a, Urgency::Routine);
    }
    for key in 10..15 {
        world.ready(key, &a, Urgency::News);
    }
    assert_eq!(world.take_all(), [10, 11, 12, 0, 13, 14, 1, 2]);
}

#[test]
fn a_region_without_a_free_place_keeps_nobody_else_waiting() {
    let mut world = World::default();
    let (a, b) = (flow("eu", "a"), flow("us", "b"));
    world.gates.places.borrow_mut().insert("eu", 1);
    for key in 0..3 {
        world.ready(key, &a, Urgency::News);
        world.ready(10 + key, &b, Urgency::News);
    }
    assert_eq!(world.take_all(), [0, 10, 11, 12]);
    assert_eq!(world.ended(0, &a), None);
    assert_eq!(world.take_all(), [1]);
    world.gates.places.borrow_mut().insert("eu", 2);
    world.ended(1, &a);
    assert_eq!(world.take_all(), [2]);
}

#[test]
fn a_flow_has_its_own_bound_and_comes_back_when_one_of_its_passes_ends() {
    let mut world = World::default();
    let (a, b) = (flow("eu", "a"), flow("eu", "b"));
    world.gates.rooms.borrow_mut().insert("a", Room::Places(1));
    for key in 0..2 {
        world.ready(key, &a, Urgency::News);
        world.ready(10 + key, &b, Urgency::News);
    }
    assert_eq!(world.take_all(), [0, 10, 11]);
    world.ended(10, &b);
    assert_eq!(world.take_all(), [0; 0]);
    world.ended(0, &a);
    assert_eq!(world.take_all(), [1]);
}

#[test]
fn a_flow_that_is_paused_comes_back_when_its_pause_is_over() {
    let mut world = World::default();
    let (a, b, now) = (flow("eu", "a"), flow("eu", "b"), Instant::now());
    let until = now + Duration::from_mins(1);
    world.gates.rooms.borrow_mut().insert("a", Room::NotBefore(until));
    world.ready(0, &a, Urgency::News);
    world.ready(1, &b, Urgency::News);
    assert_eq!(world.take(now), Some(1));
    assert_eq!(world.take(now), None);
    assert_eq!(world.queue.next_moment(), Some(until));
    world.gates.rooms.borrow_mut().remove("a");
    assert_eq!(world.take(until), Some(0));
    assert_eq!(world.queue.next_moment(), None);
}

#[test]
fn what_comes_up_while_a_pass_runs_is_known_at_its_end() {
    let mut world = World::default();
    let a = flow("eu", "a");
    world.ready(0, &a, Urgency::News);
    assert_eq!(world.take_all(), [0]);
    world.ready(0, &a, Urgency::News);
    world.ready(0, &a, Urgency::Routine);
    assert_eq!(world.take_all(), [0; 0]);
    assert_eq!(world.ended(0, &a), Some(Urgency::News));
}

#[test]
fn an_object_is_due_at_its_moment_and_a_new_moment_replaces_it() {
    let mut world = World::default();
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let mut turn = Turn::Idle;
    world.queue.wait(&7, &mut turn, at(5));
    world.queue.wait(&7, &mut turn, at(9));
    assert_eq!(world.queue.expired(at(8)), None);
    assert_eq!(world.queue.expired(at(9)), Some(7));
    assert_eq!(world.queue.expired(at(9)), None);
    world.queue.wait(&7, &mut turn, at(20));
    world.queue.forget(&7, &mut turn);
    assert_eq!(world.queue.next_moment(), None);
}

proptest! {
    #[test]
    fn whatever_happens_everything_that_is_due_runs_once_within_all_bounds_and_nothing_stays_behind(
        objects in proptest::collection::vec((0_u32..4, 0_u32..3, any::<bool>()), 1..60),
        places in 1_usize..4,
        room in 1_usize..4,
        order in proptest::collection::vec(any::<usize>(), 200),
    ) {
        const REGIONS: [&str; 4] = ["a", "b", "c", "d"];
        let mut world = World::default();
        for region in REGIONS {
            world.gates.places.borrow_mut().insert(region, places);
        }
        world.gates.rooms.borrow_mut().insert("0", Room::Places(room));
        let flows: Vec<_> = objects.iter()
            .map(|(region, secret, _)| flow(REGIONS[*region as usize], &secret.to_string())).collect();
        for (key, (_, _, is_news)) in (0..).zip(&objects) {
            let urgency = if *is_news { Urgency::News } else { Urgency::Routine };
            world.ready(key, &flows[key as usize], urgency);
        }
        let (mut running, mut done) = (vec![], vec![]);
        for pick in order.iter().cycle() {
            running.extend(world.take_all());
            if running.is_empty() {
                break;
            }
            for region in REGIONS {
                let here = running.iter().filter(|key| flows[**key as usize].region == region);
                let first = here.clone().filter(|key| flows[**key as usize].reference == "0").count();
                prop_assert!(here.count() <= places && first <= room);
            }
            let key = running.swap_remove(pick % running.len());
            world.ended(key, &flows[key as usize]);
            done.push(key);
        }
        done.sort_unstable();
        prop_assert_eq!(done, (0..u32::try_from(objects.len()).unwrap()).collect::<Vec<_>>());
        prop_assert!(world.queue.flows.is_empty() && world.queue.regions.is_empty());
    }
}
