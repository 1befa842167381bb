use std::collections::BTreeMap;

use super::*;

fn read(data: &[(&str, &str)], key: Option<&str>) -> Result<Credential, Unusable> {
    let data: BTreeMap<_, _> = data.iter().copied().collect();
    Credential::read(|key| data.get(key).map(|value| value.as_bytes()), key)
}

fn refused(data: &[(&str, &str)]) -> (Reason, String) {
    let Err(unusable) = read(data, None) else { panic!("{data:?} is taken") };
    (unusable.reason, unusable.keys)
}

const KEY: [(&str, &str); 2] = [("accessKey", "AK"), ("secretKey", "SK\n")];
const USER: [(&str, &str); 3] = [("username", "u"), ("password", "p w"), ("accountName", "a")];

#[test]
fn the_kind_of_a_secret_is_read_off_its_keys() {
    assert!(matches!(read(&[("token", "t")], None), Ok(Credential::Token(_))));
    let key = AccessKey::new("AK".into(), "SK".into(), None);
    assert!(read(&KEY, None) == Ok(Credential::AccessKey(key)), "without the line break");
    let with_token = [KEY[0], KEY[1], ("securityToken", "T"), ("note", "x")];
    assert!(matches!(read(&with_token, None), Ok(Credential::AccessKey(_))));
    let password = Password::new("a".into(), "u".into(), "p w".into(), None);
    assert!(read(&USER, None) == Ok(Credential::Password(password)));
    let with_project = [USER[0], USER[1], USER[2], ("projectName", "eu")];
    assert!(read(&with_project, None) != read(&USER, None), "another project, another credential");
}

#[test]
fn a_key_that_the_object_names_holds_a_token_whatever_stands_beside_it() {
    let data = [("eu", "t"), KEY[0], USER[0]];
    assert!(matches!(read(&data, Some("eu")), Ok(Credential::Token(_))));
    let missing = read(&data, Some("us")).err().unwrap();
    assert_eq!((missing.reason, &*missing.keys), (Reason::SecretKeyNotFound, "key us"));
    assert!(matches!(read(&[("token", "t")], Some("token")), Ok(Credential::Token(_))));
}

#[test]
fn mixed_and_incomplete_secrets_are_refused_by_the_names_of_their_keys() {
    let invalid = |keys: &str| (Reason::InvalidCredentials, keys.to_owned());
    for (data, expected) in [
        (vec![KEY[0]], invalid("secretKey is missing")),
        (vec![KEY[1]], invalid("accessKey is missing")),
        (vec![("securityToken", "T")], invalid("accessKey is missing")),
        (vec![USER[0], USER[1]], invalid("accountName is missing")),
        (vec![("projectName", "p")], invalid("accountName is missing")),
        (vec![("token", "t"), KEY[0], KEY[1]], invalid("token beside accessKey")),
        (vec![KEY[1], USER[1]], invalid("secretKey beside password")),
        (vec![KEY[0], ("secretKey", " ")], invalid("secretKey is empty")),
        (
            vec![KEY[0], ("secretKey", "a\nb")],
            invalid("secretKey holds a line break or another control character"),
        ),
        (
            vec![KEY[0], ("secretKey", "a b")],
            invalid("secretKey holds a space or a character outside ASCII"),
        ),
        (
            vec![("accessKey", "A,B"), KEY[1]],
            invalid("accessKey holds a comma, a semicolon or an equals sign"),
        ),
        (
            vec![USER[0], USER[2], ("password", "a\0b")],
            invalid("password holds a line break or another control character"),
        ),
        (vec![("token", "")], (Reason::TokenEmpty, "key token".to_owned())),
        (
            vec![("other", "x")],
            (Reason::SecretKeyNotFound, "none of token, accessKey, username".to_owned()),
        ),
    ] {
        assert_eq!(refused(&data), expected, "{data:?}");
    }
}
