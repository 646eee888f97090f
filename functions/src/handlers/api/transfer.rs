//! `POST /api/calls/{sid}/transfer`: an operator puts a caller through to somebody, or to several at once.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::agent::Whom;
use shared::ids::CallSid;
use shared::ports::{PortResult, RelayControl};
use shared::redact::Pii;
use shared::session::OperatorCommand;

use super::needs::Records;
use super::{Api, Response};

const LONGEST_WHY: usize = 600;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "WantedTransfer")]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    to: Whom,
    /// For whoever is called.
    #[serde(default)]
    why: Pii<String>,
}

impl<S: Records, B, M, R: RelayControl, T, X, C> Api<S, B, M, R, T, X, C> {
    pub(super) async fn transfer(&self, sid: &CallSid, body: &[u8]) -> PortResult<Response> {
        let Ok(Wanted { to, why }) = serde_json::from_slice(body) else {
            let mend = "send JSON: `to`, a transfer target's name or a number, or a list of them, and `why`, for whoever is called";
            return Ok(Response::problem(StatusCode::BAD_REQUEST, mend));
        };
        if why.reveal().chars().count() > LONGEST_WHY {
            let mend = format!("`why` is too long; {LONGEST_WHY} characters are enough");
            return Ok(Response::problem(StatusCode::BAD_REQUEST, &mend));
        }
        let Some(call) = self.store.call(sid).await? else { return Ok(Response::not_found()) };
        if let Err(fault) = call.agent.transfer_to(&to) {
            return Ok(Response::problem(StatusCode::UNPROCESSABLE_ENTITY, &fault.to_string()));
        }
        self.operate(sid, OperatorCommand::Transfer { to, why }).await
    }
}
