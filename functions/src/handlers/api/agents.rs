//! `/api/agents`: how calls are answered, version by version.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared::agent::{Agent, document};
use shared::fault::Fault;
use shared::ids::AgentId;
use shared::ports::{PortError, PortResult, ReadAgents, WriteAgents};
use shared::tools::address::Guard;

use super::super::http::{Request, Response};
use super::Api;
use super::answers;
use super::documents::{self, Refusal, precondition};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    All,
    Validate,
    One(AgentId),
    Versions(AgentId),
    Version(AgentId, u32),
    Restore(AgentId),
}

impl Route {
    pub(super) fn find(rest: &[&str]) -> Option<Self> {
        match *rest {
            [] => Some(Self::All),
            ["validate"] => Some(Self::Validate),
            [id] => agent(id).map(Self::One),
            [id, "versions"] => agent(id).map(Self::Versions),
            [id, "versions", number] => Some(Self::Version(agent(id)?, number.parse().ok()?)),
            [id, "restore"] => agent(id).map(Self::Restore),
            _ => None,
        }
    }

    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::All => "GET, POST",
            Self::One(_) => "GET, PUT, DELETE",
            Self::Versions(_) | Self::Version(..) => "GET",
            Self::Validate | Self::Restore(_) => "POST",
        }
    }
}

/// Whatever is no id is the name of nothing here.
fn agent(id: &str) -> Option<AgentId> {
    let fits = !id.is_empty() && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    fits.then(|| AgentId::from(id))
}

impl<S: ReadAgents + WriteAgents, B, M, R, T, X, C> Api<S, B, M, R, T, X, C> {
    pub(super) async fn agents(&self, route: Route, request: &Request) -> PortResult<Response> {
        match (route, &request.method) {
            (Route::All, &Method::POST) => self.create_agent(request).await,
            (Route::All, _) => Ok(Response::json(&answers::Agents { agents: self.store.agents().await? })),
            (Route::Validate, _) => Ok(match read(request, None, &self.config.guard) {
                Ok(_) => Response::json(&answers::Valid { valid: true }),
                Err(answer) => *answer,
            }),
            (Route::One(id), &Method::PUT) => self.replace_agent(&id, request).await,
            (Route::One(id), &Method::DELETE) => self.delete_agent(&id, request).await,
            (Route::One(id), _) => {
                let saved = self.store.agent(&id).await?;
                Ok(saved.map_or_else(Response::not_found, |saved| documents::agent(request, &saved)))
            }
            (Route::Versions(id), _) => {
                let versions = self.store.agent_versions(&id).await?;
                let none = versions.is_empty();
                Ok(if none { Response::not_found() } else { Response::json(&answers::Versions { versions }) })
            }
            (Route::Version(id, number), _) => {
                let saved = self.store.agent_version(&id, number).await?;
                Ok(saved.map_or_else(Response::not_found, |saved| documents::agent(request, &saved)))
            }
            (Route::Restore(id), _) => self.restore_agent(&id, request).await,
        }
    }

    async fn create_agent(&self, request: &Request) -> PortResult<Response> {
        let agent = match read(request, None, &self.config.guard) {
            Ok(agent) => agent,
            Err(answer) => return Ok(*answer),
        };
        match self.save(request, &agent, None).await {
            Err(PortError::Conflict(_)) => {
                Ok(Response::problem(StatusCode::CONFLICT, "there is an agent with this id; PUT replaces it"))
            }
            answer => answer,
        }
    }

    async fn replace_agent(&self, id: &AgentId, request: &Request) -> PortResult<Response> {
        let current = self.store.agent(id).await?.map(|saved| saved.agent.version);
        let agent = match precondition(request, current).and_then(|()| read(request, Some(id), &self.config.guard)) {
            Ok(agent) => agent,
            Err(answer) => return Ok(*answer),
        };
        overtaken(self.save(request, &agent, current).await)
    }

