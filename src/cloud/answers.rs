//! Reads the answers of the cloud's APIs, SWR's, IAM's and STS's alike: bounded in bytes, and nothing of the
//! secret that a call was made with in what is shown of them. Decides nothing.

use std::time::SystemTime;

use reqwest::Response;
use reqwest::header::{DATE, HeaderName, RETRY_AFTER};

use super::SwrError;
use super::error::{Refusal, Reply, reply_of};
use super::evidence::Unshown;
use crate::reason::Reason;

/// The largest answer that is read, in bytes. A share is about 2 KiB with the longest description.
const BODY_MAX: usize = 1024 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What an answer outside 2xx says.
pub async fn refused(response: Response, unshown: &Unshown<'_>) -> Result<Reply, SwrError> {
    let status = response.status().as_u16();
    let (retry_after, date) = (header(&response, &RETRY_AFTER), header(&response, &DATE));
    let unread = evidence(&response, Reason::AnswerUnreadable, unshown);
    let body = match read(response).await {
        Ok(body) => body,
        // Nobody knows whose it is, or what is not found.
        Err(reason) if status == 404 => return Err(SwrError { reason, ..unread }),
        // The status is left to go by.
        Err(_) => Vec::new(),
    };
    let reply = reply_of(Refusal {
        status,
        body: &body,
        retry_after: retry_after.as_deref(),
        date: date.as_deref(),
        here: SystemTime::now(),
        request_id: unread.request_id.as_deref(),
    });
    reply.map(|reply| unshown.reply(reply)).map_err(|error| unshown.error(error))
}

/// The same where no share is asked for, and each is a failure.
pub async fn failed(response: Response, unshown: &Unshown<'_>) -> SwrError {
    let unexpected = evidence(&response, Reason::AnswerUnreadable, unshown);
    match refused(response, unshown).await {
        Err(error)
        | Ok(Reply::Absent(error) | Reply::AlreadyExists(error) | Reply::Nobodys(error)) => error,
        Ok(Reply::Done) => unexpected,
    }
}

/// A failure of which only the head of the answer is known.
pub fn evidence(response: &Response, reason: Reason, unshown: &Unshown<'_>) -> SwrError {
    let request_id = header(response, &REQUEST_ID);
    let status = response.status().as_u16();
    unshown.error(SwrError::answered(reason, status, request_id.as_deref()))
}

/// The body of a success, and the failure that it is if it is not what is documented.
pub async fn body_of(
    response: Response,
    unshown: &Unshown<'_>,
) -> Result<(Vec<u8>, SwrError), SwrError> {
    let unreadable = evidence(&response, Reason::AnswerUnreadable, unshown);
    match read(response).await {
        Ok(body) => Ok((body, unreadable)),
        Err(reason) => Err(SwrError { reason, ..unreadable }),
    }
}

/// A header's value as text.
pub fn header(response: &Response, name: &HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The body.
pub async fn read(mut response: Response) -> Result<Vec<u8>, Reason> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_MAX => {
                return Err(Reason::AnswerTooLarge);
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(Reason::Timeout),
            Err(_) => return Err(Reason::AnswerUnreadable),
        }
    }
}
