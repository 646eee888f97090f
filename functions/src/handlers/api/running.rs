//! `POST /api/calls/{sid}/agent`: another agent, or another version of it, in the middle of a call.

use futures_util::future::join;
use http::StatusCode;
use serde_json::Value;
use shared::control::Control;
use shared::ids::CallSid;
use shared::ports::{PortResult, RelayControl};

use super::super::http::{Request, Response};
use super::agents::{named, no_such_agent};
use super::answers::ChosenAgent;
use super::needs::Records;
use super::{Api, documents};

impl<S: Records, B, M, R: RelayControl, T, X, C> Api<S, B, M, R, T, X, C> {
    /// `{}`: the call's own agent as it is now; `agent` and `version` name others. The relay hands it to the session, which
    /// says by an event whether the model has taken it.
    pub(super) async fn change_agent(&self, sid: &CallSid, request: &Request) -> PortResult<Response> {
        let (call, relays) = join(self.store.call(sid), self.store.relays()).await;
        let Some(call) = call? else { return Ok(Response::not_found()) };
        let document = match documents::read(request) {
            Ok(document) => document,
            Err(answer) => return Ok(*answer),
        };
        let id = match named(&document) {
            Ok(id) => id.unwrap_or_else(|| call.agent.id.clone()),
            Err(answer) => return Ok(*answer),
        };
        let saved = match &document["version"] {
            Value::Null => self.store.agent(&id).await?,
            number => match number.as_u64().and_then(|number| number.try_into().ok()) {
                Some(version) => self.store.agent_version(&id, version).await?,
                None => None,
            },
        };
        let Some(saved) = saved else { return Ok(no_such_agent("/agent")) };
        let agent = saved.agent.in_place_of(&call.agent);
        let accepted = Response::json(&ChosenAgent { agent: agent.id.clone(), version: agent.version });
        let command = Control::ChangeAgent { sid: sid.clone(), agent: Box::new(agent) };
        self.command(Some(call), relays?, &command, accepted.status(StatusCode::ACCEPTED)).await
    }
}
