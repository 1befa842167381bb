//! Signs requests as a client does: a second time from the documentation, and only as far as these tests need it.

use jiff::Timestamp;
use reqwest::{RequestBuilder, Response};
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};

use crate::support::Simulator;

/// An access key, and when and how it signs.
#[derive(Clone)]
pub struct Signer {
    pub id: String,
    pub secret: String,
    pub security_token: Option<String>,
    pub at: Timestamp,
}

impl Signer {
    pub fn new(id: &str, secret: &str, at: &str) -> Self {
        let (id, secret, at) = (id.to_owned(), secret.to_owned(), at.parse().unwrap());
        Self { id, secret, security_token: None, at }
    }

    /// A GET of this path, which has nothing that would have to be encoded but `$`.
    pub fn get(&self, simulator: &Simulator, path: &str) -> RequestBuilder {
        self.request(simulator, "GET", path, "")
    }

    pub fn request(
        &self,
        simulator: &Simulator,
        method: &str,
        path: &str,
        body: &str,
    ) -> RequestBuilder {
        let host = simulator.running.url().trim_start_matches("http://");
        let date = self.at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let canonical = format!(
            "{method}\n{}/\n\nhost:{host}\nx-sdk-date:{date}\n\nhost;x-sdk-date\n{}",
            path.replace('$', "%24"),
            hex(digest(&SHA256, body.as_bytes()).as_ref())
        );
        let text = format!(
            "SDK-HMAC-SHA256\n{date}\n{}",
            hex(digest(&SHA256, canonical.as_bytes()).as_ref())
        );
        let signature = sign(&Key::new(HMAC_SHA256, self.secret.as_bytes()), text.as_bytes());
        let authorization = format!(
            "SDK-HMAC-SHA256 Access={}, SignedHeaders=host;x-sdk-date, Signature={}",
            self.id,
            hex(signature.as_ref())
        );
        let request = simulator
            .request(method, path)
            .body(body.to_owned())
            .header("X-Sdk-Date", date)
            .header("Authorization", authorization);
        match &self.security_token {
            Some(token) => request.header("X-Security-Token", token),
            None => request,
        }
    }

    /// The status of such a GET.
    pub async fn status(&self, simulator: &Simulator, path: &str) -> u16 {
        self.send(simulator, path).await.status().as_u16()
    }

    pub async fn send(&self, simulator: &Simulator, path: &str) -> Response {
        self.get(simulator, path).send().await.unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
