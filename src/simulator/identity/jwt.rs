//! The check of an identity token: a JWT, RS256 or ES256, against its issuer's public keys (RFC 7515, 7517 to 7519).
//!
//! Pure: now comes in as a parameter.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How far the clocks of issuer and cloud may be apart, in seconds.
const LEEWAY: i64 = 60;

/// Why an identity token does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is no JWT, or lacks `iss`, `aud` or `exp`.
    #[error("it is malformed")]
    Malformed,
    /// The issuer has no key of this kind and id.
    #[error("its key is unknown")]
    UnknownKey,
    /// Somebody else signed it.
    #[error("its signature is wrong")]
    Signature,
    /// It is another issuer's.
    #[error("its issuer is another one")]
    Issuer,
    /// It is meant for somebody else.
    #[error("its audience is another one")]
    Audience,
    /// It is over.
    #[error("it has expired")]
    Expired,
    /// It has not begun.
    #[error("it is not valid yet")]
    NotYet,
}

/// The keys of an issuer that can be used here.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    public: Public,
}

#[derive(Clone, Debug)]
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
}

/// A key as a JWKS has it.
#[derive(Deserialize)]
struct GivenKey {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a JWKS, `{"keys": […]}`. Keys of other kinds are passed over; one at least must be left.
    pub fn read(jwks: &Value) -> Result<Self, String> {
        let given = jwks["keys"].as_array().ok_or("a JWKS is {\"keys\": […]}")?;
        let keys: Vec<Key> = given.iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            Err("the JWKS has no RSA or P-256 key".to_owned())
        } else {
            Ok(Self(keys))
        }
    }
}

impl Key {
    fn read(given: &Value) -> Option<Self> {
        let given = GivenKey::deserialize(given).ok()?;
        let public = match (given.kty.as_str(), given.crv.as_deref()) {
            ("RSA", _) => Public::Rsa { n: decoded(&given.n?)?, e: decoded(&given.e?)? },
            // An uncompressed point.
            ("EC", Some("P-256")) => {
                Public::P256([vec![4], decoded(&given.x?)?, decoded(&given.y?)?].concat())
            }
            _ => return None,
        };
        Some(Self { id: given.kid, public })
    }

