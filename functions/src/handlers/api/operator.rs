//! What an operator asks of a call that runs: `POST /api/calls/{sid}/hold`, `/whisper`, `/say` and their like.

use futures_util::future::join;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::control::Control;
use shared::ids::CallSid;
use shared::ports::{PortResult, RelayControl};
use shared::redact::Pii;
use shared::session::OperatorCommand;

use super::needs::Records;
use super::{Api, Response};

/// In characters.
const LONGEST_WORDS: usize = 600;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "OperatorsWords")]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// 1 to 600 characters.
    #[schemars(length(min = 1, max = LONGEST_WORDS))]
    text: Pii<String>,
}

impl<S: Records, B, M, R: RelayControl, T, X, C> Api<S, B, M, R, T, X, C> {
    /// The relay hands it to the session, whose events say what came of it.
    pub(super) async fn operate(&self, sid: &CallSid, asks: OperatorCommand) -> PortResult<Response> {
        let (call, relays) = join(self.store.call(sid), self.store.relays()).await;
        let command = Control::Operator { sid: sid.clone(), asks };
        self.command(call?, relays?, &command, Response::empty(StatusCode::ACCEPTED)).await
    }

    /// For the agent, or by its mouth for the caller.
    pub(super) async fn prompt(
        &self,
        sid: &CallSid,
        body: &[u8],
        asks: impl FnOnce(Pii<String>) -> OperatorCommand,
    ) -> PortResult<Response> {
        match words(body) {
            Some(text) => self.operate(sid, asks(text)).await,
            None => {
                let mend = format!("send JSON: `text`, of 1 to {LONGEST_WORDS} characters");
                Ok(Response::problem(StatusCode::BAD_REQUEST, &mend))
            }
        }
    }
}

fn words(body: &[u8]) -> Option<Pii<String>> {
    let Words { text } = serde_json::from_slice(body).ok()?;
    let text = text.reveal().trim().to_owned();
    (1..=LONGEST_WORDS).contains(&text.chars().count()).then(|| Pii::new(text))
}
