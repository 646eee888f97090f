//! One call of a tool of one's own, from its arguments to what the model is told. What is asked of the world is asked
//! through [`Doors`]; what is decided is decided here: where a redirect may lead, what is tried again, what is given away.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::super::address::{Guard, Refusal};
use super::super::{LONGEST_OUTPUT, ToolError, ToolErrorKind, ToolOutcome, ToolRequest};
use super::answer::{self, Redactor};
use super::arguments::Arguments;
use super::http::{HttpTool, Method, Prepared};
use super::lambda::LambdaTool;
use super::{OwnTool, Target};
use crate::ports::{InvokeFunction, SendHttp, ToolSecrets};
use crate::redact::{Pii, Secret};

const MOST_REDIRECTS: u32 = 3;
/// Before the second attempt; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// What a tool of one's own needs of the world.
#[derive(Debug)]
pub struct Doors<'a, H, K, L> {
    pub http: &'a H,
    pub secrets: &'a K,
    pub functions: &'a L,
    pub guard: &'a Guard,
}

/// One request, to be sent as it is: to an address that was judged, without following where the answer leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Method,
    /// It holds what the caller asked for.
    pub url: Pii<Url>,
    pub headers: Vec<Header>,
    pub body: Option<Pii<String>>,
    /// Bytes of the answer's body that are read.
    pub largest_answer: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In small letters.
    pub name: String,
    pub value: Secret,
    /// There is a secret in it, and it is for the tool's own address only.
    is_secret: bool,
}

/// An answer, read whole if it is a success.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpAnswer {
    pub status: u16,
    pub location: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFault {
    /// It may not be sent there.
    Refused(Refusal),
    /// Nobody knows the name.
    Unresolvable,
    /// There is no connection: the request was not sent.
    Unreachable,
    /// It was sent, and there is no whole answer.
    BrokenOff,
    TooLarge,
}

/// A secret of a tool's, and the hosts that may see it: all, if there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolSecret {
    pub value: Secret,
    pub hosts: Vec<String>,
}

/// What became known on the way. It is kept even of a call that came to no end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Of the last answer.
    pub status: Option<u16>,
    pub attempts: u32,
    pub redirects: u32,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    /// A stable word for why it failed.
    pub cause: Option<String>,
}

/// Why it failed: for the model, and in a word for whoever looks after it.
#[derive(Debug)]
pub(super) struct Failure {
    error: ToolError,
    cause: String,
    /// The same may work in a moment.
    transient: bool,
}

impl Failure {
    pub(super) fn new(kind: ToolErrorKind, cause: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error: ToolError::new(kind, message), cause: cause.into(), transient: false }
    }

    fn internal(cause: &str, message: &str) -> Self {
        Self::new(ToolErrorKind::Internal, cause, message)
    }
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        Self { cause: "arguments".to_owned(), error, transient: false }
    }
}

/// What is said of a call that was begun and of which nobody saw the end.
pub fn unknown_end(kind: ToolErrorKind) -> ToolError {
    let message =
        "It is not known whether this was done. Do not try again: say so, and that somebody will look into it.";
    ToolError::new(kind, message)
}

/// Carries it out. Never fails but by an outcome that says why; takes no account of time, which is the driver's affair.
pub async fn run<H: SendHttp, K: ToolSecrets, L: InvokeFunction>(
    tool: &OwnTool,
    request: &ToolRequest,
    doors: &Doors<'_, H, K, L>,
    tally: &mut Tally,
) -> ToolOutcome {
    let output = match &tool.target {
        Target::Http(http) => Call { tool, http, request, doors, tally }.run().await,
        Target::Lambda(lambda) => invoke(tool, lambda, request, doors, tally).await,
    };
    output.and_then(bounded).map_err(|failure| {
        tally.cause = Some(failure.cause);
        failure.error
    })
}

fn bounded(output: Value) -> Result<Pii<String>, Failure> {
    let text = output.to_string();
    if text.len() > LONGEST_OUTPUT {
        return Err(answer::too_large());
    }
    Ok(Pii::new(text))
}

