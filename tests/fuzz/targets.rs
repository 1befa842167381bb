//! What is fuzzed: everything that reads what others wrote. A target takes any bytes and panics when a
//! promise is broken. [`TARGETS`] is the table; a new target is a function, its seeds, and a row.
//!
//! Two runners share it: `tests/fuzz.rs` on stable, in seconds, and `make fuzz` under libFuzzer.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use imageshare::access::authorize::Authorize;
use imageshare::access::credentials::{Credential, Unusable};
use imageshare::access::service_account::{self, ServiceAccount};
use imageshare::access::signer::AccessKey;
use imageshare::access::token::Token;
use imageshare::access::{iam, sts};
use imageshare::cloud::error::{Refusal, Reply, reply_of};
use imageshare::cloud::evidence::{NOT_SHOWN, Unshown};
use imageshare::cloud::throttling::{LONGEST_PAUSE, Limit, retry_after, window};
use imageshare::cloud::{Deadline, RemoteShare, ShareId, SwrError, wire};
use imageshare::reason::Reason;
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};

/// A target and the documented inputs that it starts from.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: &'static [&'static [u8]],
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "url", run: url, seeds: URLS },
    Target { name: "refusal", run: refusal, seeds: REFUSALS },
    Target { name: "show", run: show, seeds: SHARES },
    Target { name: "list", run: list, seeds: LISTS },
    Target { name: "pause", run: pause, seeds: PAUSES },
    Target { name: "deadline", run: deadline, seeds: DEADLINES },
    Target { name: "token", run: token, seeds: TOKENS },
    Target { name: "secret", run: secret, seeds: SECRETS },
    Target { name: "account", run: account, seeds: ACCOUNTS },
    Target { name: "issued", run: issued, seeds: ISSUED },
    Target { name: "signature", run: signature, seeds: SIGNED },
];

/// What separates the fields of an input: no byte of any UTF-8.
const SEPARATOR: u8 = 0xff;

/// The fields of an input; those that are missing are empty.
fn fields<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut fields = data.splitn(N, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| fields.next().unwrap_or_default())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The same twice: nothing is read but the input.
fn same<T: PartialEq + Debug>(read: impl Fn() -> T) -> T {
    let first = read();
    assert_eq!(first, read());
    first
}

/// What a call was made with; empty if it was nothing that can be sent.
fn secret_of(token: Option<&Token>) -> SecretString {
    let header = token.and_then(|token| token.header().ok());
    header.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default().into()
}

/// What may stand in a log, a status or an event: short, and on one line.
fn assert_showable(text: &str, max: usize) {
    assert!(text.chars().count() <= max, "{text:?}");
    assert!(!text.contains(char::is_control), "{text:?}");
}

