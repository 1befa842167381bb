//! The three calls of the sharing API that a subject needs.

use imageshare::api::ImageShare;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

/// The simulated SWR.
#[derive(Clone)]
pub struct Cloud {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Cloud {
    pub fn new(base: &str, token: &str) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base: base.to_owned(), token: token.to_owned() })
    }

    /// The same cloud with another token.
    pub fn with_token(&self, token: String) -> Self {
        Self { token, ..self.clone() }
    }

    /// Creates the share. One that exists already counts as created.
    pub async fn create(&self, object: &ImageShare) -> reqwest::Result<()> {
        let spec = &object.spec;
        let body = json!({
            "access_domain": spec.account, "permit": "read", "deadline": spec.deadline,
            "description": spec.description,
        });
        let answer = self.request(Method::POST, object, "").json(&body).send().await?;
        if answer.status() == StatusCode::CONFLICT {
            return Ok(());
        }
        answer.error_for_status().map(drop)
    }

    /// Asks for the share.
    pub async fn get(&self, object: &ImageShare) -> reqwest::Result<()> {
        let account = format!("/{}", object.spec.account);
        let answer = self.request(Method::GET, object, &account).send().await?;
        answer.error_for_status()?.bytes().await.map(drop)
    }

    /// Revokes the share. One that does not exist is a 400 and counts as revoked.
    pub async fn delete(&self, object: &ImageShare) -> reqwest::Result<()> {
        let account = format!("/{}", object.spec.account);
        let answer = self.request(Method::DELETE, object, &account).send().await?;
        if answer.status() == StatusCode::BAD_REQUEST {
            return Ok(());
        }
        answer.error_for_status().map(drop)
    }

    fn request(&self, method: Method, object: &ImageShare, rest: &str) -> RequestBuilder {
        let (base, spec) = (&self.base, &object.spec);
        let (organization, repository) = (&spec.organization, &spec.repository);
        let url = format!(
            "{base}/v2/manage/namespaces/{organization}/repositories/{repository}/access-domains{rest}"
        );
        self.http.request(method, url).header("X-Auth-Token", &self.token)
    }
}
