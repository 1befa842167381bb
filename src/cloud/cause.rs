//! Why there was no connection, in words that name a remedy. Pure.
//!
//! The words go into a status, so they must be the same each time: what rustls says of an expired
//! certificate, for one, holds the time of the attempt.

use std::error::Error as StdError;

use rustls::{CertificateError, Error as TlsError};

use crate::redact::printable;

/// The longest cause that is given in somebody else's words.
const CAUSE_MAX: usize = 80;

/// Why a connection was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

/// Why a connection was not made; `None` if the words are of no use.
pub fn of(error: &reqwest::Error) -> Option<Cause> {
    let tls = causes(error).find_map(<dyn StdError>::downcast_ref::<TlsError>);
    let words = match (tls, tls.and_then(known)) {
        (_, Some(words)) => words.to_owned(),
        (Some(tls), None) => printable(&tls.to_string(), CAUSE_MAX),
        (None, None) => printable(&causes(error).last()?.to_string(), CAUSE_MAX),
    };
    Some(Cause(words))
}

fn known(error: &TlsError) -> Option<&'static str> {
    use CertificateError as Certificate;
    let TlsError::InvalidCertificate(certificate) = error else {
        return match error {
            TlsError::InvalidMessage(_) => Some("what answers speaks no TLS: check the port"),
            TlsError::PeerIncompatible(_) => Some("it speaks neither TLS 1.2 nor 1.3 as we do"),
            _ => None,
        };
    };
    Some(match certificate {
        Certificate::UnknownIssuer => "nobody who is trusted signed its certificate",
        // As when it was made anew and the --ca-file was not.
        Certificate::BadSignature => {
            "its certificate names an authority that is trusted, which has not signed it"
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "its certificate is for another host"
        }
        Certificate::Expired | Certificate::ExpiredContext { .. } => "its certificate has expired",
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "its certificate is not valid yet: check the clocks"
        }
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
            "its certificate is not one for servers"
        }
        // webpki's own name for it, which rustls passes on and has no other for.
        Certificate::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own (CA:TRUE): sign one for the server with it"
        }
        _ => return None,
    })
}

/// An error and its causes, the innermost last.
pub fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| next_cause(*error))
}

/// `io::Error` hands out its inner error's cause as its own, so the inner error is asked for first.
fn next_cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
