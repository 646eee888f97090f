//! Signs the upgrade request by which a relay joins the control API: `execute-api:Invoke`, SigV4 in the headers.

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue};
use shared::ports::{PortError, PortResult};
use url::Url;

#[derive(Debug, Clone)]
pub struct HandshakeSigner {
    region: String,
    credentials: SharedCredentialsProvider,
}

impl HandshakeSigner {
    pub fn new(region: impl Into<String>, credentials: SharedCredentialsProvider) -> Self {
        Self { region: region.into(), credentials }
    }

    /// The headers that make a GET of `url` with these `headers` acceptable for some minutes. The credentials are
    /// asked for each time: those of a task are replaced every few hours.
    pub async fn headers(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
    ) -> PortResult<Vec<(HeaderName, HeaderValue)>> {
        let credentials = self.credentials.provide_credentials().await;
        let identity = credentials.map_err(|_| PortError::Unavailable("no credentials".to_owned()))?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("execute-api")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unsigned())?
            .into();
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let request = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]));
        let (instructions, _) = sign(request.map_err(|_| unsigned())?, &params).map_err(|_| unsigned())?.into_parts();
        instructions.headers().map(|(name, value)| header(name, value)).collect()
    }
}

fn header(name: &str, value: &str) -> PortResult<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsigned())?;
    Ok((name, HeaderValue::from_str(value).map_err(|_| unsigned())?))
}

fn unsigned() -> PortError {
    PortError::Corrupt("a handshake that cannot be signed".to_owned())
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;

    #[tokio::test]
    async fn a_handshake_is_signed_with_its_headers_and_the_sessions_token() {
        let credentials = Credentials::new("AKID", "secret", Some("session".to_owned()), None, "test");
        let signer = HandshakeSigner::new("eu-central-1", SharedCredentialsProvider::new(credentials));
        let url = Url::parse("wss://abc.execute-api.eu-central-1.amazonaws.com/control").unwrap();
        let signed = signer.headers(&url, &[("x-voicebridge-relay", "relay-1".to_owned())]).await.unwrap();
        let value = |wanted: &str| {
            let (_, value) = signed.iter().find(|(name, _)| name == wanted).unwrap();
            value.to_str().unwrap().to_owned()
        };
        let authorization = value("authorization");
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
        assert!(authorization.contains("/eu-central-1/execute-api/aws4_request"));
        assert!(authorization.contains("host;x-amz-date;x-amz-security-token;x-voicebridge-relay"));
        assert_eq!(value("x-amz-security-token"), "session");
    }
}