async fn invoke<H, K, L: InvokeFunction>(
    tool: &OwnTool,
    lambda: &LambdaTool,
    request: &ToolRequest,
    doors: &Doors<'_, H, K, L>,
    tally: &mut Tally,
) -> Result<Value, Failure> {
    if !lambda.faults().is_empty() {
        return Err(misdefined());
    }
    let arguments = Arguments::parse(request.arguments.reveal(), &tool.parameters)?.to_value();
    let event = json!({ "tool": tool.name, "arguments": arguments, "call": request.sid, "tool_call": request.call });
    let event = Pii::new(event.to_string());
    tally.attempts = 1;
    tally.sent_bytes = event.reveal().len() as u64;
    let patience = Duration::from_millis(tool.timeout_ms);
    let answer = doors.functions.invoke(&lambda.arn, &event, patience).await;
    let answer = answer.map_err(|error| Failure { cause: "lambda".to_owned(), error, transient: false })?;
    tally.received_bytes = answer.len() as u64;
    let unreadable = |_| Failure::new(ToolErrorKind::Unavailable, "not_json", "The function's answer is not JSON.");
    serde_json::from_slice(&answer).map_err(unreadable)
}

fn misdefined() -> Failure {
    Failure::internal("definition", "The tool is not defined as it should be.")
}

/// One call of an HTTP tool.
struct Call<'a, H, K, L> {
    tool: &'a OwnTool,
    http: &'a HttpTool,
    request: &'a ToolRequest,
    doors: &'a Doors<'a, H, K, L>,
    tally: &'a mut Tally,
}

impl<H: SendHttp, K: ToolSecrets, L> Call<'_, H, K, L> {
    async fn run(mut self) -> Result<Value, Failure> {
        let prepared = self.http.prepare(&self.tool.parameters, self.doors.guard).ok_or_else(misdefined)?;
        let arguments = Arguments::parse(self.request.arguments.reveal(), &self.tool.parameters)?;
        let (headers, redactor) = self.headers(&prepared).await?;
        let first = HttpRequest {
            method: prepared.method,
            url: prepared.url(&arguments)?,
            headers,
            body: prepared.body(&arguments),
            largest_answer: self.http.largest_answer,
        };
        let answer = self.ask(&first).await?;
        Ok(redactor.value(answer))
    }

    /// As often as its definition allows, which it does for methods that may be repeated.
    async fn ask(&mut self, first: &HttpRequest) -> Result<Value, Failure> {
        let mut pause = PAUSE;
        loop {
            self.tally.attempts += 1;
            let failure = match self.follow(first.clone()).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if !failure.transient || self.tally.attempts > u32::from(self.http.retries) || !self.http.is_idempotent() {
                return Err(failure);
            }
            self.doors.http.pause(pause).await;
            pause *= 2;
        }
    }

    /// One attempt: the request, and where its answers lead.
    async fn follow(&mut self, mut request: HttpRequest) -> Result<Value, Failure> {
        for _ in 0..=MOST_REDIRECTS {
            self.tally.sent_bytes += request.body.as_ref().map_or(0, |body| body.reveal().len() as u64);
            let sent = self.doors.http.send(&request).await;
            let answer = sent.map_err(|fault| self.failure_of(fault))?;
            self.tally.status = Some(answer.status);
            self.tally.received_bytes += answer.body.len() as u64;
            match next(&request, &answer)? {
                Some(next) => request = next,
                None => {
                    let transient = answer::is_transient(answer.status);
                    return answer::read(self.http, &answer).map_err(|failure| Failure { transient, ..failure });
                }
            }
            self.tally.redirects += 1;
        }
        Err(Failure::new(ToolErrorKind::Unavailable, "too_many_redirects", "The service sends us from place to place."))
    }

    fn failure_of(&self, fault: HttpFault) -> Failure {
        let unavailable = |cause, message| Failure::new(ToolErrorKind::Unavailable, cause, message);
        match fault {
            HttpFault::Refused(refusal) => {
                Failure::internal("address_refused", &format!("The tool's address may not be called: {refusal}."))
            }
            HttpFault::TooLarge => answer::too_large(),
            HttpFault::Unresolvable => {
                Failure { transient: true, ..unavailable("unresolvable", "The service's name is not known.") }
            }
            HttpFault::Unreachable => {
                Failure { transient: true, ..unavailable("unreachable", "The service cannot be reached.") }
            }
            HttpFault::BrokenOff if self.http.is_idempotent() => {
                Failure { transient: true, ..unavailable("broken_off", "The service broke off in the middle.") }
            }
            HttpFault::BrokenOff => {
                let error = unknown_end(ToolErrorKind::Unavailable);
                Failure { error, cause: "broken_off".to_owned(), transient: false }
            }
        }
    }

    async fn headers(&self, prepared: &Prepared) -> Result<(Vec<Header>, Redactor), Failure> {
        let mut redactor = Redactor::default();
        let mut headers = Vec::new();
        for (name, value) in &prepared.headers {
            let mut known = Vec::new();
            for secret in value.secrets() {
                known.push((secret, self.secret(secret, prepared.origin()).await?));
            }
            let text = value.fill(|name| known.iter().find(|(of, _)| *of == name).map(|(_, secret)| secret.reveal()));
            let value = Secret::new(text.ok_or_else(misdefined)?);
            headers.push(Header { name: name.clone(), value, is_secret: !known.is_empty() });
            redactor.0.extend(known.into_iter().map(|(_, secret)| secret));
        }
        let mut usual = vec![("idempotency-key", key(self.request)), ("accept-encoding", "identity".to_owned())];
        if !headers.iter().any(|header: &Header| header.name == "accept") {
            usual.push(("accept", "application/json, text/plain;q=0.5".to_owned()));
        }
        if !matches!(self.http.body, super::Body::None) {
            usual.push((CONTENT_TYPE, "application/json".to_owned()));
        }
        headers.extend(usual.into_iter().map(|(name, value)| Header::plain(name, value)));
        Ok((headers, redactor))
    }

    /// It is given to nobody but whom it is for.
    async fn secret(&self, name: &str, origin: &Url) -> Result<Secret, Failure> {
        let found = self.doors.secrets.secret(name).await;
        let found = found.map_err(|_| {
            Failure::new(ToolErrorKind::Unavailable, "secrets", "The tool's secrets cannot be read just now.")
        })?;
        let missing = || Failure::internal("secret_missing", "A secret of the tool's is not there.");
        let ToolSecret { value, hosts } = found.filter(|it| !it.value.reveal().is_empty()).ok_or_else(missing)?;
        let host = origin.host_str().unwrap_or_default();
        if !hosts.is_empty() && !hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
            return Err(Failure::internal("secret_elsewhere", "A secret of the tool's is for another address."));
        }
        Ok(value)
    }
}