/// No eight bytes of the secret in a row, whatever their case. Our own words tell nothing, even if a secret
/// is made of them.
fn assert_holds_nothing_of(text: &str, secret: &[u8]) {
    if text == NOT_SHOWN {
        return;
    }
    let (text, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let shared = secret.windows(8).find(|run| text.as_bytes().windows(8).any(|own| own == *run));
    assert!(shared.is_none(), "{text:?} {:?}", shared.map(String::from_utf8_lossy));
}

const URLS: &[&[u8]] = &[
    b"group\xfftools/busybox\xffdemo",
    b"group\xffteam/app/web\xffuser name+1@x",
    b"..\xff%2e%2e/a$b\xff.",
    b"a\xffb?c#d\\e\xff//evil.example:80\0\r\n",
];

/// A URL leads to exactly what was named, on the configured server, or there is none.
fn url(data: &[u8]) {
    let [organization, repository, account] = fields(data).map(text);
    let base = "https://swr.example:8443/".parse().unwrap();
    let id = ShareId { region: "r".into(), organization, repository, account };
    let one = same(|| wire::share_url(&base, &id));
    let all = same(|| wire::shares_url(&base, &id));
    for (url, account) in [(one, Some(id.account.clone())), (all, None)] {
        let Ok(url) = url else { continue };
        let rest = url.as_str().strip_prefix("https://swr.example:8443/v2/manage/namespaces/");
        let names: Vec<_> = rest.unwrap().split('/').map(percent_decoded).collect();
        let repository = id.repository.replace('/', "$");
        let mut expected = vec![&*id.organization, "repositories", &*repository, "access-domains"];
        expected.extend(account.as_deref());
        assert_eq!(names, expected);
        assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
    }
}

/// As a server reads a segment, in a few lines of our own.
fn percent_decoded(segment: &str) -> String {
    let mut parts = segment.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Status (two bytes), token, `Retry-After`, `Date`, request id, body.
const REFUSALS: &[&[u8]] = &[
    b"\x00\x67MIIFtoken0123\xff7\xffWed, 21 Oct 2026 07:28:30 GMT\xff1b7f0a3c9d2e4f5061728394a5b6c7d8\xff{\"errors\":[{\"errorCode\":\"SVCSTG.SWR.4030170\",\"errorMessage\":\"m\"}]}",
    b"\x00\x64t\xff\xff\xff\xff[{\"errorCode\":\"SVCSTG.SWR.4001090\",\"errorMessage\":\"m\",\"detail\":\"\"}]",
    b"\x00\x68t\xff\xff\xff\xff{\"errors\":[{\"errorCode\":\"SVCSTG.SWR.4049999\"}],\"error_code\":\"SVCSTG.SWR.4049999\",\"error_msg\":\"m\",\"details\":[]}",
    b"\x00\x6dt\xff\xff\xff\xff{\"errorCode\":\"SVCSTG.SWR.4090023\",\"errorMessage\":\"m\"}",
    b"\x00\x81t\xffsoon\xff\xff\xff{\"error_msg\":\"The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute\",\"error_code\":\"APIGW.0308\",\"request_id\":\"r\"}",
    b"\x00\x65t\xff\xff\xff01234567-89ab-cdef-0123-456789abcdef\xff{\"error\":{\"code\":401,\"message\":\"m\",\"title\":\"Unauthorized\"}}",
    b"\x00\x680123456789abcdef0123456789abcdef\xff\xff\xff0123456789abcdef0123456789abcdef\xff<html>404 page not found</html>",
    b"\x00\x67IAM.0066\xff\xff\xff\xff{\"error_code\":\"IAM.0066\",\"error_msg\":\"m\"}",
];

/// A refusal is judged, its pauses are bounded, and what is shown of it has the documented form and holds
/// nothing of the token.
fn refusal(data: &[u8]) {
    let (head, data) = data.split_at_checked(2).unwrap_or_default();
    let number = head.iter().fold(0, |number, byte| number << 8 | u16::from(*byte));
    let status = 300 + number % 300;
    let [token, retry_after, answered_at, request_id, body] = fields::<5>(data);
    let headers = [retry_after, answered_at, request_id].map(text);
    let [retry_after, answered_at, request_id] =
        headers.each_ref().map(|header| (!header.is_empty()).then_some(header.as_str()));
    let judged = same(|| {
        reply_of(Refusal {
            status,
            body,
            retry_after,
            date: answered_at,
            here: SystemTime::UNIX_EPOCH,
            request_id,
        })
    });
    let token = secret_of(Token::read(token).ok().as_ref());
    let unshown = Unshown::new(&token);
    match judged {
        Ok(Reply::Done) => panic!("{status} is no success"),
        Ok(Reply::Absent(ref error)) => {
            // Only SWR can say so, and it gives its name, or spells it in escapes.
            let said = body.windows(4).any(|word| word == b"SWR.") || body.contains(&b'\\');
            assert!(said && matches!(status, 400 | 404), "{status} {error:?}");
        }
        Ok(Reply::AlreadyExists(_)) => assert_eq!(status, 409),
        Ok(Reply::Nobodys(_)) => assert!(status == 404 && body.is_empty()),
        Err(_) => {}
    }
    let shown = match judged.map(|reply| unshown.reply(reply)) {
        Ok(Reply::Absent(error) | Reply::AlreadyExists(error) | Reply::Nobodys(error)) => error,
        Ok(Reply::Done) => return,
        Err(error) => unshown.error(error),
    };
    assert_error_is_showable(&shown, token.expose_secret().as_bytes());
}

fn assert_error_is_showable(error: &SwrError, secret: &[u8]) {
    let evidence = error.describe();
    assert_showable(&evidence, 48);
    for shown in [&evidence, error.request_id.as_ref().unwrap_or(&String::new())] {
        assert_showable(shown, 48);
        assert!(shown.is_ascii(), "{shown:?}");
        assert_holds_nothing_of(shown, secret);
    }
    for pause in [error.pause, error.retry_after, error.pause_beside_limit()] {
        assert!(pause.is_none_or(|pause| pause <= LONGEST_PAUSE), "{pause:?}");
    }
    assert!(error.limit.is_none_or(|limit| limit.calls > 0 && !limit.window.is_zero()));
}

/// Token, body.
const SHARES: &[&[u8]] = &[
    br#"{"exist":true,"namespace":"group","repository":"busybox","access_domain":"demo","permit":"read","deadline":"2021-10-01T16:00:00Z","description":"description","creator_id":"0504186e6a8010e01f3ec009a7279baa","creator_name":"xxx","created":"2021-06-10T08:14:42.56632Z","updated":"2021-06-10T08:14:42.566325Z","status":false}"#,
    br#"{"exist":true,"access_domain":"DEMO","permit":"read","deadline":"forever","status":true}"#,
    br#"{"exist":false}"#,
    b"MIIFtoken0123\xff{\"exist\":true,\"access_domain\":\"demo\",\"permit\":\"MIIFtoken0123\",\"deadline\":\"2021-10-01\",\"description\":\"MIIFtoken0123\",\"creator_name\":\"a\\u0007MIIFtoken0123\",\"created\":\"2021-06-10T08:14:42Z[MIIFtoken0123]\",\"status\":true}",
];

/// A token and a body, or a body alone.
fn token_and_body(data: &[u8]) -> (Option<Token>, &[u8]) {
    match fields::<2>(data) {
        [body, []] => (None, body),
        [token, body] => (Token::read(token).ok(), body),
    }
}

/// A share is read whole or not at all, and what of it goes into a status is bounded.
fn show(data: &[u8]) {
    let (token, body) = token_and_body(data);
    let id = ShareId {
        region: "r".into(),
        organization: "group".into(),
        repository: "busybox".into(),
        account: "demo".into(),
    };
    match same(|| wire::read_share(&id, body)) {
        Ok(Some(share)) => assert_share_is_showable(share, token.as_ref()),
        Ok(None) => {
            // A share is believed to be gone only where this is said.
            assert!(body.windows(5).any(|word| word == b"false"), "{:?}", text(body));
        }
        Err(wire::Unreadable) => {}
    }
}

const LISTS: &[&[u8]] = &[
    b"[]",
    b"null",
    br#"[{"access_domain":"Demo","permit":"read","deadline":"forever","status":true},{"access_domain":"other","permit":"read","deadline":"soon","status":true},7]"#,
    b"he credential\xff[{\"access_domain\":\"a\",\"permit\":\"he credential\",\"deadline\":\"forever\",\"status\":true}]",
    b"MIIFtoken0123\xff[{\"access_domain\":\"MIIFtoken0123\",\"permit\":\"read\",\"deadline\":\"2027-03-31T00:00:00.000Z\",\"description\":\"xMIIFtoken0123\",\"creator_name\":\"MIIFtoken0123\",\"status\":true}]",
];

/// A list is read as far as it can be, and each share of it as one that is shown.
fn list(data: &[u8]) {
    let (token, body) = token_and_body(data);
    let Ok(shares) = same(|| wire::read_shares(body)) else { return };
    for (account, share) in shares {
        assert_eq!(account, account.to_lowercase());
        assert_share_is_showable(share, token.as_ref());
    }
}

fn assert_share_is_showable(share: RemoteShare, token: Option<&Token>) {
    let secret = secret_of(token);
    let share = Unshown::new(&secret).share(share);
    let secret = secret.expose_secret().as_bytes();
    assert!(share.terms.description.chars().count() <= 1001, "it goes into a status");
    let RemoteShare { created, updated, creator, terms, .. } = share;
    for (shown, max) in [(Some(terms.permission), 64), (creator, 64), (created, 35), (updated, 35)]
    {
        let Some(shown) = shown else { continue };
        assert_showable(&shown, max);
        assert_holds_nothing_of(&shown, secret);
    }
    assert_holds_nothing_of(&terms.description, secret);
    assert_deadline_is_sound(terms.deadline);
}

const PAUSES: &[&[u8]] = &[
    b"7",
    b"Wed, 21 Oct 2026 07:28:30 GMT",
    b"Wednesday, 21-Oct-26 07:28:30 GMT",
    b"Wed Oct 21 07:28:30 2026",
    b"policy user over ratelimit,limit:60,time:1 minute",
    b"The throttling threshold has been reached: policy ip over ratelimit,limit:5,time:5s",
    b"policy api over ratelimit,limit:9,time:200 millisecond",
];

/// No words hold an object back for longer than is honoured, and no limit is one that nobody can keep.
fn pause(data: &[u8]) {
    let text = text(data);
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(497_935);
    let asked = same(|| retry_after(&text, now));
    assert!(asked.is_none_or(|pause| pause <= LONGEST_PAUSE), "{asked:?}");
    let limit = same(|| Limit::read(&text));
    assert!(limit.is_none_or(|limit| limit.calls > 0 && !limit.window.is_zero()), "{limit:?}");
    let _ = same(|| window(&text));
}

const DEADLINES: &[&[u8]] = &[
    b"forever",
    b"2027-03-31",
    b"2027-03-31T23:59:59Z",
    b"2027-03-31T16:00:00.999999999Z",
    b"9999-12-31T23:59:59Z",
    b"1969-12-31T23:59:58.5Z",
    b"-009999-01-02T01:59:59Z",
    b"2016-12-31T23:59:60Z",
];

/// What is read as a deadline is one: sent, it comes back as the same.
fn deadline(data: &[u8]) {
    if let Ok(deadline) = same(|| text(data).parse::<Deadline>()) {
        assert_deadline_is_sound(deadline);
    }
}

fn assert_deadline_is_sound(deadline: Deadline) {
    let sent = deadline.on_the_wire();
    assert_showable(&sent, 32);
    assert_showable(&deadline.to_string(), 48);
    let back: Deadline = sent.parse().unwrap();
    assert!(deadline.is_met_by(back), "{deadline:?} {back:?}");
    assert_eq!(back.on_the_wire(), sent, "and so on");
    for now in ["1970-01-01T00:00:00Z", "2027-03-31T16:00:00Z", "9999-12-30T00:00:00Z"] {
        let now = now.parse().unwrap();
        let left = deadline.next_turn(now);
        assert!(left.is_none_or(|left| !left.is_zero()), "nobody comes back at once, forever");
        assert!(!deadline.has_passed(now) || deadline != Deadline::Forever);
        let _ = (deadline.since_last_turn(now), deadline.end_of_day(), deadline.is_a_whole_day());
    }
}

const TOKENS: &[&[u8]] =
    &[b"MIIFcanary0123456789\n", b" \r\n\t", b"a\r\nX-Evil: 1", b"t\xc3\xb6ken"];

/// A token is what stands in the Secret but for white space at its ends, or it is none.
fn token(data: &[u8]) {
    match Token::read(data) {
        Ok(token) => {
            let header = token.header().unwrap();
            assert_eq!(header.as_bytes(), data.trim_ascii());
            assert!(header.as_bytes().iter().all(u8::is_ascii_graphic) && !header.is_empty());
            assert!(header.len() <= 32 * 1024);
            assert_eq!(format!("{header:?}"), "Sensitive");
        }
        Err(reason) => {
            let is_empty = data.trim_ascii().is_empty();
            let expected = if is_empty { Reason::TokenEmpty } else { Reason::TokenMalformed };
            assert_eq!(reason, expected);
        }
    }
}

/// A mask of the keys that are there, the name of the key that the object gives, and a value for each.
const SECRETS: &[&[u8]] = &[
    b"\x01\xff\xfftoken",
    b"\x06\xff\xff\xffAK\xffSK\n",
    b"\x0e\xff\xff\xffAK\xffSK\xffsecurity-token",
    b"\x70\xff\xff\xff\xff\xff\xffrobot\xffpass word\xffacme",
    b"\xf0\xff\xff\xff\xff\xff\xffrobot\xffpass word\xffacme\xffeu-west-101",
    b"\x03\xffeu\xfftoken\xffAK",
];

/// In the order of the mask's bits.
const KEYS: [&str; 8] = [
    "token",
    "accessKey",
    "secretKey",
    "securityToken",
    "username",
    "password",
    "accountName",
    "projectName",
];

/// A Secret is one kind of credentials or none, and a refusal names keys and no value.
fn secret(data: &[u8]) {
    let [mask, key, values @ ..] = fields::<10>(data);
    let mask = mask.first().copied().unwrap_or_default();
    let key = (!key.is_empty()).then(|| text(key));
    let value = |name: &str| {
        let at = KEYS.iter().position(|key| *key == name)?;
        (mask & (1 << at) != 0).then_some(values[at])
    };
    match Credential::read(value, key.as_deref()) {
        Ok(Credential::Token(_)) => assert!(mask & 1 != 0 || key.is_some()),
        Ok(Credential::AccessKey(_)) => assert_eq!(mask & 0b111_0111, 0b110),
        Ok(Credential::Password(_)) => assert_eq!(mask & 0b0111_1111, 0b111_0000),
        Ok(Credential::ServiceAccount(_)) => panic!("no Secret is one"),
        Err(Unusable { keys, .. }) => {
            let named = key.is_some_and(|key| key != "token");
            assert!(named || keys.is_ascii() && keys.len() <= 80, "{keys}");
        }
    }
}

/// Provider, agency, audience, project.
const ACCOUNTS: &[&[u8]] = &[
    b"iam::1234:oidcProvider:cluster\xffiam::1234:agency:share\xffsts\xffeu-west-101",
    b"cluster",
];

/// What a `ServiceAccount` says of itself can stand in a header and in JSON, and a refusal names an
/// annotation.
fn account(data: &[u8]) {
    let values = fields::<4>(data).map(text);
    let names = [
        service_account::PROVIDER,
        service_account::AGENCY,
        service_account::AUDIENCE,
        service_account::PROJECT,
    ];
    let given = names.iter().zip(&values).filter(|(_, value)| !value.is_empty());
    let annotations = given.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    match ServiceAccount::read("team", "swr", "uid", &annotations) {
        Ok(account) => {
            let ServiceAccount { provider, agency, audience, project, .. } = account;
            for text in [Some(provider), agency, Some(audience), project].into_iter().flatten() {
                assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
        Err(unusable) => assert_showable(&unusable.to_string(), 64),
    }
}

/// A token and IAM's answer, or STS's answer alone.
const ISSUED: &[&[u8]] = &[
    b"MIIFtoken\xff{\"token\":{\"expires_at\":\"2026-11-09T01:42:57.527363Z\",\"issued_at\":\"2026-11-08T01:42:57.527363Z\",\"methods\":[\"password\"]}}",
    b"MIIFtoken\xff{\"token\":{\"expires_at\":\"2026-11-09T01:42:57.527363\"}}",
    b"\xff{\"credentials\":{\"access_key_id\":\"HST\",\"secret_access_key\":\"SK\",\"security_token\":\"T\",\"expiration\":\"2026-11-09T01:42:57.527Z\"}}",
];

/// What IAM or STS has issued can be sent, or it is nothing.
fn issued(data: &[u8]) {
    let [header, body] = fields::<2>(data);
    if let Ok((token, _)) = iam::read_token(header, body) {
        assert!(token.header().is_ok());
    }
    if let Ok((key, _)) = sts::read_keys(body) {
        assert_signs(&key, "https://swr.example/v2");
    }
}

/// Id, secret, security token, path and query.
const SIGNED: &[&[u8]] = &[
    b"AK\xffSK\xff\xffv2/manage/namespaces/group/repositories/team$app/access-domains",
    b"AK\xffSK\xffT\xffv2/%24?b=2&a=%20&a",
];

/// Whatever is signed, the signature has its form, and the secret stays out of it.
fn signature(data: &[u8]) {
    let [id, secret, token, rest] = fields::<4>(data);
    let value = |key: &str| match key {
        "accessKey" => Some(id),
        "secretKey" => Some(secret),
        "securityToken" => (!token.is_empty()).then_some(token),
        _ => None,
    };
    if let Ok(Credential::AccessKey(key)) = Credential::read(value, None) {
        assert_signs(&key, &format!("https://swr.example/{}", text(rest)));
    }
}

fn assert_signs(key: &AccessKey, url: &str) {
    let Ok(url) = Url::parse(url) else { return };
    let mut request = Request::new(Method::GET, url);
    let now = jiff::Timestamp::UNIX_EPOCH;
    key.authorize(&mut request, now).unwrap();
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let (_, signature) = authorization.split_once(", Signature=").unwrap();
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(request.headers().values().filter(|value| value.is_sensitive()).count() >= 1);
}
