//! The four verbs against the simulator's own behaviour, which was written from the same pages by
//! somebody else.

use imageshare::cloud::{Deadline, Terms};
use imageshare::reason::Reason;
use imageshare_simulator::Options;

use crate::support::{Cloud, Outcome, TOKEN, Verb, share, share_of, terms};

#[tokio::test]
async fn a_share_is_created_seen_changed_and_deleted() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    assert_eq!(Verb::Show.call(&session).await, Ok(Outcome::Absent));
    assert_eq!(Verb::Create.call(&session).await, Ok(Outcome::Done));
    assert_eq!(Verb::Create.call(&session).await, Ok(Outcome::AlreadyExists));
    let held = session.show(&share()).await.unwrap().unwrap();
    assert!(held.valid && held.created.is_some() && held.creator.is_some(), "{held:?}");
    assert_eq!(held.terms, terms());

    let changed = Terms {
        deadline: "2999-03-31".parse().unwrap(),
        description: "für das \"Demo\"-Team\n\\o/ 🎉".into(),
        ..terms()
    };
    assert_eq!(Verb::Update.call_on(&session, &share(), &changed).await, Ok(Outcome::Done));
    let held = session.show(&share()).await.unwrap().unwrap();
    assert!(changed.are_met_by(&held.terms), "{held:?}");

    assert_eq!(Verb::Delete.call(&session).await, Ok(Outcome::Done));
    assert_eq!(Verb::Show.call(&session).await, Ok(Outcome::Absent));
    assert_eq!(Verb::Update.call(&session).await, Ok(Outcome::Absent));
    assert_eq!(Verb::Delete.call(&session).await, Ok(Outcome::Done), "deleted is deleted");
}

/// Day-granular clouds give back another text than they were sent, which must not look like a change.
#[tokio::test]
async fn every_kind_of_deadline_comes_back_as_the_same() {
    for day_cut in [false, true] {
        let cloud = Cloud::start_with(Options { day_cut, ..Options::default() }).await;
        let session = cloud.session();
        assert_eq!(Verb::Create.call(&session).await, Ok(Outcome::Done));
        for deadline in
            ["forever", "2999-03-31", "2999-03-31T16:00:00Z", "2999-03-31T16:00:00.750Z"]
        {
            let wanted = Terms { deadline: deadline.parse().unwrap(), ..terms() };
            assert_eq!(Verb::Update.call_on(&session, &share(), &wanted).await, Ok(Outcome::Done));
            let held = session.show(&share()).await.unwrap().unwrap();
            assert!(wanted.are_met_by(&held.terms), "{deadline} {day_cut} {held:?}");
        }
    }
}

#[tokio::test]
async fn a_share_past_its_deadline_is_there_but_not_valid() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    let past = Terms { deadline: "2001-01-01".parse().unwrap(), ..terms() };
    assert_eq!(Verb::Create.call_on(&session, &share(), &past).await, Ok(Outcome::Done));
    assert!(!session.show(&share()).await.unwrap().unwrap().valid);
    let renewed = Terms { deadline: Deadline::Forever, ..past };
    assert_eq!(Verb::Update.call_on(&session, &share(), &renewed).await, Ok(Outcome::Done));
    assert!(session.show(&share()).await.unwrap().unwrap().valid);
}

#[tokio::test]
async fn an_account_is_one_whatever_its_case() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    cloud
        .running
        .put_share("group/tools/busybox", "DEMO", imageshare_simulator::Terms::default())
        .unwrap();
    assert!(matches!(Verb::Show.call(&session).await, Ok(Outcome::Held(_))));
    assert_eq!(Verb::Create.call(&session).await, Ok(Outcome::AlreadyExists));
    assert_eq!(Verb::Delete.call(&session).await, Ok(Outcome::Done));
    assert_eq!(Verb::Show.call(&session).await, Ok(Outcome::Absent));
}

