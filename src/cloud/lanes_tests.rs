use std::future::Future;
use std::pin::pin;

use futures::FutureExt;

use super::*;
use crate::access::password::Password;
use crate::access::token::Token;
use crate::cloud::SwrError;
use crate::cloud::exchange::Refused;
use crate::cloud::lane::{HeldBack, PROBE};
use crate::cloud::throttling::Limit;
use crate::cloud::throttling::LimitBy;
use crate::reason::Reason;

const PATIENCE: Duration = Duration::from_secs(10);

fn token(text: &str) -> Credential {
    Credential::Token(Token::read(text.as_bytes()).ok().unwrap())
}

fn failed(reason: Reason) -> Result<(), SwrError> {
    Err(SwrError::without_answer(reason))
}

fn throttled(by: Option<LimitBy>, pause: Option<u64>) -> Result<(), SwrError> {
    let limit = by.map(|by| Limit { by, calls: 1, window: Duration::from_mins(1) });
    let pause = pause.map(Duration::from_secs);
    let error = SwrError::without_answer(Reason::Throttled);
    Err(SwrError { pause, retry_after: pause, limit, ..error })
}

struct World {
    lanes: Lanes,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self { lanes: Lanes::default(), now: Instant::now() }
    }

    fn lane(&self, reference: &str, region: &str, text: &str) -> Arc<Lane> {
        self.lanes.lane(reference, region, &token(text), self.now)
    }
}

/// What comes of it without any wait.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    future.now_or_never()
}

#[test]
fn a_token_is_one_lane_in_a_region_whatever_secret_it_stands_in() {
    let world = World::new();
    let lane = world.lane("ns/a/token@eu", "eu", "t");
    assert!(Arc::ptr_eq(&lane, &world.lane("other/b/token@eu", "eu", "t")));
    assert!(!Arc::ptr_eq(&lane, &world.lane("ns/a/token@us", "us", "t")));
    assert!(!Arc::ptr_eq(&lane, &world.lane("ns/a/token@eu", "eu", "another")));
}

#[tokio::test]
async fn the_first_call_of_a_credential_goes_alone_and_the_others_follow_its_acceptance() {
    let world = World::new();
    let lane = world.lane("r", "eu", "t");
    let first = lane.enter(false, PATIENCE).await.unwrap();
    let mut second = pin!(lane.enter(false, PATIENCE));
    assert!(at_once(second.as_mut()).is_none());
    lane.note(&Ok(()), Instant::now());
    drop(first);
    let second = at_once(second).unwrap().unwrap();
    assert!(at_once(lane.enter(false, PATIENCE)).unwrap().is_ok(), "nobody goes alone any more");
    drop(second);
}

#[tokio::test]
async fn who_waits_for_a_credential_that_is_rejected_makes_no_call() {
    let world = World::new();
    let lane = world.lane("r", "eu", "t");
    let first = lane.enter(false, PATIENCE).await.unwrap();
    let mut second = pin!(lane.enter(false, PATIENCE));
    assert!(at_once(second.as_mut()).is_none());
    lane.note(&failed(Reason::Unauthorized), Instant::now());
    drop(first);
    assert_eq!(at_once(second).unwrap().err(), Some(HeldBack::Rejected));
    assert!(lane.enter(true, PATIENCE).await.is_ok(), "the last try goes out all the same");
}

#[test]
fn a_rejected_credential_is_tried_again_once_per_quarter_of_an_hour() {
    let world = World::new();
    let (lane, now) = (world.lane("r", "eu", "t"), world.now);
    assert!(!lane.is_rejected(now));
    lane.note(&failed(Reason::Unauthorized), now);
    assert!(lane.is_rejected(now + PROBE / 2));
    assert!(!lane.is_rejected(now + PROBE), "one probe");
    lane.note(&failed(Reason::Unauthorized), now + PROBE);
    assert!(lane.is_rejected(now + PROBE + PROBE / 2));
    lane.note(&failed(Reason::Forbidden), now + PROBE);
    assert!(!lane.is_rejected(now + PROBE), "who is refused something is known");
}

#[tokio::test]
async fn who_waited_while_the_region_kept_silent_does_not_wait_for_the_same_again() {
    let world = World::new();
    let lane = world.lane("r", "eu", "t");
    let first = lane.enter(false, PATIENCE).await.unwrap();
    let mut second = pin!(lane.enter(false, PATIENCE));
    assert!(at_once(second.as_mut()).is_none());
    lane.note(&failed(Reason::Timeout), Instant::now());
    drop(first);
    assert_eq!(at_once(second).unwrap().err(), Some(HeldBack::Silent));
    assert!(lane.enter(false, PATIENCE).await.is_ok(), "who comes later tries");
}

#[test]
fn a_region_earns_its_places_and_loses_them_when_it_keeps_silent() {
    let world = World::new();
    assert_eq!(world.lanes.places("eu"), PLACES_FIRST);
    let (lane, other) = (world.lane("r", "eu", "t"), world.lane("s", "us", "t"));
    for _ in 0..PLACES_MAX {
        lane.note(&failed(Reason::Forbidden), world.now);
    }
    assert_eq!(world.lanes.places("eu"), PLACES_MAX);
    lane.note(&failed(Reason::Timeout), world.now);
    assert_eq!(world.lanes.places("eu"), 1);
    lane.note(&throttled(None, None), world.now);
    assert_eq!(world.lanes.places("eu"), 1, "a gateway's word says nothing of SWR");
    lane.note(&Ok(()), world.now);
    assert_eq!((world.lanes.places("eu"), world.lanes.places("us")), (2, PLACES_FIRST));
    drop(other);
}

