//! An issuer of identity tokens, as a cluster is one: ES256, with a key of its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imageshare_simulator::Provider;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::support::with;

pub const ISSUER: &str = "https://kubernetes.default.svc";

pub struct Issuer(EcdsaKeyPair);

impl Issuer {
    pub fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    pub fn jwks(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y}]})
    }

    /// A provider that trusts this issuer.
    pub fn provider(&self, name: &str) -> Provider {
        Provider {
            name: name.to_owned(),
            issuer: ISSUER.to_owned(),
            audience: "swr".to_owned(),
            jwks: self.jwks(),
            agencies: Vec::new(),
        }
    }

    /// A good token, by the machine's clock.
    pub fn token(&self) -> String {
        self.token_with("sub", json!("robot"))
    }

    /// A token with one claim replaced.
    pub fn token_with(&self, claim: &str, value: Value) -> String {
        let now = Timestamp::now().as_second();
        let claims =
            json!({"iss": ISSUER, "aud": ["swr"], "sub": "robot", "nbf": now, "exp": now + 600});
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = json!({"alg": "ES256", "kid": "k1"});
        let message = format!("{}.{}", encode(&header), encode(&with(claims, claim, value)));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
