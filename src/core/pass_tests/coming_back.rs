//! When a pass comes back, and what is remembered until then.

use super::*;

#[test]
fn what_an_earlier_life_has_settled_is_resumed_within_a_fifth_of_its_interval() {
    for (repository_jitter, end) in [
        (Jitter(0), "resumed, back in 200ms"),
        (MIDDLE, "resumed, back in 60.2s"),
        (Jitter(u32::MAX), "resumed, back in 120.199999972s"),
    ] {
        let start = Start { repository_jitter, ..start(shared("forever")) };
        let walked = walk(start, [("credentials to keep", Well)], end);
        assert_eq!(walked.object, shared("forever"));
    }
    let without = no_secret();
    let start = start(shared("forever"));
    walk(start, [("credentials to keep", without)], "resumed, back in 60.2s");
}

#[test]
fn an_object_whose_secret_could_not_be_read_is_resumed_later() {
    walk(
        start(shared("forever")),
        [("credentials to keep", without_credentials(NoCredentials::Unread))],
        "as it was, back in 2s",
    );
}

#[test]
fn only_what_is_settled_is_resumed() {
    let shared = || shared("forever");
    let requested_at = Some("now".to_owned());
    let looks = [
        Object { requested_at, ..shared() },
        in_doubt(),
        with_spec(shared(), |spec| spec.management_policy = ManagementPolicy::Observe),
    ];
    for object in looks {
        let mut pass = Pass::begin(start(object), &now());
        let first = pass.next(&now());
        let current = Credentials::Current { refused: None, is_last_try: false };
        assert_eq!(first, Step::Do(Effect::ReadCredentials(current)), "{pass:?}");
    }
    let duplicate = Start { place: place(DUPLICATE), ..start(shared()) };
    walk(
        duplicate,
        [("remove finalizer", Well), ("status DuplicateShare: nothing", Well)],
        "back in 18s",
    );
    walk(again(shared()), [("credentials; list", lists("forever"))], "back in 600s");
}

#[test]
fn a_share_that_ends_is_looked_at_when_it_does_by_the_clouds_clock() {
    let end = at("2027-01-02T00:00:00Z");
    let before = Now { cloud: Some(at("2027-01-01T23:59:00Z")), ..now() };
    let start = || start(shared("2027-01-01"));
    walk_at(&before, start(), [("credentials to keep", Well)], "resumed, back in 60.2s");
    let unknown = Now { cloud: None, ..now() };
    walk_at(&unknown, start(), [("credentials; list", lists("2027-01-01"))], "back in 600s");
    let over = Now { cloud: Some(end), ..now() };
    let over_share = || looked(Some(remote("2027-01-01", false)));
    let walked = walk_at(
        &over,
        start(),
        [
            ("credentials; list", listed(None)),
            ("look", over_share()),
            ("status Expired: over created 2027-01-01T23:59:59Z", Well),
        ],
        "back in 600s",
    );
    let status = walked.object.own_status().unwrap();
    assert_eq!(status.effective_until.as_deref(), Some("2027-01-02T00:00:00Z"));
    walk_at(&over, start(), [("credentials; list", lists("2027-01-01"))], "back in 1.2s");
}

#[test]
fn the_end_of_a_share_is_announced_once() {
    let expiring_soon = Some(Duration::from_hours(72));
    let soon = Arc::new(Settings { expiring_soon, ..settings() });
    let near = Start { settings: soon.clone(), ..again(shared("2027-01-03")) };
    let walked = walk(
        near,
        [
            ("credentials; list", lists("2027-01-03")),
            ("event ExpiringSoon", Well),
            ("status Shared: confirmed created 2027-01-03T23:59:59Z", Well),
        ],
        "back in 600s",
    );
    let note = "the share of group/tools/busybox with demo ends at 2027-01-04T00:00:00Z";
    assert_eq!(walked.events, [Event::ExpiringSoon(note.into())]);
    let next = Start { settings: soon.clone(), ..walked.next() };
    walk(next, [("credentials; list", lists("2027-01-03"))], "back in 600s");
    // Its end comes near in a minute.
    let at_noon = Now { cloud: Some(at("2027-01-01T23:59:00Z")), ..now() };
    let far = Start { settings: soon, ..again(shared("2027-01-04")) };
    walk_at(&at_noon, far, [("credentials; list", lists("2027-01-04"))], "back in 60.2s");
}