    async fn delete_agent(&self, id: &AgentId, request: &Request) -> PortResult<Response> {
        let Some(saved) = self.store.agent(id).await? else { return Ok(Response::not_found()) };
        let current = saved.agent.version;
        if let Err(answer) = precondition(request, Some(current)) {
            return Ok(*answer);
        }
        let numbers = self.store.numbers().await?;
        let its: Vec<&str> = numbers.iter().filter(|(_, of)| of == id).map(|(number, _)| number.as_str()).collect();
        if !its.is_empty() {
            let why = format!("it answers {}; give these to another agent first", its.join(", "));
            return Ok(Response::problem(StatusCode::CONFLICT, &why));
        }
        let deleted = self.store.delete_agent(id, current).await;
        overtaken(deleted.map(|()| Response::empty(StatusCode::NO_CONTENT)))
    }

    /// An earlier version, or one of before the agent was deleted, becomes the next.
    async fn restore_agent(&self, id: &AgentId, request: &Request) -> PortResult<Response> {
        let current = self.store.agent(id).await?.map(|saved| saved.agent.version);
        let wanted = precondition(request, current).and_then(|()| documents::read(request));
        let version =
            match wanted.map(|document| document["version"].as_u64().and_then(|number| number.try_into().ok())) {
                Ok(Some(version)) => version,
                Ok(None) => {
                    let fault =
                        Fault { pointer: "/version".to_owned(), detail: "which version is to be restored".to_owned() };
                    return Ok(Response::faults("a version is a number", &[fault]));
                }
                Err(answer) => return Ok(*answer),
            };
        let Some(saved) = self.store.agent_version(id, version).await? else { return Ok(Response::not_found()) };
        let faults = saved.agent.faults(&self.config.guard);
        if !faults.is_empty() {
            return Ok(Response::faults("that version cannot take calls any more", &faults));
        }
        overtaken(self.save(request, &saved.agent, current).await)
    }

    async fn save(&self, request: &Request, agent: &Agent, current: Option<u32>) -> PortResult<Response> {
        let saved = self.store.save_agent(agent, current).await?;
        tracing::info!(code = "agent_saved", agent = %agent.id, version = saved.agent.version);
        let answer = documents::agent(request, &saved);
        Ok(match current {
            Some(_) => answer,
            None => {
                let place = format!("/api/agents/{}", agent.id);
                answer.status(StatusCode::CREATED).header(header::LOCATION, &place)
            }
        })
    }
}

/// The agent that was sent, or all that is wrong with it. In a path with an id the document may leave it out.
fn read(request: &Request, id: Option<&AgentId>, guard: &Guard) -> Result<Agent, Refusal> {
    let mut document = documents::read(request)?;
    let mut faults = Vec::new();
    if let (Some(id), Value::Object(fields)) = (id, &mut document) {
        let given = fields.entry("id").or_insert_with(|| json!(id));
        if *given != json!(id) {
            let detail = format!("this is another agent than {id}, to which it was sent");
            faults.push(Fault { pointer: "/id".to_owned(), detail });
        }
    }
    let agent = document::read(document, guard).unwrap_or_else(|found| {
        faults.extend(found);
        Agent::default()
    });
    if faults.is_empty() { Ok(agent) } else { Err(Response::faults("this agent cannot take calls", &faults).into()) }
}

fn overtaken(answer: PortResult<Response>) -> PortResult<Response> {
    match answer {
        Err(PortError::Conflict(_)) => {
            Ok(Response::problem(StatusCode::PRECONDITION_FAILED, "somebody else was faster; look at it again"))
        }
        answer => answer,
    }
}

/// For those who name an agent in something else.
pub(super) fn no_such_agent(pointer: &str) -> Response {
    let fault = Fault { pointer: pointer.to_owned(), detail: "there is no such agent".to_owned() };
    Response::faults("an agent is named by its id", &[fault])
}

/// The agent named in a document; `None`: none is.
pub(super) fn named(document: &Value) -> Result<Option<AgentId>, Refusal> {
    match &document["agent"] {
        Value::Null => Ok(None),
        Value::String(id) => agent(id).map(Some).ok_or_else(|| no_such_agent("/agent").into()),
        _ => Err(no_such_agent("/agent").into()),
    }
}
