//! The table: manifests and changes, good and bad, field by field.

use serde_json::{Value, json};

/// One manifest, or one change of a stored object, and what becomes of it.
#[derive(Clone)]
pub struct Row {
    /// What it shows.
    pub says: String,
    /// The manifest; of a change, the object's name and the new fields.
    pub manifest: Value,
    /// Nothing when it is accepted; else what the refusal must contain.
    pub refusal: Vec<&'static str>,
}

/// Telling pieces of the refusals.
mod text {
    pub const ORGANIZATION: &str = "must start with a lowercase letter, end with a lowercase letter or digit, and contain only lowercase letters, digits and the separators . _ -";
    pub const REPOSITORY: &str = "must start and end with a lowercase letter or digit, and contain only lowercase letters, digits and the separators . / _ -";
    pub const ACCOUNT: &str = "must be an account name: no slashes, no control or invisible characters, no white space at its ends";
    pub const REGION: &str = "must be a region's name such as eu-west-101";
    pub const DEADLINE: &str =
        "must be forever, a day of the calendar such as 2027-03-31, or a UTC instant";
    pub const FOREVER: &str = "for a share without end write forever";
    pub const INTERVAL: &str = "must be a duration such as 10m or 1h30m, from 1s to 168h, or 0s";
    pub const SECRET: &str =
        "must be the name of a Secret in the object's own namespace: lowercase letters";
    pub const SERVICE_ACCOUNT: &str =
        "must be the name of a ServiceAccount in the object's own namespace: lowercase letters";
    pub const ONE_REFERENCE: &str = "must have either name or serviceAccountName";
    pub const KEY_OF_A_SECRET: &str = "must have a key only beside the name of a Secret";
    pub const KEY: &str = "must be a key of the Secret: letters, digits, . _ and -";
    pub const RECREATE: &str = "cannot be changed: delete and re-create the ImageShare";
    pub const REQUIRED: &str = "Required value";
    pub const UNKNOWN: &str = "unknown field";
    pub const STRING: &str = "must be of type string";
}

