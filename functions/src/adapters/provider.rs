//! What is asked of a provider of OpenID Connect. Its answers hold tokens, and what it is sent holds codes: no error names any.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use shared::ports::{Answering, AskProvider, PortError, PortResult};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 256 * 1024;

/// The client is made with the first request: most functions never ask.
#[derive(Debug, Default)]
pub struct OidcProvider {
    client: OnceLock<Client>,
}

impl OidcProvider {
    fn client(&self) -> PortResult<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Where it answers is said by its own description, and not by a redirect.
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).user_agent("voicebridge").build();
        let client = client.map_err(fault)?;
        Ok(self.client.get_or_init(move || client))
    }
}

impl AskProvider for OidcProvider {
    fn document<'a>(&'a self, url: &'a Url) -> Answering<'a, Value> {
        Box::pin(async move {
            match ask(self.client()?.get(url.clone())).await? {
                (200, body) => Ok(body),
                (status, _) => Err(PortError::Unavailable(format!("the provider answers {status}"))),
            }
        })
    }

    fn redeem<'a>(&'a self, url: &'a Url, form: &'a [(&'a str, &'a str)]) -> Answering<'a, Value> {
        Box::pin(async move {
            match ask(self.client()?.post(url.clone()).form(form)).await? {
                // RFC 6749: 400, or 401 of a client that it does not know, with why.
                (200 | 400 | 401, body) => Ok(body),
                (status, _) => Err(PortError::Unavailable(format!("the provider answers {status}"))),
            }
        })
    }
}

async fn ask(request: RequestBuilder) -> PortResult<(u16, Value)> {
    let mut answer = request.header("accept", "application/json").send().await.map_err(fault)?;
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(fault)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(PortError::Corrupt(format!("the provider's answer is longer than {LONGEST_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

fn fault(error: reqwest::Error) -> PortError {
    PortError::Unavailable(
        if error.is_timeout() { "the provider did not answer in time" } else { "the provider does not answer" }
            .to_owned(),
    )
}
