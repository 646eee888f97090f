//! Who comes in: tokens, roles, how often somebody may be wrong, which other sites may ask, and who did what.

use std::net::IpAddr;

use http::{Method, StatusCode, header};
use shared::console::oidc::Refusal;
use shared::console::{Act, Denied, Role, Visitor};
use shared::limits::Rate;
use shared::ports::Clock;
use subtle::ConstantTimeEq as _;

use super::super::http::{Request, Response};
use super::super::strangers::refused;
use super::needs::Records;
use super::provider::Provider;
use super::routes::Route;
use super::{Api, nameless};

/// Tokens that are not ours, from one address.
pub(super) const SIGN_INS: Rate = Rate::per_minute(10);
/// By this the console's distribution proves that it is the one that asks (infra/console.yaml).
const EDGE: &str = "x-voicebridge-edge";
const FORWARDED_FOR: &str = "x-forwarded-for";
/// How long a browser remembers what it was told of another site.
const PREFLIGHT_S: &str = "600";
const MAY_BE_SENT: &str = "authorization, content-type, if-match, if-none-match, accept";
const MAY_BE_READ: &str = "etag, location, retry-after";

impl<S: Records, B, M, R, T, X, C: Clock> Api<S, B, M, R, T, X, C> {
    /// Whoever comes by the console's distribution comes from where that saw them.
    pub(super) fn seen(&self, mut request: Request) -> Request {
        let Some(edge) = &self.config.edge else { return request };
        let proof = request.headers.remove(EDGE);
        if proof.is_some_and(|proof| proof.as_bytes().ct_eq(edge.reveal().as_bytes()).into()) {
            request.address = before_the_edge(&request);
        }
        request
    }

    pub(super) async fn visitor(&self, request: &Request, route: &Route) -> Result<Visitor, Denied> {
        let given = request.header(header::AUTHORIZATION.as_str());
        if given.is_none()
            && *route == Route::Session
            && !request.body.is_empty()
            && let Some(provider) = &self.provider
        {
            return self.by_provider(provider, request).await;
        }
        let token = given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| is_bearer(scheme));
        self.config.console.admit(token.map(|(_, token)| token.trim()), self.clock.unix_ms())
    }

    /// Whoever brings nothing of ours, but something of the provider's.
    async fn by_provider(&self, provider: &Provider, request: &Request) -> Result<Visitor, Denied> {
        let now_ms = self.clock.unix_ms();
        // Who has had too many wrong ones is told so, and costs the provider nothing.
        if self.strangers.have_had_enough(request.address, now_ms) {
            return Err(Denied::Forged);
        }
        let pass = provider.admit(&request.body, now_ms).await.map_err(Denied::Provider)?;
        Ok(Visitor { role: pass.role, pass: Some(pass), open: false })
    }

    /// What is answered instead, if this is not for them.
    pub(super) async fn refusal(
        &self,
        request: &Request,
        needed: Option<Role>,
        visitor: &Result<Visitor, Denied>,
    ) -> Option<Response> {
        let now_ms = self.clock.unix_ms();
        let signs_in = needed.is_none() && Route::find(&request.path) == Some(Route::Session);
        if needed.is_none() && !signs_in {
            return None;
        }
        if self.strangers.have_had_enough(request.address, now_ms) {
            return Some(too_many());
        }
        match visitor {
            Ok(visitor) if needed.is_none_or(|needed| visitor.role >= needed) => None,
            Ok(visitor) => Some(not_for(visitor.role, needed)),
            Err(Denied::Closed) => Some(Response::problem(StatusCode::FORBIDDEN, &Denied::Closed.to_string())),
            // A page that asks whether one has to sign in has not been refused anything.
            Err(Denied::NoToken) if signs_in && request.method == Method::GET => Some(turned_away(Denied::NoToken)),
            Err(denied) => Some(self.stranger(request, *denied, now_ms).await),
        }
    }

    async fn stranger(&self, request: &Request, denied: Denied, now_ms: u64) -> Response {
        let status = status_of(denied);
        // What is expired was good once, and what cannot be checked may be.
        let unchecked = status == StatusCode::BAD_GATEWAY;
        let forged = !unchecked && matches!(denied, Denied::Forged | Denied::Provider(_));
        if forged && self.strangers.are_too_many(&self.store, request.address, now_ms).await {
            return too_many();
        }
        tracing::warn!(code = "console_token_refused", path = nameless(&request.path), %denied);
        if forged || (!unchecked && self.strangers.is_worth_noting(request.address, now_ms)) {
            self.write(&act_of(request, None, now_ms, (refused(denied), None), status)).await;
        }
        turned_away(denied)
    }

    /// For the audit: what somebody did who was let in, or who may not.
    pub(super) async fn note(
        &self,
        request: &Request,
        visitor: &Result<Visitor, Denied>,
        act: (&'static str, Option<String>),
        answer: &Response,
    ) {
        let Ok(visitor) = visitor else { return };
        self.write(&act_of(request, Some(visitor), self.clock.unix_ms(), act, answer.code())).await;
    }

    /// What has been done is done, whether it can be written down or not.
    async fn write(&self, act: &Act) {
        if let Err(error) = self.store.note_act(act).await {
            tracing::error!(code = "act_not_noted", act = act.act, %error);
        }
    }

    /// A browser asks whether a page of another site may.
    pub(super) fn preflight(&self, request: &Request, route: &Route) -> Response {
        let allow = format!("{}, OPTIONS", route.allow());
        let answer = Response::empty(StatusCode::NO_CONTENT).header(header::ALLOW, &allow);
        if self.origin(request).is_none() {
            return answer;
        }
        let answer = answer
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, &allow)
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS, MAY_BE_SENT)
            .header(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_S);
        self.shared_with(request, answer)
    }

    pub(super) fn shared_with(&self, request: &Request, answer: Response) -> Response {
        let answer = if self.config.origins.is_empty() { answer } else { answer.add(header::VARY, "Origin") };
        match self.origin(request) {
            Some(origin) => answer
                .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
                .header(header::ACCESS_CONTROL_EXPOSE_HEADERS, MAY_BE_READ),
            None => answer,
        }
    }

    /// Of the page that asks, if it is one of those that may.
    fn origin<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let origin = request.header(header::ORIGIN.as_str())?;
        self.config.origins.iter().any(|known| known == origin).then_some(origin)
    }
}