#[test]
fn a_pause_holds_back_its_lane_or_its_region_as_the_gateway_says() {
    for (by, others_are_paused) in [
        (None, false),
        (Some(LimitBy::User), false),
        (Some(LimitBy::Ip), true),
        (Some(LimitBy::Api), true),
    ] {
        let world = World::new();
        let (lane, other) = (world.lane("r", "eu", "t"), world.lane("s", "eu", "u"));
        let elsewhere = world.lane("r@us", "us", "t");
        for lane in [&lane, &other, &elsewhere] {
            lane.note(&Ok(()), world.now);
        }
        lane.note(&throttled(by, Some(60)), world.now);
        let until = world.now + Duration::from_mins(1);
        assert_eq!(world.lanes.room("r", world.now), Err(until), "{by:?}");
        assert_eq!(world.lanes.room("s", world.now).is_err(), others_are_paused, "{by:?}");
        assert!(world.lanes.room("r@us", world.now).is_ok(), "{by:?}");
        assert!(world.lanes.room("r", until).is_ok(), "{by:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_pause_is_waited_for_and_a_long_one_is_said() {
    let world = World::new();
    let lane = world.lane("r", "eu", "t");
    lane.note(&Ok(()), Instant::now());
    lane.note(&throttled(None, Some(60)), Instant::now());
    let Err(HeldBack::Paused(left)) = lane.enter(false, PATIENCE).await else { panic!() };
    assert!(left > Duration::from_secs(50));
}

#[test]
fn a_503_that_names_a_pause_holds_back_its_lane() {
    let world = World::new();
    let lane = world.lane("r", "eu", "t");
    let pause = Some(Duration::from_mins(1));
    let answer: Result<(), _> = Err(SwrError {
        pause,
        retry_after: pause,
        ..SwrError::without_answer(Reason::GatewayError)
    });
    lane.note(&answer, world.now);
    assert_eq!(world.lanes.room("r", world.now), Err(world.now + Duration::from_mins(1)));
}

#[test]
fn the_last_accepted_token_of_each_reference_is_kept_for_its_life() {
    let world = World::new();
    let (lanes, start) = (&world.lanes, world.now);
    let known = |name: &str, now| lanes.last_known(name, now).map(|known| known == token("new"));
    assert!(lanes.last_known("a", start).is_none());
    lanes.accepted("a", &token("old"), start);
    lanes.accepted("a", &token("new"), start);
    assert_eq!(known("a", start), Some(true));
    assert_eq!(known("a", start + TOKEN_LIFE), None, "its token is over");
    lanes.forget("a", &token("newer"));
    assert_eq!(known("a", start), Some(true), "another token was rejected");
    lanes.forget("a", &token("new"));
    assert_eq!(known("a", start), None);
    lanes.keep("a", &token("untried"), start);
    assert_eq!(known("a", start), Some(false));
    lanes.accepted("a", &token("new"), start);
    lanes.keep("a", &token("untried"), start);
    assert_eq!(known("a", start), Some(true));
}

#[test]
fn what_is_out_of_use_is_forgotten() {
    let world = World::new();
    for number in 0..1_000 {
        let now = world.now + TOKEN_LIFE * number;
        let name = number.to_string();
        world.lanes.lane(&name, &name, &token(&name), now);
    }
    let last = world.now + TOKEN_LIFE * 999;
    assert!(world.lanes.room("999", last).is_ok());
    assert!(lock(&world.lanes.references).get("0").is_none());
    assert!(lock(&world.lanes.by_credential).get(&("0".to_owned(), token("0"))).is_none());
    assert!(lock(&world.lanes.regions).get("0").is_none());
}

#[test]
fn what_is_told_of_credentials_is_told_of_those_in_use_whoever_rejects_them() {
    let World { lanes, now } = World::new();
    let password = Password::new("acme".into(), "robot".into(), "wrong".into(), None);
    let signed = lanes.lane("user@eu", "eu", &Credential::Password(password), now);
    let token_lane = lanes.lane("token@eu", "eu", &token("a"), now);
    let unused = lanes.lane("unused@eu", "eu", &token("b"), now);
    let in_use = || ["user@eu", "token@eu", "never@eu"].map(str::to_owned).into();
    let well = Told { is_rejected: false, ends_at: None };
    let told = |changes: [Told; 2]| {
        let [token, user] = changes;
        vec![("token@eu".to_owned(), token), ("user@eu".to_owned(), user)]
    };
    assert_eq!(lanes.told(in_use(), now), told([well, well]));
    token_lane.exchange.note_end(Timestamp::UNIX_EPOCH);
    token_lane.note(&failed(Reason::Unauthorized), now);
    unused.note(&failed(Reason::Unauthorized), now);
    let refused = Refused { reason: Reason::SignInRejected, evidence: String::new() };
    signed.exchange.refused(refused, now);
    let rejected = Told { is_rejected: true, ..well };
    let token = Told { ends_at: Some(Timestamp::UNIX_EPOCH), ..rejected };
    assert_eq!(lanes.told(in_use(), now), told([token, rejected]));
}