/// The simulator decodes the path by its own rules and gives the names back as it understood them.
#[tokio::test]
async fn names_arrive_as_they_were_meant() {
    let cloud = Cloud::start_with(Options { open: true, ..Options::default() }).await;
    let session = cloud.session();
    for (repository, account) in [
        ("busybox", "demo"),
        ("a/b", "demo"),
        ("a/b/c.d_e__f-g", "demo"),
        ("busybox", "user name+1@x"),
        ("busybox", "50%"),
        ("busybox", "a%2fb"),
        ("busybox", "%24"),
        ("busybox", "what?#;:&=,!*'()[]"),
        ("busybox", "..."),
        ("busybox", "Zoë"),
        ("busybox", "账号"),
    ] {
        let id = share_of("group", repository, account);
        for verb in [Verb::Create, Verb::Show, Verb::Update, Verb::Delete] {
            let outcome = verb.call_on(&session, &id, &terms()).await;
            assert!(
                matches!(outcome, Ok(Outcome::Done | Outcome::Held(_))),
                "{verb:?} {repository} {account} {outcome:?}"
            );
            let entry = cloud.last_call();
            assert_eq!(entry.key, Some(format!("group/{repository}/{account}")), "{verb:?}");
            assert_eq!(entry.applied, verb != Verb::Show, "{verb:?} {repository} {account}");
        }
    }
}

#[tokio::test]
async fn what_the_cloud_itself_refuses_has_its_reason() {
    let cloud = Cloud::start().await;
    let long = "x".repeat(1001);
    let described = |description: &str| Terms { description: description.into(), ..terms() };
    let writing = Terms { permission: "write".into(), ..terms() };
    for (verb, id, terms, status, reason) in [
        (
            Verb::Create,
            share_of("nobody", "busybox", "demo"),
            terms(),
            404,
            Reason::OrganizationNotFound,
        ),
        (
            Verb::Create,
            share_of("group", "other", "demo"),
            terms(),
            404,
            Reason::RepositoryNotFound,
        ),
        (Verb::Show, share_of("group", "other", "demo"), terms(), 404, Reason::RepositoryNotFound),
        (
            Verb::Update,
            share_of("group", "other", "demo"),
            terms(),
            404,
            Reason::RepositoryNotFound,
        ),
        (
            Verb::Create,
            share_of("group", "tools/busybox", "who"),
            terms(),
            400,
            Reason::InvalidAccount,
        ),
        (Verb::Create, share_of("Group", "busybox", "demo"), terms(), 400, Reason::InvalidName),
        (Verb::Create, share_of("group", "Busybox", "demo"), terms(), 400, Reason::InvalidName),
        (Verb::Create, share(), writing.clone(), 400, Reason::InvalidPermission),
        (Verb::Create, share(), described(&long), 413, Reason::DescriptionTooLong),
    ] {
        let error = verb.call_on(&cloud.session(), &id, &terms).await.unwrap_err();
        assert_eq!((error.reason, error.status), (reason, Some(status)), "{verb:?} {id}");
        assert_eq!(error.request_id, Some(cloud.last_request_id()), "{verb:?} {id}");
    }
    // A character is one, however many bytes it takes.
    let longest = described(&"ü".repeat(1000));
    let session = cloud.session();
    assert_eq!(Verb::Create.call_on(&session, &share(), &longest).await, Ok(Outcome::Done));
    for (terms, reason) in
        [(writing, Reason::InvalidPermission), (described(&long), Reason::DescriptionTooLong)]
    {
        let error = Verb::Update.call_on(&session, &share(), &terms).await.unwrap_err();
        assert_eq!(error.reason, reason);
    }
}

#[tokio::test]
async fn a_delete_is_not_done_where_the_token_sees_no_repository_or_organization() {
    let cloud = Cloud::start().await;
    for (id, reason) in [
        (share_of("group", "other", "demo"), Reason::RepositoryNotFound),
        (share_of("nobody", "busybox", "demo"), Reason::OrganizationNotFound),
    ] {
        let error = Verb::Delete.call_on(&cloud.session(), &id, &terms()).await.unwrap_err();
        assert_eq!(error.reason, reason, "{id}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_accepted_any_more_is_unauthorized() {
    let cloud = Cloud::start().await;
    let unknown = cloud.session_with("MIIFcanary-of-yesterday");
    let session = cloud.session();
    assert_eq!(Verb::Show.call(&session).await, Ok(Outcome::Absent));
    cloud.running.revoke_token(TOKEN).unwrap();
    for verb in Verb::ALL {
        for session in [&session, &unknown] {
            let error = verb.call(session).await.unwrap_err();
            assert_eq!((error.reason, error.status), (Reason::Unauthorized, Some(401)), "{verb:?}");
        }
    }
}