    fn serves(&self, header: &Header) -> bool {
        let same_kind = match self.public {
            Public::Rsa { .. } => header.alg == "RS256",
            Public::P256(_) => header.alg == "ES256",
        };
        same_kind && (header.kid.is_none() || header.kid == self.id)
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Public::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// What an identity token says.
#[derive(Debug, Deserialize)]
pub struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    /// Whose it is.
    #[serde(default)]
    pub sub: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

/// Checks a token for this issuer and audience; what it says counts only then.
pub fn verify(
    token: &str,
    keys: &Keys,
    issuer: &str,
    audience: &str,
    now: Timestamp,
) -> Result<Claims, Flaw> {
    let (message, signature) = token.rsplit_once('.').ok_or(Flaw::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(Flaw::Malformed)?;
    let header: Header = part(header)?;
    let signature = decoded(signature).ok_or(Flaw::Malformed)?;
    let serving: Vec<&Key> = keys.0.iter().filter(|key| key.serves(&header)).collect();
    if serving.is_empty() {
        return Err(Flaw::UnknownKey);
    }
    if !serving.iter().any(|key| key.verifies(message.as_bytes(), &signature)) {
        return Err(Flaw::Signature);
    }
    let claims: Claims = part(claims)?;
    let now = now.as_second();
    match &claims {
        claims if claims.iss != issuer => Err(Flaw::Issuer),
        claims if !claims.aud.contains(audience) => Err(Flaw::Audience),
        claims if claims.exp.saturating_add(LEEWAY) <= now => Err(Flaw::Expired),
        claims if claims.nbf.is_some_and(|begin| begin.saturating_sub(LEEWAY) > now) => {
            Err(Flaw::NotYet)
        }
        _ => Ok(claims),
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, Flaw> {
    let bytes = decoded(text).ok_or(Flaw::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Flaw::Malformed)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// An issuer of its own in each test.
    struct Issuer(EcdsaKeyPair);

    impl Issuer {
        fn new() -> Self {
            let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
        }

        fn keys(&self) -> Keys {
            let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
            let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
            let key =
                json!({"kty": "EC", "crv": "P-256", "kid": "k1", "x": encode(x), "y": encode(y)});
            Keys::read(&json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, key]}))
                .unwrap()
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
            let message = format!("{}.{}", encode(header), encode(claims));
            let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn verdict(token: &str, keys: &Keys) -> Result<String, Flaw> {
        let now = Timestamp::from_second(NOW).unwrap();
        verify(token, keys, "https://issuer", "swr", now).map(|claims| claims.sub)
    }

    fn claims() -> Value {
        json!({"iss": "https://issuer", "aud": ["other", "swr"], "sub": "me", "exp": NOW + 10, "nbf": NOW - 10})
    }

    #[test]
    fn a_token_of_the_issuer_for_the_audience_holds() {
        let issuer = Issuer::new();
        for header in [json!({"alg": "ES256", "kid": "k1"}), json!({"alg": "ES256"})] {
            let token = issuer.token(&header, &claims());
            assert_eq!(verdict(&token, &issuer.keys()), Ok("me".to_owned()), "{header}");
        }
    }

    #[test]
    fn a_token_that_says_something_else_does_not() {
        let issuer = Issuer::new();
        for (field, value, expected) in [
            ("iss", json!("https://other"), Err(Flaw::Issuer)),
            ("aud", json!("other"), Err(Flaw::Audience)),
            ("aud", json!("swr"), Ok(())),
            ("aud", json!(1), Err(Flaw::Malformed)),
            ("exp", json!(NOW - 59), Ok(())),
            ("exp", json!(NOW - 60), Err(Flaw::Expired)),
            ("exp", Value::Null, Err(Flaw::Malformed)),
            ("nbf", json!(NOW + 60), Ok(())),
            ("nbf", json!(NOW + 61), Err(Flaw::NotYet)),
            ("nbf", Value::Null, Ok(())),
        ] {
            let mut claims = claims();
            claims[field] = value.clone();
            let token = issuer.token(&json!({"alg": "ES256", "kid": "k1"}), &claims);
            assert_eq!(verdict(&token, &issuer.keys()).map(drop), expected, "{field}: {value}");
        }
    }

    #[test]
    fn a_token_of_another_key_or_without_a_signature_does_not() {
        let (issuer, other) = (Issuer::new(), Issuer::new());
        let good = json!({"alg": "ES256", "kid": "k1"});
        let stolen = other.token(&good, &claims());
        assert_eq!(verdict(&stolen, &issuer.keys()), Err(Flaw::Signature));
        for header in [
            json!({"alg": "ES256", "kid": "k2"}),
            json!({"alg": "none"}),
            json!({"alg": "HS256", "kid": "k1"}),
            json!({"alg": "RS256", "kid": "k1"}),
        ] {
            let token = issuer.token(&header, &claims());
            assert_eq!(verdict(&token, &issuer.keys()), Err(Flaw::UnknownKey), "{header}");
        }
        let token = issuer.token(&good, &claims());
        let unsigned = &token[..=token.rfind('.').unwrap()];
        assert_eq!(verdict(unsigned, &issuer.keys()), Err(Flaw::Signature));
        for malformed in ["", "a", "a.b", "a.b.c", "..", token.replace('.', "").as_str()] {
            assert_eq!(verdict(malformed, &issuer.keys()), Err(Flaw::Malformed), "{malformed}");
        }
    }

    #[test]
    fn a_token_that_openssl_signed_with_rsa_holds() {
        let fixture: Value =
            serde_json::from_str(include_str!("../tests/fixtures/identity-token.json")).unwrap();
        let keys = Keys::read(&fixture["jwks"]).unwrap();
        let token = fixture["token"].as_str().unwrap();
        assert_eq!(verdict(token, &keys), Ok("system:serviceaccount:team:robot".to_owned()));
        // Another letter in the middle of the signature.
        let at = token.len() - 100;
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let broken = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert_eq!(verdict(&broken, &keys), Err(Flaw::Signature));
    }

    #[test]
    fn a_set_without_a_key_of_use_is_refused() {
        for jwks in [json!({}), json!({"keys": []}), json!({"keys": [{"kty": "oct", "k": "AA"}]})] {
            assert!(Keys::read(&jwks).is_err(), "{jwks}");
        }
    }
}
