//! Signing in, passes for others, and who did what.

use http::{Method, StatusCode};
use shared::console::{Denied, LONGEST_GRANT_DAYS, LONGEST_NAME, Pass, Visitor};
use shared::fault::Fault;
use shared::page::Page;
use shared::ports::{Clock, PortResult};
use shared::rfc3339;

use super::super::http::{Request, Response};
use super::answers::{Acts, Given, Me, SignInBy, WantedPass};
use super::needs::Records;
use super::{Api, after, limit, no_such_place};

impl<S: Records, B, M, R, T, X, C: Clock> Api<S, B, M, R, T, X, C> {
    /// `GET`: who I am. `POST`: a session for the token that the request carries; of a session, a longer one.
    pub(super) fn session(&self, request: &Request, visitor: &Result<Visitor, Denied>) -> Response {
        let Ok(visitor) = visitor else { return Response::not_found() };
        if request.method == Method::GET || visitor.open {
            return Response::json(&who(visitor, visitor.pass.as_ref()));
        }
        let session = Pass::session(visitor, self.clock.unix_ms());
        let token = self.config.console.sign(&session).map(|token| token.reveal().to_owned());
        Response::json(&Me { token, ..who(visitor, Some(&session)) }).status(StatusCode::CREATED)
    }

    /// How else one may sign in.
    pub(super) async fn sign_in_by(&self) -> Response {
        match &self.provider {
            Some(provider) => provider.tell().await,
            None => Response::json(&SignInBy { provider: None, is_down: false }),
        }
    }

    pub(super) fn give_pass(&self, request: &Request) -> Response {
        let Ok(wanted) = serde_json::from_slice::<WantedPass>(&request.body) else {
            let mend =
                "send JSON: `role` (viewer, operator, admin), `name` of who gets it, and `days` for which it lasts";
            return Response::problem(StatusCode::BAD_REQUEST, mend);
        };
        let faults = wanted.faults();
        if !faults.is_empty() {
            return Response::faults("this pass cannot be given", &faults);
        }
        let pass = Pass::grant(wanted.role, wanted.name.reveal(), wanted.days, self.clock.unix_ms());
        let Some(token) = self.config.console.sign(&pass) else {
            return Response::problem(
                StatusCode::CONFLICT,
                "there is no CONSOLE_TOKEN to sign it with, nor need for it",
            );
        };
        let expires_at = rfc3339::format(pass.until_ms);
        let answer = Given { token: token.reveal().to_owned(), role: pass.role, name: pass.name, expires_at };
        Response::json(&answer).status(StatusCode::CREATED)
    }

    pub(super) async fn acts(&self, query: &str) -> PortResult<Response> {
        let Ok(after) = after(query) else { return Ok(no_such_place()) };
        let Page { items, next } = self.store.acts(limit(query), after.as_ref()).await?;
        Ok(Response::json(&Acts { acts: items, next }))
    }
}

impl WantedPass {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, detail: String| faults.push(Fault { pointer: pointer.to_owned(), detail });
        let name = self.name.reveal();
        if name.trim().is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            fault("/name", format!("a name has 1 to {LONGEST_NAME} bytes"));
        }
        if !(1..=LONGEST_GRANT_DAYS).contains(&self.days) {
            fault("/days", format!("1 to {LONGEST_GRANT_DAYS} days"));
        }
        faults
    }
}

fn who(visitor: &Visitor, pass: Option<&Pass>) -> Me {
    Me {
        role: visitor.role,
        name: visitor.name().cloned(),
        expires_at: pass.map(|pass| rfc3339::format(pass.until_ms)),
        open: visitor.open,
        token: None,
    }
}
