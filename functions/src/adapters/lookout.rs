//! Looks at what only somebody outside can tell: whether the model's vendor knows the key and its models, and whether we are
//! found at our public address.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use shared::checks::Reached;
use shared::model::{self, Availability, Backend};
use shared::ports::{LookAround, Looking};
use shared::redact::Secret;
use url::Url;

/// Everything is asked at once, and people wait for it.
const PATIENCE: Duration = Duration::from_secs(4);
const LARGEST_ANSWER: usize = 64 * 1024;

/// The client is made with the first question: most processes are never asked.
#[derive(Debug)]
pub struct Lookout {
    model_url: Url,
    model_key: Option<Secret>,
    client: OnceLock<Client>,
}

impl Lookout {
    pub fn new(model_url: Url, model_key: Option<Secret>) -> Self {
        Self { model_url, model_key, client: OnceLock::new() }
    }

    /// The status, and what of the answer is needed.
    async fn ask(&self, url: Url, headers: &[(&'static str, Secret)]) -> Result<(u16, Vec<u8>), &'static str> {
        let mut request = self.client()?.get(url);
        for (name, value) in headers {
            request = request.header(*name, value.reveal());
        }
        let mut answer = request.send().await.map_err(|error| broken(&error))?;
        let mut body = Vec::new();
        while body.len() < LARGEST_ANSWER
            && let Some(chunk) = answer.chunk().await.map_err(|error| broken(&error))?
        {
            body.extend_from_slice(&chunk);
        }
        Ok((answer.status().as_u16(), body))
    }

    fn client(&self) -> Result<&Client, &'static str> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).user_agent("voicebridge").build();
        let client = client.map_err(|error| broken(&error))?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl LookAround for Lookout {
    fn model<'a>(&'a self, name: &'a str) -> Looking<'a, Availability> {
        Box::pin(async move {
            let Some(key) = &self.model_key else { return Availability::NoKey };
            let dialect = model::dialect(Backend::default());
            let asked = dialect.look_up(&self.model_url, name, key);
            match self.ask(asked.url, &asked.headers).await {
                Ok((status, body)) => dialect.looked_up(name, status, &body),
                Err(how) => Availability::NoAnswer(how),
            }
        })
    }

    fn reach<'a>(&'a self, public_url: &'a Url) -> Looking<'a, Reached> {
        Box::pin(async move {
            let Ok(url) = public_url.join("/health") else { return Reached::NoAnswer("is no URL") };
            match self.ask(url, &[]).await {
                Ok((200, body)) if body == b"OK" => Reached::Us,
                Ok((status, _)) => Reached::Another(status),
                Err(how) => Reached::NoAnswer(how),
            }
        })
    }
}

/// Not reqwest's own words: they name the URL.
fn broken(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "did not answer in time",
        error if error.is_connect() => "cannot be reached",
        error if error.is_builder() => "cannot be asked: its address, or the key, is unusable",
        _ => "broke off",
    }
}
