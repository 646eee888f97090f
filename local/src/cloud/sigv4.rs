//! Who may call the cloud's own APIs: requests signed with the one key that this cloud was started with.
//!
//! The key is new with each start, so that a tunnel to the laptop does not open these APIs to everybody.
//! A signature is checked by making it again from the request as it arrived.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::request::Parts;
use http::{HeaderMap, header};
use shared::redact::Secret;

use super::REGION;
use super::dates::parse_amz_date;

const LARGEST_SKEW: Duration = Duration::from_secs(300);

/// The key that the processes of this cloud sign with.
#[derive(Debug, Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: Secret,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the request is not signed")]
    Unsigned,
    #[error("the signature is for another service, region, key or time")]
    WrongScope,
    #[error("the signature does not match the request")]
    WrongSignature,
}

impl AccessKey {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes)?;
        let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id: "AKIAVOICEBRIDGELOCAL".to_owned(), secret: Secret::new(secret) })
    }

    /// For the SDK's clients.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(&self.id, self.secret.reveal(), None, None, "voicebridge")
    }

    /// The key that one process goes by: another id, so that it can be told from the others, and the same secret.
    pub(crate) fn of_relay(&self, number: usize, start: u32) -> String {
        format!("{}R{number}S{start}", self.id)
    }

    /// Whether an id is this key's, or a process's.
    pub(crate) fn knows(&self, id: &str) -> bool {
        id.starts_with(&self.id)
    }

    pub(crate) fn check(&self, service: &str, request: &Parts, body: &[u8]) -> Result<(), Refused> {
        let authorization = text(&request.headers, header::AUTHORIZATION.as_str()).ok_or(Refused::Unsigned)?;
        let claim = Claim::parse(authorization).ok_or(Refused::Unsigned)?;
        let signed_at = text(&request.headers, "x-amz-date").and_then(parse_amz_date).ok_or(Refused::Unsigned)?;
        let in_scope = self.knows(claim.key_id) && claim.region == REGION && claim.service == service;
        if !in_scope || skew(signed_at) > LARGEST_SKEW {
            return Err(Refused::WrongScope);
        }
        let expected = self.signature(service, request, body, &claim, signed_at).ok_or(Refused::WrongSignature)?;
        if expected == claim.signature { Ok(()) } else { Err(Refused::WrongSignature) }
    }

    fn signature(
        &self,
        service: &str,
        request: &Parts,
        body: &[u8],
        claim: &Claim<'_>,
        signed_at: SystemTime,
    ) -> Option<String> {
        let identity = self.credentials().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(signed_at)
            .settings(SigningSettings::default())
            .build()
            .ok()?
            .into();
        let uri = format!("http://{}{}", text(&request.headers, "host")?, request.uri);
        // The date is added by the signer itself.
        let signed = claim.signed_headers.split(';').filter(|name| *name != "x-amz-date");
        let headers: Option<Vec<(&str, &str)>> =
            signed.map(|name| Some((name, text(&request.headers, name)?))).collect();
        let body = match text(&request.headers, "x-amz-content-sha256") {
            Some("UNSIGNED-PAYLOAD") => SignableBody::UnsignedPayload,
            _ => SignableBody::Bytes(body),
        };
        let signable = SignableRequest::new(request.method.as_str(), uri, headers?.into_iter(), body).ok()?;
        Some(sign(signable, &params).ok()?.signature().to_owned())
    }
}

/// The id of the key that a request claims to be signed with.
pub(crate) fn signer(request: &Parts) -> Option<&str> {
    Some(Claim::parse(text(&request.headers, header::AUTHORIZATION.as_str())?)?.key_id)
}

struct Claim<'a> {
    key_id: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(authorization: &'a str) -> Option<Self> {
        let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let scope: Vec<&str> = part("Credential")?.split('/').collect();
        let &[key_id, _date, region, service, "aws4_request"] = scope.as_slice() else { return None };
        Some(Self { key_id, region, service, signed_headers: part("SignedHeaders")?, signature: part("Signature")? })
    }
}

fn skew(signed_at: SystemTime) -> Duration {
    let now = SystemTime::now();
    now.duration_since(signed_at).or_else(|_| signed_at.duration_since(now)).unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AccessKey {
        AccessKey { id: "AKIA".to_owned(), secret: Secret::new("secret") }
    }

    fn signed(key: &AccessKey, service: &str, body: &[u8]) -> Parts {
        let identity = key.credentials().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let path = "/call/@connections/I8mzEc2bPHcCIWQ%3D";
        let headers = [("x-voicebridge-relay", "r1")].into_iter();
        let uri = format!("http://127.0.0.1:8787{path}");
        let signable = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = http::Request::post(path)
            .header("host", "127.0.0.1:8787")
            .header("x-voicebridge-relay", "r1")
            .body(())
            .unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    #[test]
    fn our_own_signature_opens() {
        assert_eq!(key().check("execute-api", &signed(&key(), "execute-api", b"hello"), b"hello"), Ok(()));
    }

    #[test]
    fn another_body_service_key_or_header_does_not() {
        let request = signed(&key(), "execute-api", b"hello");
        assert_eq!(key().check("execute-api", &request, b"other"), Err(Refused::WrongSignature));
        assert_eq!(key().check("lambda", &request, b"hello"), Err(Refused::WrongScope));
        let stranger = AccessKey { secret: Secret::new("guessed"), ..key() };
        let forged = signed(&stranger, "execute-api", b"hello");
        assert_eq!(key().check("execute-api", &forged, b"hello"), Err(Refused::WrongSignature));
        let mut tampered = signed(&key(), "execute-api", b"hello");
        tampered.headers.insert("x-voicebridge-relay", http::HeaderValue::from_static("r2"));
        assert_eq!(key().check("execute-api", &tampered, b"hello"), Err(Refused::WrongSignature));
    }

    #[test]
    fn a_process_signs_with_an_id_of_its_own() {
        let process = AccessKey { id: key().of_relay(2, 7), ..key() };
        let request = signed(&process, "execute-api", b"hello");
        assert_eq!(key().check("execute-api", &request, b"hello"), Ok(()));
        assert_eq!(signer(&request), Some("AKIAR2S7"));
        let stranger = AccessKey { id: "ASIA".to_owned(), ..key() };
        assert_eq!(key().check("execute-api", &signed(&stranger, "execute-api", b""), b""), Err(Refused::WrongScope));
    }

    #[test]
    fn no_signature_or_an_old_one_does_not() {
        let mut request = signed(&key(), "execute-api", b"");
        request.headers.insert("x-amz-date", http::HeaderValue::from_static("20200101T000000Z"));
        assert_eq!(key().check("execute-api", &request, b""), Err(Refused::WrongScope));
        request.headers.remove(header::AUTHORIZATION);
        assert_eq!(key().check("execute-api", &request, b""), Err(Refused::Unsigned));
    }
}
