//! The public API as anybody may use it: the record of a call and its recording.

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use shared::calls::Call;
use shared::session::{Event, Line};
use shared::time::CallTime;
use url::Url;

/// `GET /calls/{sid}`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Record {
    pub(crate) call: Call,
    pub(crate) transcript: Vec<Line>,
    pub(crate) events: Vec<TimedEvent>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TimedEvent {
    pub(crate) at: CallTime,
    pub(crate) event: Event,
}

impl Record {
    pub(crate) fn has_ended(&self) -> bool {
        let told = self.events.iter().any(|timed| matches!(timed.event, Event::Ended { .. }));
        told && self.call.status.ended().is_some()
    }
}

/// One call's place in the API.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    call: Url,
    recording: Url,
}

impl Api {
    pub(crate) fn new(origin: &Url, sid: &str) -> Result<Self, url::ParseError> {
        let call = origin.join(&format!("calls/{sid}"))?;
        let recording = origin.join(&format!("calls/{sid}/recording"))?;
        Ok(Self { client: Client::new(), call, recording })
    }

    /// `None`: there is no such call yet.
    pub(crate) async fn record(&self) -> reqwest::Result<Option<Record>> {
        let response = self.client.get(self.call.clone()).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        response.error_for_status()?.json().await.map(Some)
    }

    /// `None`: it is not whole yet.
    pub(crate) async fn recording(&self) -> reqwest::Result<Option<Vec<u8>>> {
        let response = self.client.get(self.recording.clone()).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let bytes = response.error_for_status()?.bytes().await?;
        Ok(Some(bytes.to_vec()))
    }
}
