//! `/api/numbers`: which agent answers which number.

use std::borrow::Cow;

use http::{Method, StatusCode};
use shared::agent::is_number;
use shared::ports::{PortResult, ReadAgents, WriteAgents};

use super::super::http::{Request, Response};
use super::agents::{named, no_such_agent};
use super::answers::{self, Assignment};
use super::{Api, documents};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    All,
    One(String),
}

impl Route {
    pub(super) fn find(rest: &[&str]) -> Option<Self> {
        match *rest {
            [] => Some(Self::All),
            [number] => read(number).map(Self::One),
            _ => None,
        }
    }

    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::All => "GET",
            Self::One(_) => "GET, PUT, DELETE",
        }
    }
}

/// A number in a path: its plus may come as it is, or as %2B.
pub(super) fn read(number: &str) -> Option<String> {
    let number = match number.strip_prefix("%2B").or_else(|| number.strip_prefix("%2b")) {
        Some(digits) => Cow::Owned(format!("+{digits}")),
        None => Cow::Borrowed(number),
    };
    is_number(&number).then(|| number.into_owned())
}

impl<S: ReadAgents + WriteAgents, B, M, R, T, X, C> Api<S, B, M, R, T, X, C> {
    pub(super) async fn numbers(&self, route: Route, request: &Request) -> PortResult<Response> {
        let number = match route {
            Route::All => {
                let numbers = self.store.numbers().await?.into_iter();
                let numbers = numbers.map(|(number, agent)| Assignment { number, agent }).collect();
                return Ok(Response::json(&answers::Numbers { numbers }));
            }
            Route::One(number) => number,
        };
        match request.method {
            Method::PUT => self.assign(&number, request).await,
            Method::DELETE => {
                self.store.release_number(&number).await?;
                Ok(Response::empty(StatusCode::NO_CONTENT))
            }
            _ => Ok(match self.store.answering(&number).await? {
                Some(agent) => Response::json(&Assignment { number, agent }),
                None => Response::not_found(),
            }),
        }
    }

    async fn assign(&self, number: &str, request: &Request) -> PortResult<Response> {
        let id = match documents::read(request).and_then(|document| named(&document)) {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(no_such_agent("/agent")),
            Err(answer) => return Ok(*answer),
        };
        if self.store.agent(&id).await?.is_none() {
            return Ok(no_such_agent("/agent"));
        }
        self.store.assign_number(number, &id).await?;
        Ok(Response::json(&Assignment { number: number.to_owned(), agent: id }))
    }
}