fn turned_away(denied: Denied) -> Response {
    let status = status_of(denied);
    let answer = Response::problem(status, &denied.to_string());
    if status == StatusCode::UNAUTHORIZED { answer.header(header::WWW_AUTHENTICATE, "Bearer") } else { answer }
}

/// The gateway adds the distribution's address, as it sees it, to the list in which that has added the visitor's; what stands
/// before these two is the visitor's own to make up.
fn before_the_edge(request: &Request) -> Option<IpAddr> {
    let mut passed = request.header(FORWARDED_FOR)?.rsplit(',').filter_map(|address| address.trim().parse().ok());
    let last = passed.next()?;
    if Some(last) == request.address { passed.next() } else { Some(last) }
}

fn status_of(denied: Denied) -> StatusCode {
    match denied {
        Denied::Provider(Refusal::NoSignIn) => StatusCode::BAD_REQUEST,
        Denied::Provider(Refusal::Unreachable) => StatusCode::BAD_GATEWAY,
        Denied::Provider(Refusal::NoRole) => StatusCode::FORBIDDEN,
        _ => StatusCode::UNAUTHORIZED,
    }
}

fn is_bearer(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("bearer")
}

fn not_for(role: Role, needed: Option<Role>) -> Response {
    let name = |role| match role {
        Role::Viewer => "a viewer",
        Role::Operator => "an operator",
        Role::Admin => "an admin",
    };
    let detail = format!("this is for {}, and you are {}", needed.map_or("nobody", name), name(role));
    Response::problem(StatusCode::FORBIDDEN, &detail)
}

fn too_many() -> Response {
    Response::problem(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens have come from this address; wait a minute")
        .header(header::RETRY_AFTER, "60")
}

fn act_of(
    request: &Request,
    visitor: Option<&Visitor>,
    at_ms: u64,
    (act, on): (&'static str, Option<String>),
    status: StatusCode,
) -> Act {
    Act {
        at_ms,
        role: visitor.map(|visitor| visitor.role),
        name: visitor.and_then(Visitor::name).cloned().unwrap_or_default(),
        address: request.address.map(|address| address.to_string().into()),
        act: act.to_owned(),
        on,
        status: status.as_u16(),
    }
}
