//! What Twilio posts: webhooks and status callbacks, with their usual parameters and a valid signature.

use bytes::Bytes;
use reqwest::Client;
use shared::redact::Secret;
use shared::twilio::signature::{HEADER, Signer};
use url::Url;

/// One caller and one number, as every form names them.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) account: String,
    pub(super) call: String,
    pub(super) from: String,
    pub(super) to: String,
    /// `inbound`, `outbound-api` or `outbound-dial`.
    pub(super) direction: &'static str,
}

pub(super) type Form = Vec<(String, String)>;

impl Identity {
    pub(super) fn form(&self, status: &str, more: &[(&str, &str)]) -> Form {
        let usual = [
            ("AccountSid", self.account.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", &self.call),
            ("CallStatus", status),
            ("Called", &self.to),
            ("CalledCity", "SAN FRANCISCO"),
            ("CalledCountry", "US"),
            ("CalledState", "CA"),
            ("CalledZip", ""),
            ("Caller", &self.from),
            ("CallerCity", ""),
            ("CallerCountry", "US"),
            ("CallerState", "CA"),
            ("CallerZip", ""),
            ("Direction", self.direction),
            ("From", &self.from),
            ("FromCity", ""),
            ("FromCountry", "US"),
            ("FromState", "CA"),
            ("FromZip", ""),
            ("To", &self.to),
            ("ToCity", "SAN FRANCISCO"),
            ("ToCountry", "US"),
            ("ToState", "CA"),
            ("ToZip", ""),
        ];
        pairs(&usual).chain(pairs(more)).collect()
    }

    /// Stream callbacks name the account, the call and the stream only.
    pub(super) fn stream_form(&self, stream: &str, name: &str, event: &str, timestamp: &str) -> Form {
        let pairs_of_stream = [
            ("AccountSid", self.account.as_str()),
            ("CallSid", &self.call),
            ("StreamSid", stream),
            ("StreamName", name),
            ("StreamEvent", event),
            ("Timestamp", timestamp),
        ];
        pairs(&pairs_of_stream).collect()
    }
}

fn pairs(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>().into_iter()
}

/// Posts as Twilio does.
#[derive(Debug, Clone)]
pub(super) struct Poster {
    client: Client,
    token: Secret,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("{0} cannot be reached")]
    Unreachable(Url, #[source] reqwest::Error),
    #[error("{0} answered {1}")]
    Status(Url, reqwest::StatusCode),
}

impl Poster {
    pub(super) fn new(client: Client, token: Secret) -> Self {
        Self { client, token }
    }

    pub(super) fn sign(&self, url: &str, form: &Form) -> String {
        Signer::new(&self.token).sign(url, form)
    }

    pub(super) async fn get(&self, url: &Url) -> Result<Bytes, PostError> {
        let unreachable = |error| PostError::Unreachable(url.clone(), error);
        let response = self.client.get(url.clone()).send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(PostError::Status(url.clone(), response.status()));
        }
        response.bytes().await.map_err(unreachable)
    }

    /// Returns the body.
    pub(super) async fn post(&self, url: &Url, form: &Form) -> Result<String, PostError> {
        let unreachable = |error| PostError::Unreachable(url.clone(), error);
        let request = self.client.post(url.clone()).header(HEADER, self.sign(url.as_str(), form));
        let request = request.header("user-agent", "TwilioProxy/1.1").header("accept", "*/*").form(form);
        let response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(PostError::Status(url.clone(), response.status()));
        }
        response.text().await.map_err(unreachable)
    }
}