/// A good manifest with a spec laid over it.
pub fn manifest(spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare", "metadata": {"name": "row"},
        "spec": {
            "organization": "group", "repository": "app", "account": "demo",
            "credentialsRef": {"name": "swr"},
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    object
}

fn good(says: impl Into<String>, spec: &Value) -> Row {
    Row { says: says.into(), manifest: manifest(spec), refusal: vec![] }
}

fn bad(says: impl Into<String>, spec: &Value, refusal: &[&'static str]) -> Row {
    Row { says: says.into(), manifest: manifest(spec), refusal: refusal.to_vec() }
}

/// Rows for values of one field: the good ones, then the bad ones with a piece of their refusal.
fn field(
    name: &str,
    path: &'static str,
    good_values: &[(&str, Value)],
    bad_values: &[(&str, Value, &'static str)],
) -> Vec<Row> {
    let says = |what: &str| format!("{name}: {what}");
    let accepted = good_values.iter().map(|(what, value)| good(says(what), &json!({name: value})));
    let refused = bad_values
        .iter()
        .map(|(what, value, text)| bad(says(what), &json!({name: value}), &[path, *text]));
    accepted.chain(refused).collect()
}

fn organizations() -> Vec<Row> {
    field(
        "organization",
        "spec.organization: ",
        &[
            ("one letter", json!("a")),
            ("64 characters", json!("a".repeat(64))),
            ("every separator once", json!("a.b_c-d9")),
            ("two underscores together", json!("a__b")),
            ("two underscores, twice", json!("a__b__c")),
        ],
        &[
            ("empty", json!(""), "should be at least 1 chars long"),
            ("65 characters", json!("a".repeat(65)), "Too long: may not be more than 64"),
            ("a digit first", json!("0a"), text::ORGANIZATION),
            ("upper case", json!("Group"), text::ORGANIZATION),
            ("a hyphen last", json!("a-"), text::ORGANIZATION),
            ("an underscore first", json!("_a"), text::ORGANIZATION),
            ("two periods together", json!("a..b"), text::ORGANIZATION),
            ("two hyphens together", json!("a--b"), text::ORGANIZATION),
            ("three underscores together", json!("a___b"), text::ORGANIZATION),
            ("a period and an underscore together", json!("a._b"), text::ORGANIZATION),
            ("two underscores and a hyphen together", json!("a__-b"), text::ORGANIZATION),
            ("a slash", json!("a/b"), text::ORGANIZATION),
            ("two periods alone", json!(".."), text::ORGANIZATION),
            ("a line feed last", json!("group\n"), text::ORGANIZATION),
            ("a space first", json!(" group"), text::ORGANIZATION),
            ("an umlaut", json!("grüppe"), text::ORGANIZATION),
            ("a digit of another script", json!("a٣"), text::ORGANIZATION),
            ("a number", json!(7), text::STRING),
            ("null", Value::Null, text::REQUIRED),
        ],
    )
}

fn repositories() -> Vec<Row> {
    field(
        "repository",
        "spec.repository: ",
        &[
            ("one digit", json!("0")),
            ("128 characters", json!("r".repeat(128))),
            ("slashes as people write them", json!("tools/base/busybox")),
            ("every separator once", json!("a.b/c_d-e9")),
            ("two underscores together", json!("a__b/c__d")),
        ],
        &[
            ("empty", json!(""), "should be at least 1 chars long"),
            ("129 characters", json!("r".repeat(129)), "Too long: may not be more than 128"),
            ("upper case", json!("Busybox"), text::REPOSITORY),
            ("a slash first", json!("/app"), text::REPOSITORY),
            ("a slash last", json!("app/"), text::REPOSITORY),
            ("two slashes together", json!("a//b"), text::REPOSITORY),
            ("a slash and a hyphen together", json!("a/-b"), text::REPOSITORY),
            ("three underscores together", json!("a___b"), text::REPOSITORY),
            ("two underscores and a slash together", json!("a__/b"), text::REPOSITORY),
            ("one period alone", json!("."), text::REPOSITORY),
            ("two periods as a segment", json!("a/../b"), text::REPOSITORY),
            ("a dollar sign, as SWR's URLs have it", json!("a$b"), "write / as it is, not as $"),
            ("an encoded slash", json!("a%2fb"), "not as $ or %2f"),
            ("a tag", json!("app:latest"), text::REPOSITORY),
            ("a question mark", json!("app?x=y"), text::REPOSITORY),
            ("a backslash", json!("a\\b"), text::REPOSITORY),
            ("a line feed last", json!("app\n"), text::REPOSITORY),
            ("a carriage return and a line feed", json!("a\r\nb"), text::REPOSITORY),
            ("a zero-width space", json!("a\u{200b}b"), text::REPOSITORY),
            ("an ideograph", json!("镜像"), text::REPOSITORY),
            ("null", Value::Null, text::REQUIRED),
            ("a list", json!(["app"]), text::STRING),
        ],
    )
}

fn accounts() -> Vec<Row> {
    field(
        "account",
        "spec.account: ",
        &[
            ("one letter", json!("a")),
            ("128 characters", json!("x".repeat(128))),
            ("128 ideographs", json!("团".repeat(128))),
            ("upper case, underscore and hyphen", json!("Demo_Account-01")),
            ("a space and an ideograph inside", json!("团队 1")),
            ("characters that a URL would read", json!("a?b#c%2f&d$")),
            ("three periods", json!("...")),
        ],
        &[
            ("empty", json!(""), "should be at least 1 chars long"),
            ("129 characters", json!("x".repeat(129)), "Too long: may not be more than 128"),
            ("one period alone", json!("."), text::ACCOUNT),
            ("two periods alone", json!(".."), text::ACCOUNT),
            ("a slash", json!("a/b"), text::ACCOUNT),
            ("a backslash", json!("a\\b"), text::ACCOUNT),
            ("a space alone", json!(" "), text::ACCOUNT),
            ("a space first", json!(" demo"), text::ACCOUNT),
            ("a space last", json!("demo "), text::ACCOUNT),
            ("a no-break space last", json!("demo\u{a0}"), text::ACCOUNT),
            ("a line feed inside", json!("de\nmo"), text::ACCOUNT),
            ("a line feed last", json!("demo\n"), text::ACCOUNT),
            ("a carriage return", json!("de\rmo"), text::ACCOUNT),
            ("a tab", json!("de\tmo"), text::ACCOUNT),
            ("a null byte", json!("de\u{0}mo"), text::ACCOUNT),
            ("a delete character", json!("de\u{7f}mo"), text::ACCOUNT),
            ("a next-line character", json!("de\u{85}mo"), text::ACCOUNT),
            ("a line separator", json!("de\u{2028}mo"), text::ACCOUNT),
            ("a text turned round", json!("de\u{202e}mo"), text::ACCOUNT),
            ("a zero-width space", json!("de\u{200b}mo"), text::ACCOUNT),
            ("a byte order mark first", json!("\u{feff}demo"), text::ACCOUNT),
            ("null", Value::Null, text::REQUIRED),
            ("a number", json!(12_345), text::STRING),
        ],
    )
}

fn regions() -> Vec<Row> {
    field(
        "region",
        "spec.region: ",
        &[
            ("one letter", json!("a")),
            ("63 characters", json!("a".repeat(63))),
            ("as the cloud names it", json!("eu-west-101")),
            ("null, which is none", Value::Null),
        ],
        &[
            ("empty", json!(""), "should be at least 1 chars long"),
            ("64 characters", json!("a".repeat(64)), "Too long: may not be more than 63"),
            ("upper case", json!("EU-west-101"), text::REGION),
            ("a hyphen first", json!("-eu"), text::REGION),
            ("a hyphen last", json!("eu-"), text::REGION),
            ("another host", json!("evil.example.com"), text::REGION),
            ("another host and path", json!("evil.example.com/"), text::REGION),
            ("a host with a port", json!("localhost:8080"), text::REGION),
            ("a user before a host", json!("eu@evil"), text::REGION),
            ("an encoded period", json!("evil%2ecom"), text::REGION),
            ("a line feed last", json!("eu-west-101\n"), text::REGION),
        ],
    )
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn deadlines() -> Vec<Row> {
    let instant = |fraction: usize| json!(format!("2027-03-31T16:00:00.{}Z", "1".repeat(fraction)));
    let mut rows = field(
        "deadline",
        "spec.deadline: ",
        &[
            ("for ever", json!("forever")),
            ("a day", json!("2027-03-31")),
            ("a leap day", json!("2028-02-29")),
            ("a leap day of a century that has one", json!("2400-02-29")),
            ("the last day that can be reckoned with", json!("9999-12-29")),
            ("the last second that can be reckoned with", json!("9999-12-29T23:59:59Z")),
            ("the first day of all", json!("0000-01-01")),
            ("an instant", json!("2027-03-31T16:00:00Z")),
            ("the last second of a day", json!("2027-03-31T23:59:59Z")),
            ("a day long past, which may be declared", json!("2018-10-01T16:00:00.000Z")),
            ("null, which is the default", Value::Null),
        ],
        &[
            ("empty", json!(""), "should be at least 1 chars long"),
            ("for ever, with a capital", json!("Forever"), text::DEADLINE),
            ("never", json!("never"), text::DEADLINE),
            ("a leap day of a common year", json!("2027-02-29"), text::DEADLINE),
            ("a leap day of a century that has none", json!("2100-02-29"), text::DEADLINE),
            ("a month too far", json!("2027-13-01"), text::DEADLINE),
            ("a day nought", json!("2027-03-00"), text::DEADLINE),
            ("31 April", json!("2027-04-31T00:00:00Z"), text::DEADLINE),
            ("a day without its noughts", json!("2027-3-1"), text::DEADLINE),
            ("a day as Germans write it", json!("31.03.2027"), text::DEADLINE),
            ("a five-digit year", json!("12027-03-31"), text::DEADLINE),
            ("the first day too late", json!("9999-12-30"), text::FOREVER),
            ("the last day of the calendar", json!("9999-12-31"), text::FOREVER),
            ("the first second too late", json!("9999-12-30T00:00:00Z"), text::FOREVER),
            ("the last second of the calendar", json!("9999-12-31T23:59:59Z"), text::FOREVER),
            ("a lower-case z", json!("2027-03-31T16:00:00z"), text::DEADLINE),
            ("a lower-case t", json!("2027-03-31t16:00:00Z"), text::DEADLINE),
            ("a space for the T", json!("2027-03-31 16:00:00Z"), text::DEADLINE),
            ("another time zone", json!("2027-03-31T16:00:00+02:00"), text::DEADLINE),
            ("UTC as an offset", json!("2027-03-31T16:00:00+00:00"), text::DEADLINE),
            ("no time zone", json!("2027-03-31T16:00:00"), text::DEADLINE),
            ("no seconds", json!("2027-03-31T16:00Z"), text::DEADLINE),
            ("a fraction without digits", json!("2027-03-31T16:00:00.Z"), text::DEADLINE),
            ("ten digits of a fraction", instant(10), text::DEADLINE),
            ("a second 60", json!("2027-03-31T23:59:60Z"), text::DEADLINE),
            ("a minute 60", json!("2027-03-31T23:60:00Z"), text::DEADLINE),
            ("an hour 24", json!("2027-03-31T24:00:00Z"), text::DEADLINE),
            ("a line feed last", json!("2027-03-31\n"), text::DEADLINE),
            ("a space first", json!(" 2027-03-31"), text::DEADLINE),
            ("digits of another script", json!("２０２７-03-31"), text::DEADLINE),
            (
                "more than a deadline can have",
                json!("2027-03-31T16:00:00.000000000+02:00"),
                text::DEADLINE,
            ),
            ("65 characters", json!("x".repeat(65)), "Too long: may not be more than 64"),
            ("a number", json!(20_270_331), text::STRING),
        ],
    );
    rows.extend((1..=9).map(|digits| {
        good(
            format!("deadline: a fraction of {digits} digits"),
            &json!({"deadline": instant(digits)}),
        )
    }));
    rows
}

fn descriptions() -> Vec<Row> {
    const TOO_LONG: &str = "Too long: may not be more than 1000";
    field(
        "description",
        "spec.description: ",
        &[
            ("empty", json!("")),
            ("null, which is none", Value::Null),
            ("1000 characters", json!("d".repeat(1000))),
            ("1000 ideographs, 3 bytes each", json!("说".repeat(1000))),
            ("1000 emoji, 4 bytes each", json!("🚀".repeat(1000))),
            ("several lines and quotes", json!("for \"demo\"\n\tuntil Friday\r\n")),
        ],
        &[
            ("1001 characters", json!("d".repeat(1001)), TOO_LONG),
            ("1001 ideographs", json!("说".repeat(1001)), TOO_LONG),
            ("a list", json!(["a"]), text::STRING),
        ],
    )
}

fn intervals() -> Vec<Row> {
    field(
        "interval",
        "spec.interval: ",
        &[
            ("never", json!("0s")),
            ("the shortest", json!("1s")),
            ("ten minutes", json!("10m")),
            ("hours and minutes", json!("1h30m")),
            ("all three units", json!("1h30m15s")),
            ("as Go prints an hour", json!("1h0m0s")),
            ("no minutes, which is never", json!("0m")),
            ("a week in hours, the longest", json!("168h")),
            ("a week in minutes", json!("10080m")),
            ("a week in seconds", json!("604800s")),
            ("null, which is the default", Value::Null),
        ],
        &[
            ("empty", json!(""), "should be at least 2 chars long"),
            ("a week and an hour", json!("169h"), text::INTERVAL),
            ("a week and a minute", json!("168h1m"), text::INTERVAL),
            ("a week and a second", json!("604801s"), text::INTERVAL),
            ("half a second", json!("500ms"), text::INTERVAL),
            ("less than nothing", json!("-1s"), text::INTERVAL),
            ("a sign", json!("+1s"), text::INTERVAL),
            ("a day", json!("1d"), text::INTERVAL),
            ("no unit", json!("10"), text::INTERVAL),
            ("the units the wrong way round", json!("1m1h"), text::INTERVAL),
            ("a fraction", json!("1.5h"), text::INTERVAL),
            ("a space inside", json!("10 m"), text::INTERVAL),
            ("upper case", json!("10M"), text::INTERVAL),
            ("more seconds than there are", json!("9999999999999999s"), text::INTERVAL),
            (
                "more digits than fit",
                json!("9".repeat(40) + "s"),
                "Too long: may not be more than 20",
            ),
            ("a number", json!(600), text::STRING),
        ],
    )
}

fn choices() -> Vec<Row> {
    let choose = |name: &str,
                  path: &'static str,
                  good_values: &[Value],
                  bad_values: &[(Value, &'static str)]| {
        let accepted =
            good_values.iter().map(|value| good(format!("{name}: {value}"), &json!({name: value})));
        let refused = bad_values.iter().map(|(value, text)| {
            bad(format!("{name}: {value}"), &json!({name: value}), &[path, *text])
        });
        accepted.chain(refused).collect::<Vec<_>>()
    };
    let read = "supported values: \"read\"";
    let both = "supported values: \"Delete\", \"Retain\"";
    [
        choose(
            "permission",
            "spec.permission: ",
            &[json!("read"), Value::Null],
            &[
                (json!("write"), read),
                (json!("READ"), read),
                (json!("read "), read),
                (json!("read,write"), read),
                (json!(""), read),
                (json!(["read"]), text::STRING),
            ],
        ),
        choose(
            "deletionPolicy",
            "spec.deletionPolicy: ",
            &[json!("Delete"), json!("Retain"), Value::Null],
            &[(json!("Orphan"), both), (json!("delete"), both), (json!(true), text::STRING)],
        ),
        choose(
            "adoptionPolicy",
            "spec.adoptionPolicy: ",
            &[json!("CreateOrAdopt"), json!("Create"), json!("Adopt"), Value::Null],
            &[(json!("Never"), "supported values: \"CreateOrAdopt\"")],
        ),
        choose(
            "managementPolicy",
            "spec.managementPolicy: ",
            &[json!("Full"), json!("Observe"), Value::Null],
            &[(json!("None"), "supported values: \"Full\"")],
        ),
        choose(
            "suspend",
            "spec.suspend: ",
            &[json!(false), json!(true), Value::Null],
            &[(json!("false"), "must be of type boolean"), (json!(0), "must be of type boolean")],
        ),
    ]
    .concat()
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn credentials() -> Vec<Row> {
    let name = "spec.credentialsRef.name: ";
    let key = "spec.credentialsRef.key: ";
    let whole = "spec.credentialsRef: ";
    let with = |says: &str, reference: Value| {
        good(format!("credentialsRef: {says}"), &json!({"credentialsRef": reference}))
    };
    let without = |says: &str, reference: Value, refusal: &[&'static str]| {
        bad(format!("credentialsRef: {says}"), &json!({"credentialsRef": reference}), refusal)
    };
    vec![
        with("a name alone", json!({"name": "swr"})),
        with("a name with periods", json!({"name": "swr.prod-1"})),
        with("a name of 253 characters", json!({"name": "a".repeat(253)})),
        with("another key", json!({"name": "swr", "key": "IAM_token-1.txt"})),
        with("a key of 253 characters", json!({"name": "swr", "key": "k".repeat(253)})),
        with("a key of null, which is none", json!({"name": "swr", "key": null})),
        with("a ServiceAccount", json!({"serviceAccountName": "swr.prod-1"})),
        with("null, which is the namespace's own", Value::Null),
        without(
            "the name alone",
            json!("swr"),
            &["spec.credentialsRef: ", "must be of type object"],
        ),
        without("no name", json!({}), &[whole, text::ONE_REFERENCE]),
        without("a name of null", json!({"name": null}), &[whole, text::ONE_REFERENCE]),
        without(
            "a Secret and a ServiceAccount",
            json!({"name": "swr", "serviceAccountName": "swr"}),
            &[whole, text::ONE_REFERENCE],
        ),
        without(
            "a key of a ServiceAccount",
            json!({"serviceAccountName": "swr", "key": "token"}),
            &[whole, text::KEY_OF_A_SECRET],
        ),
        without(
            "a ServiceAccount of another namespace",
            json!({"serviceAccountName": "other/swr"}),
            &["spec.credentialsRef.serviceAccountName: ", text::SERVICE_ACCOUNT],
        ),
        without("an empty name", json!({"name": ""}), &[name, "should be at least 1 chars long"]),
        without(
            "a name of 254 characters",
            json!({"name": "a".repeat(254)}),
            &[name, "Too long: may not be more than 253"],
        ),
        without("a name in upper case", json!({"name": "SWR"}), &[name, text::SECRET]),
        without(
            "a name with another namespace",
            json!({"name": "other/secret"}),
            &[name, text::SECRET],
        ),
        without("a path for a name", json!({"name": "../swr"}), &[name, text::SECRET]),
        without("a name with an underscore", json!({"name": "a_b"}), &[name, text::SECRET]),
        without("a name with two periods", json!({"name": "a..b"}), &[name, text::SECRET]),
        without("a name with a line feed", json!({"name": "swr\n"}), &[name, text::SECRET]),
        without(
            "another namespace",
            json!({"name": "swr", "namespace": "kube-system"}),
            &["spec.credentialsRef.namespace", text::UNKNOWN],
        ),
        without(
            "a token in the object",
            json!({"name": "swr", "token": "t"}),
            &["spec.credentialsRef.token", text::UNKNOWN],
        ),
        without(
            "an empty key",
            json!({"name": "swr", "key": ""}),
            &[key, "should be at least 1 chars long"],
        ),
        without("a key with a slash", json!({"name": "swr", "key": "a/b"}), &[key, text::KEY]),
        without("a key with a space", json!({"name": "swr", "key": "a b"}), &[key, text::KEY]),
        without("a key with a line feed", json!({"name": "swr", "key": "a\n"}), &[key, text::KEY]),
        without(
            "a key of 254 characters",
            json!({"name": "swr", "key": "k".repeat(254)}),
            &[key, "Too long: may not be more than 253"],
        ),
    ]
}

fn shapes() -> Vec<Row> {
    let mut rows = vec![
        good("the required fields alone", &json!({})),
        good(
            "every field",
            &json!({
                "region": "eu-west-101", "organization": "group", "repository": "tools/busybox",
                "account": "demo", "permission": "read", "deadline": "2027-03-31",
                "description": "for the demo team",
                "credentialsRef": {"name": "swr", "key": "token"}, "deletionPolicy": "Delete",
                "adoptionPolicy": "CreateOrAdopt", "interval": "10m", "suspend": false,
                "managementPolicy": "Full",
            }),
        ),
        bad(
            "a field that is misspelt",
            &json!({"deadLine": "forever"}),
            &["spec.deadLine", text::UNKNOWN],
        ),
        bad(
            "an endpoint",
            &json!({"endpoint": "https://evil.example"}),
            &["spec.endpoint", text::UNKNOWN],
        ),
        bad("a URL", &json!({"url": "https://evil.example"}), &["spec.url", text::UNKNOWN]),
        bad("a namespace", &json!({"namespace": "group"}), &["spec.namespace", text::UNKNOWN]),
        bad(
            "two mistakes, which are told together",
            &json!({"organization": "A", "deadline": "soon"}),
            &["spec.organization: ", text::ORGANIZATION, "spec.deadline: ", text::DEADLINE],
        ),
    ];
    let required = [
        ("organization", "spec.organization: "),
        ("repository", "spec.repository: "),
        ("account", "spec.account: "),
    ];
    for (name, path) in required {
        let mut row = bad(format!("no {name}"), &json!({}), &[path, text::REQUIRED]);
        row.manifest["spec"].as_object_mut().unwrap().remove(name);
        rows.push(row);
    }
    for (says, spec, refusal) in [
        ("a spec of null", Some(Value::Null), vec!["spec: ", text::REQUIRED]),
        ("a spec of text", Some(json!("group/app")), vec!["spec: ", "must be of type object"]),
        ("no spec", None, vec!["spec: ", text::REQUIRED]),
    ] {
        let mut row = bad(says, &json!({}), &refusal);
        row.manifest.as_object_mut().unwrap().remove("spec");
        if let Some(spec) = spec {
            row.manifest["spec"] = spec;
        }
        rows.push(row);
    }
    rows
}

/// Every manifest, to be created.
pub fn manifests() -> Vec<Row> {
    [
        organizations(),
        repositories(),
        accounts(),
        regions(),
        deadlines(),
        descriptions(),
        intervals(),
        choices(),
        credentials(),
        shapes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Changes of the stored objects `placed` (region `sim-1`), `unplaced` (none) and `nowhere` (null).
pub fn changes() -> Vec<Row> {
    let change = |says: &str, object: &str, spec: Value, refusal: &[&'static str]| Row {
        says: format!("a change of {says}"),
        manifest: json!({"metadata": {"name": object}, "spec": spec}),
        refusal: refusal.to_vec(),
    };
    let refused = |says: &str, object: &str, spec: Value, field: &'static str| {
        change(says, object, spec, &[field, text::RECREATE])
    };
    vec![
        refused(
            "the organization",
            "placed",
            json!({"organization": "other"}),
            "spec.organization: ",
        ),
        refused("the repository", "placed", json!({"repository": "other"}), "spec.repository: "),
        refused("the account", "placed", json!({"account": "other"}), "spec.account: "),
        refused("the account's case alone", "placed", json!({"account": "Demo"}), "spec.account: "),
        refused("the region", "placed", json!({"region": "sim-2"}), "spec.region: "),
        refused("the region, to none", "placed", json!({"region": null}), "spec.region: "),
        refused("the region, from none", "unplaced", json!({"region": "sim-1"}), "spec.region: "),
        refused("the region, from null", "nowhere", json!({"region": "sim-1"}), "spec.region: "),
        change(
            "the whole identity, told together",
            "placed",
            json!({"region": "b", "organization": "b", "repository": "b", "account": "b"}),
            &["spec.region: ", "spec.organization: ", "spec.repository: ", "spec.account: "],
        ),
        change("nothing", "placed", json!({"region": "sim-1", "account": "demo"}), &[]),
        change("the deadline", "placed", json!({"deadline": "2027-03-31"}), &[]),
        change(
            "the deadline, to a bad one",
            "placed",
            json!({"deadline": "soon"}),
            &["spec.deadline: ", text::DEADLINE],
        ),
        change("the deadline, to its default", "placed", json!({"deadline": null}), &[]),
        change("the description", "placed", json!({"description": "for the demo team"}), &[]),
        change(
            "the credentials",
            "placed",
            json!({"credentialsRef": {"name": "other", "key": "k"}}),
            &[],
        ),
        change("the deletion policy", "placed", json!({"deletionPolicy": "Retain"}), &[]),
        change("the interval", "unplaced", json!({"interval": "0s"}), &[]),
        change("the interval, beside a region of null", "nowhere", json!({"interval": "0s"}), &[]),
    ]
}
