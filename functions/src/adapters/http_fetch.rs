//! GETs on the open internet, on behalf of tools: bounded in time and size, and honest about failure.
//!
//! URLs carry what the caller asked about, so no error names one.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, Response};
use shared::ports::{Fetch, PortError, PortResult};

const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 256 * 1024;

/// The client is made with the first request: loading the system's roots takes longer than most tools.
#[derive(Debug, Default)]
pub struct HttpFetch {
    client: OnceLock<Client>,
}

impl HttpFetch {
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self) -> PortResult<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder().timeout(PATIENCE).user_agent("voicebridge").build().map_err(fault)?;
        Ok(self.client.get_or_init(move || client))
    }
}

impl Fetch for HttpFetch {
    async fn get_json(&self, url: &url::Url) -> PortResult<serde_json::Value> {
        let answer = self.client()?.get(url.clone()).send().await.map_err(fault)?;
        match answer.status().as_u16() {
            200..=299 => {}
            429 => return Err(PortError::Throttled("the service asks for patience".to_owned())),
            status => return Err(PortError::Unavailable(format!("the service answered {status}"))),
        }
        let body = read(answer).await?;
        serde_json::from_slice(&body).map_err(|_| PortError::Corrupt("the service's answer is not JSON".to_owned()))
    }
}

async fn read(mut answer: Response) -> PortResult<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(fault)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(PortError::Corrupt(format!("the service's answer is longer than {LONGEST_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn fault(error: reqwest::Error) -> PortError {
    let what = if error.is_timeout() {
        "the service did not answer in time"
    } else if error.is_connect() {
        "the service cannot be reached"
    } else {
        "the service broke off"
    };
    PortError::Unavailable(what.to_owned())
}
