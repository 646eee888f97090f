//! A definition that anybody may write, arguments that a model may send, and what a service may answer.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::ports::{InvokeFunction, PortResult, SendHttp, ToolSecrets};
use crate::redact::{Pii, Secret};
use crate::testkit;
use crate::tools::address::Guard;
use crate::tools::own::{self, Doors, HttpAnswer, HttpFault, HttpRequest, OwnTool, Tally, ToolSecret};
use crate::tools::{LONGEST_OUTPUT, ToolError, ToolErrorKind, ToolRequest};

/// Where a service's answer says this, it says the secret that it was sent.
const ECHO: &str = "%SECRET%";

/// Five texts with a zero between them: a definition, or none for the usual one; arguments; where the service sends us; the
/// type of what it answers, and that.
pub(super) fn own_tools(bytes: &[u8]) {
    let mut parts = bytes.splitn(5, |byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (definition, arguments) = (next(), String::from_utf8_lossy(next()).into_owned());
    let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
    let (location, content_type, body) = (text(next()), text(next()), next().to_vec());
    let tool = if definition.is_empty() { Some(testkit::own_tool()) } else { serde_json::from_slice(definition).ok() };
    let Some(tool): Option<OwnTool> = tool else { return };
    let guard = Guard::default();
    let misled = tool
        .faults(&guard)
        .iter()
        .any(|fault| !matches!(fault.pointer.as_str(), "" | "/name" | "/description" | "/timeout_ms" | "/on_failure"));
    let secret = &secret_of(bytes);
    let body = String::from_utf8(body)
        .map_or_else(|not_text| not_text.into_bytes(), |text| text.replace(ECHO, secret).into_bytes());
    let service = Service { location, content_type, body, secret: secret.clone(), origin: OnceLock::new() };
    let request = ToolRequest {
        sid: "CA1".into(),
        call: "c1".into(),
        name: tool.name.clone(),
        arguments: arguments.into(),
        agent: "default".into(),
        own: Some(Box::new(tool.clone())),
    };
    let doors = Doors { http: &service, secrets: &service, functions: &service, guard: &guard };
    let mut tally = Tally::default();
    let outcome = at_once(own::run(&tool, &request, &doors, &mut tally));
    match outcome {
        Ok(output) => {
            let output = output.into_revealed();
            assert!(output.len() <= LONGEST_OUTPUT && !output.contains(secret), "{output}");
            serde_json::from_str::<serde_json::Value>(&output).expect("an output is JSON");
        }
        Err(error) => assert!(!error.message.contains(secret) && tally.cause.is_some(), "{}", error.message),
    }
    assert!(tally.attempts <= if misled { 0 } else { 4 }, "no more than allowed, and nothing by a faulty definition");
}

/// A secret that none of these bytes can hold, as it is made of all of them: what tells it was told it.
fn secret_of(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("secret-{:016x}", hasher.finish())
}

fn at_once<F: Future>(future: F) -> F::Output {
    let Poll::Ready(output) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing here waits")
    };
    output
}

/// Sends everybody elsewhere once, and then answers. It sees to what may be sent.
struct Service {
    location: Option<String>,
    content_type: Option<String>,
    body: Vec<u8>,
    secret: String,
    /// Where the tool was to go.
    origin: OnceLock<url::Url>,
}

impl SendHttp for Service {
    async fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, HttpFault> {
        let url = request.url.reveal();
        let first = self.origin.get().is_none();
        let origin = self.origin.get_or_init(|| url.clone());
        if first {
            assert_eq!(Guard::default().judge(url), Ok(()), "a definition leads to where it may");
        }
        let tells = request.headers.iter().any(|header| header.value.reveal().contains(&self.secret));
        assert!(
            !tells || url.scheme() == "https" && url.origin() == origin.origin(),
            "a secret stays with whom it is for"
        );
        assert!(!url.as_str().contains(&self.secret));
        assert!(origin.scheme() != "https" || url.scheme() == "https", "never into the clear");
        let location = self.location.clone().filter(|_| first);
        let status = if location.is_some() { 302 } else { 200 };
        let (content_type, body) = (self.content_type.clone(), self.body.clone());
        Ok(HttpAnswer { status, location, content_type, body, ..HttpAnswer::default() })
    }

    async fn pause(&self, _: Duration) {}
}

impl ToolSecrets for Service {
    async fn secret(&self, _: &str) -> PortResult<Option<ToolSecret>> {
        Ok(Some(ToolSecret { value: Secret::new(self.secret.as_str()), hosts: Vec::new() }))
    }
}

impl InvokeFunction for Service {
    async fn invoke(&self, _: &str, _: &Pii<String>, _: Duration) -> Result<Vec<u8>, ToolError> {
        if self.body.is_empty() {
            return Err(ToolError::new(ToolErrorKind::Unavailable, "The function failed."));
        }
        Ok(self.body.clone())
    }
}