#[test]
fn a_list_is_no_older_than_the_interval_and_newer_than_the_last_look() {
    let freshness = |now: &Now, start| {
        let mut pass = Pass::begin(start, now);
        pass.next(now);
        pass.on(Answer::Credentials(Ok(Ready::default())), now);
        let Step::Do(Effect::List(freshness)) = pass.next(now) else { panic!("{pass:?}") };
        freshness
    };
    let after = Some(ago(Duration::from_mins(10)));
    let of = |at_most| Freshness { after, at_most };
    let minutes = Duration::from_mins;
    assert_eq!(freshness(&now(), again(shared("forever"))), of(minutes(10)));
    let over = Now { cloud: Some(at("2027-01-02T00:01:00Z")), ..now() };
    assert_eq!(freshness(&over, again(shared("2027-01-01"))), of(minutes(1)));
    let long_over = Now { cloud: Some(at("2027-01-02T01:00:00Z")), ..now() };
    assert_eq!(freshness(&long_over, again(shared("2027-01-01"))), of(minutes(10)));
    let requested = with_spec(shared("forever"), |spec| spec.interval = "0s".into());
    assert_eq!(freshness(&now(), again(requested)), of(Duration::ZERO));
}

#[test]
fn who_followed_a_list_stays_with_those_who_did_the_same() {
    let jitter = Jitter(0);
    let at = ago(Duration::from_secs(5));
    let share = Ok(Some(remote("forever", true)));
    let walked = walk(
        again(shared("forever")),
        [("credentials; list", Came::Is(Answer::Listed { share, at, jitter }))],
        "back in 535s",
    );
    assert_eq!(walked.state().looked_at, at);
    let later = ago(Duration::from_secs(3));
    let seen = Answer::Looked(Ok(Some(remote("forever", true))), later);
    let walked = walk(
        again(shared("forever")),
        [
            ("credentials; list", Came::Is(Answer::Listed { share: Ok(None), at, jitter })),
            ("look", Came::Is(seen)),
        ],
        "back in 537s",
    );
    assert_eq!(walked.state().looked_at, later);
}

#[test]
fn a_look_that_may_be_late_is_repeated_with_the_next_poll_of_the_secret() {
    let object = with_policy(shared("forever"), AdoptionPolicy::Adopt);
    let wrote_at = Some(ago(Duration::from_secs(29)));
    let fresh = History { wrote_at, ..History::default() };
    walk(
        later(object.clone(), fresh),
        [
            ("credentials; list", listed(None)),
            ("look", saw_nothing()),
            ("status NothingToAdopt: in doubt created forever", Well),
        ],
        "back in 18s",
    );
    let wrote_at = Some(ago(Duration::from_secs(30)));
    let old = History { wrote_at, ..History::default() };
    walk(
        later(object, old),
        [
            ("credentials; list", listed(None)),
            ("look", saw_nothing()),
            ("remove finalizer", Well),
            ("status NothingToAdopt: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn a_bug_in_the_rules_ends_the_pass() {
    fn looks_for_ever(_: &Goal, _: &Facts, _: jiff::Timestamp, _: bool) -> Action {
        Action::Look
    }
    static RULES: Rules = Rules { plan: looks_for_ever, ..Rules::SHIPPED };
    let mut pass = Pass::begin_by(&RULES, again(shared("forever")), &now());
    let mut looks = 0;
    loop {
        match pass.next(&now()) {
            Step::Do(effect) => {
                looks += usize::from(effect == Effect::Look);
                let came = if effect == Effect::Look { saw("forever") } else { Well };
                pass.on(came.answer(&effect, pass.object()), &now());
            }
            Step::Done(end) => {
                let outcome = end.summary.outcome.unwrap();
                assert_eq!((outcome.reason, looks), (Reason::InternalError, 12));
                break;
            }
        }
    }
}
