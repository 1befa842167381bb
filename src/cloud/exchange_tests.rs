use super::*;
use crate::access::token::Token;

const HOUR: Duration = Duration::from_hours(1);

fn there() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn token(life: Duration) -> Issued {
    let authority = Arc::new(Token::read(b"t").ok().unwrap());
    Issued { authority, expires_at: Some(there() + life) }
}

fn failed(pause: Option<Duration>) -> Failed {
    let error = SwrError { pause, ..SwrError::without_answer(Reason::EndpointUnreachable) };
    Failed { error, evidence: "iam.example, on sign-in".into() }
}

fn need(exchange: &Exchange, now: Instant) -> Need {
    exchange.need(now, false)
}

fn wrong() -> Refused {
    Refused { reason: Reason::SignInRejected, evidence: "HTTP 401".into() }
}

#[test]
fn what_was_issued_is_renewed_before_its_end_and_used_until_it() {
    let (exchange, now) = (Exchange::default(), Instant::now());
    assert_eq!(need(&exchange, now), Need::Exchange);
    exchange.issued(token(24 * HOUR), now, there());
    assert_eq!(need(&exchange, now + 17 * HOUR), Need::Nothing);
    assert_eq!(need(&exchange, now + 18 * HOUR), Need::Renewal);
    exchange.failed(failed(None), now + 18 * HOUR);
    assert_eq!(need(&exchange, now + 18 * HOUR + RENEWAL_RETRY / 2), Need::Nothing);
    assert_eq!(need(&exchange, now + 18 * HOUR + RENEWAL_RETRY), Need::Renewal);
    assert_eq!(need(&exchange, now + (24 * HOUR).saturating_sub(MARGIN)), Need::Exchange);
}

#[test]
fn keys_of_a_quarter_of_an_hour_are_not_renewed_with_every_call() {
    let (exchange, now) = (Exchange::default(), Instant::now());
    exchange.issued(token(HOUR / 4), now, there());
    assert_eq!(need(&exchange, now + HOUR / 6), Need::Nothing);
    assert_eq!(need(&exchange, now + HOUR / 5), Need::Renewal);
}

#[test]
fn a_refusal_counts_for_the_password_in_every_region() {
    let attempts = Arc::new(Attempts::default());
    let here = Exchange::of_password(attempts.clone());
    let elsewhere = Exchange::of_password(attempts);
    let now = Instant::now();
    here.refused(wrong(), now);
    for exchange in [&here, &elsewhere] {
        assert_eq!(need(exchange, now + PROBE / 2), Need::Refused(wrong()));
        assert_eq!(need(exchange, now + PROBE), Need::Exchange);
    }
    elsewhere.refused(wrong(), now + PROBE);
    for exchange in [&here, &elsewhere] {
        assert_eq!(need(exchange, now + 1_000 * PROBE), Need::Refused(wrong()));
    }
}

/// The password was changed at IAM while its token still works.
#[test]
fn a_renewal_that_is_refused_counts_and_is_not_repeated_while_the_refusal_stands() {
    let (exchange, now) = (Exchange::of_password(Arc::default()), Instant::now());
    exchange.issued(token(24 * HOUR), now, there());
    let due = now + 18 * HOUR;
    assert_eq!(need(&exchange, due), Need::Renewal);
    exchange.refused(wrong(), due);
    assert!(exchange.is_refused(due));
    assert_eq!(need(&exchange, due + PROBE / 2), Need::Nothing, "the token still works");
    assert_eq!(need(&exchange, due + PROBE), Need::Renewal);
    exchange.refused(wrong(), due + PROBE);
    assert_eq!(need(&exchange, due + 2 * PROBE), Need::Nothing);
    assert_eq!(need(&exchange, now + 24 * HOUR), Need::Refused(wrong()));
}

#[test]
fn a_last_try_goes_out_although_a_refusal_or_a_failure_stands() {
    let (exchange, now) = (Exchange::default(), Instant::now());
    exchange.failed(failed(Some(HOUR)), now);
    assert_eq!(exchange.need(now, true), Need::Exchange);
    exchange.refused(wrong(), now);
    assert_eq!(exchange.need(now, true), Need::Exchange);
}

#[test]
fn another_refusal_is_tried_again_after_a_while_and_a_success_ends_the_count() {
    let (exchange, now) = (Exchange::of_password(Arc::default()), Instant::now());
    exchange.refused(wrong(), now);
    exchange.issued(token(HOUR), now + PROBE, there());
    assert_eq!(need(&exchange, now + PROBE), Need::Nothing);
    exchange.refused(wrong(), now + 2 * HOUR);
    assert_eq!(need(&exchange, now + 2 * HOUR + PROBE), Need::Exchange, "the first again");
    let locked = Refused { reason: Reason::SignInForbidden, ..wrong() };
    for round in 1..5 {
        exchange.refused(locked.clone(), now + 4 * HOUR * round);
        assert_eq!(need(&exchange, now + 4 * HOUR * round), Need::Refused(locked.clone()));
        assert_eq!(need(&exchange, now + 4 * HOUR * round + PROBE), Need::Exchange);
    }
}

#[test]
fn a_failure_stands_for_all_who_come_soon_and_for_as_long_as_a_pause_is_asked_for() {
    let (exchange, now) = (Exchange::default(), Instant::now());
    exchange.failed(failed(None), now);
    assert_eq!(need(&exchange, now + FAILURE_STANDS / 2), Need::Failed(failed(None)));
    assert_eq!(need(&exchange, now + FAILURE_STANDS), Need::Exchange);
    exchange.failed(failed(None), now);
    assert_eq!(need(&exchange, now + FAILURE_STANDS), Need::Failed(failed(None)), "twice as long");
    let pause = Some(Duration::from_mins(1));
    exchange.failed(failed(pause), now);
    assert_eq!(need(&exchange, now + Duration::from_secs(59)), Need::Failed(failed(pause)));
    exchange.issued(token(HOUR), now, there());
    assert_eq!(need(&exchange, now), Need::Nothing);
    exchange.failed(failed(pause), now);
    assert_eq!(need(&exchange, now), Need::Nothing, "what there is still works");
}

#[test]
fn what_swr_rejects_is_dropped_once_and_not_what_came_after_it() {
    let (exchange, now) = (Exchange::default(), Instant::now());
    exchange.issued(token(HOUR), now, there());
    let (_, first) = exchange.current().unwrap();
    exchange.rejected(first);
    assert_eq!(need(&exchange, now), Need::Exchange);
    exchange.issued(token(HOUR), now, there());
    exchange.rejected(first);
    assert_eq!(need(&exchange, now), Need::Nothing, "somebody else has renewed it already");
}