const CONTENT_TYPE: &str = "content-type";

impl Header {
    fn plain(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), value: Secret::new(value), is_secret: false }
    }
}

/// The same for the same call, and nobody learns from it which call that is.
fn key(request: &ToolRequest) -> String {
    let name = format!("{}/{}/{}", request.sid, request.call, request.name);
    Sha256::digest(name)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where an answer sends us, if it does. Never from https to http, never with a secret or a body to somebody else.
fn next(request: &HttpRequest, answer: &HttpAnswer) -> Result<Option<HttpRequest>, Failure> {
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (answer.status, &answer.location) else { return Ok(None) };
    let refused = |cause, message| Err(Failure::new(ToolErrorKind::Unavailable, cause, message));
    let Ok(mut to) = request.url.reveal().join(location) else {
        return refused("redirect_unreadable", "The service sends us to no address.");
    };
    to.set_fragment(None);
    let from = request.url.reveal();
    if from.scheme() == "https" && to.scheme() != "https" {
        return refused("redirect_downgrade", "The service sends us to where nothing is kept secret.");
    }
    let same = from.origin() == to.origin();
    // As browsers do it: what was done is looked at elsewhere, and only 307 and 308 ask for it to be done elsewhere.
    let repeats = request.method == Method::Get || matches!(answer.status, 307 | 308);
    if repeats && !same && (request.body.is_some() || request.method != Method::Get) {
        return refused("redirect_elsewhere", "The service wants somebody else to do this, who was not agreed upon.");
    }
    let mut next = HttpRequest { url: Pii::new(to), ..request.clone() };
    if !repeats {
        next.method = Method::Get;
        next.body = None;
        next.headers.retain(|header| header.name != CONTENT_TYPE);
    }
    if !same {
        next.headers.retain(|header| !header.is_secret);
    }
    Ok(Some(next))
}

#[cfg(test)]
mod tests;
