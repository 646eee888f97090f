//! `POST /api/calls/{sid}/agent`: another agent, another version of it, or other instructions, in the middle of a call.

use futures_util::future::join;
use http::StatusCode;
use serde_json::Value;
use shared::agent::Agent;
use shared::calls::Call;
use shared::control::Control;
use shared::fault::Fault;
use shared::ids::CallSid;
use shared::ports::{PortResult, RelayControl};
use shared::tools::address::Guard;

use super::super::http::{Request, Response};
use super::agents::{named, no_such_agent};
use super::answers::ChosenAgent;
use super::documents::Refusal;
use super::needs::Records;
use super::{Api, documents};

const INSTRUCTIONS: &str = "/instructions";

impl<S: Records, B, M, R: RelayControl, T, X, C> Api<S, B, M, R, T, X, C> {
    /// `{}`: the call's own agent as it is now; `agent` and `version` name others. `instructions` are for this call alone. The
    /// relay hands it to the session, which says by an event whether the model has taken it.
    pub(super) async fn change_agent(&self, sid: &CallSid, request: &Request) -> PortResult<Response> {
        let (call, relays) = join(self.store.call(sid), self.store.relays()).await;
        let Some(call) = call? else { return Ok(Response::not_found()) };
        let chosen = match documents::read(request).and_then(|document| Ok((instructions(&document)?, document))) {
            Ok((instructions, document)) => {
                self.chosen(&call, &document, instructions.is_some()).await?.and_then(|agent| {
                    let instructed = instructions.map(|own| instruct(&agent, own, &self.config.guard));
                    instructed.unwrap_or(Ok(agent))
                })
            }
            Err(answer) => Err(answer),
        };
        let agent = match chosen {
            Ok(agent) => agent.in_place_of(&call.agent),
            Err(answer) => return Ok(*answer),
        };
        let accepted = Response::json(&ChosenAgent { agent: agent.id.clone(), version: agent.version });
        let command = Control::ChangeAgent { sid: sid.clone(), agent: Box::new(agent) };
        self.command(Some(call), relays?, &command, accepted.status(StatusCode::ACCEPTED)).await
    }

    /// `instructed`: unless another one is named, it is the one who answers now.
    async fn chosen(&self, call: &Call, document: &Value, instructed: bool) -> PortResult<Result<Agent, Refusal>> {
        let id = match named(document) {
            Ok(None) if instructed && document["version"].is_null() => return Ok(Ok(call.agent.clone())),
            Ok(id) => id.unwrap_or_else(|| call.agent.id.clone()),
            Err(answer) => return Ok(Err(answer)),
        };
        let saved = match &document["version"] {
            Value::Null => self.store.agent(&id).await?,
            number => match number.as_u64().and_then(|number| number.try_into().ok()) {
                Some(version) => self.store.agent_version(&id, version).await?,
                None => None,
            },
        };
        Ok(saved.map(|saved| saved.agent).ok_or_else(|| no_such_agent("/agent").into()))
    }
}

fn instructions(document: &Value) -> Result<Option<String>, Refusal> {
    match &document["instructions"] {
        Value::Null => Ok(None),
        Value::String(instructions) => Ok(Some(instructions.clone())),
        _ => Err(refused(&[Fault { pointer: INSTRUCTIONS.to_owned(), detail: "a text".to_owned() }])),
    }
}

/// What else may be wrong with an agent that answers already is not for whoever changes its instructions to mend.
fn instruct(agent: &Agent, instructions: String, guard: &Guard) -> Result<Agent, Refusal> {
    let agent = Agent { instructions, ..agent.clone() };
    let faults: Vec<Fault> = agent
        .faults(guard)
        .into_iter()
        .filter(|fault| fault.pointer == INSTRUCTIONS || fault.pointer.is_empty())
        .collect();
    if faults.is_empty() { Ok(agent) } else { Err(refused(&faults)) }
}

fn refused(faults: &[Fault]) -> Refusal {
    Response::faults("the agent cannot take calls with these instructions", faults).into()
}
