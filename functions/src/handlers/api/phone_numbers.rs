//! `/api/twilio/numbers`: where the calls of the account's numbers go, bringing one here, and putting it back.
//!
//! Twilio has no way to say "if it still is so": between our look at a number and our change of it somebody else's change
//! would be lost. It is a moment, and what we saw is kept.

use futures_util::future::join;
use http::{Method, StatusCode, header};
use shared::ids::NumberSid;
use shared::page::Page;
use shared::ports::{CarrierNumbers, Clock, KeepPointed, PortResult};
use shared::twilio::numbers::{self, AccountNumber, CarrierError, Pointed, Refusal, Routing};
use shared::twilio::setup::{Number, Setup};
use shared::twilio::webhook::is_sid;

use super::super::http::{Request, Response};
use super::answers::AccountNumbers;
use super::{Api, after, limit, no_such_place};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    All,
    Point(NumberSid),
    Undo(NumberSid),
}

impl Route {
    pub(super) fn find(rest: &[&str]) -> Option<Self> {
        let number = |sid: &str| is_sid(sid, "PN").then(|| NumberSid::from(sid));
        match *rest {
            [] => Some(Self::All),
            [sid, "point"] => number(sid).map(Self::Point),
            [sid, "undo"] => number(sid).map(Self::Undo),
            _ => None,
        }
    }

    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::All => "GET",
            Self::Point(_) | Self::Undo(_) => "POST",
        }
    }

    /// What the audit calls it.
    pub(super) fn act(&self, method: &Method) -> Option<(&'static str, Option<String>)> {
        match self {
            Self::Point(sid) if method == Method::POST => Some(("number.point", Some(sid.to_string()))),
            Self::Undo(sid) if method == Method::POST => Some(("number.undo", Some(sid.to_string()))),
            _ => None,
        }
    }
}

impl<S: KeepPointed, B, M, R, T: CarrierNumbers, X, C: Clock> Api<S, B, M, R, T, X, C> {
    pub(super) async fn phone_numbers(&self, route: Route, request: &Request) -> PortResult<Response> {
        let Some(carrier) = &self.carrier else { return Ok(self.without_account(&route)) };
        match route {
            Route::All => self.list(carrier, request).await,
            Route::Point(sid) => self.point(carrier, &sid).await,
            Route::Undo(sid) => self.undo(carrier, &sid).await,
        }
    }

    fn without_account(&self, route: &Route) -> Response {
        match route {
            Route::All => Response::json(&self.account_numbers(false, Page { items: Vec::new(), next: None })),
            Route::Point(_) | Route::Undo(_) => Response::problem(
                StatusCode::CONFLICT,
                "no Twilio account is configured: set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or an API key",
            ),
        }
    }

    async fn list(&self, carrier: &T, request: &Request) -> PortResult<Response> {
        let Ok(after) = after(&request.query) else { return Ok(no_such_place()) };
        let (page, kept) = join(carrier.numbers(limit(&request.query), after.as_ref()), self.store.all_pointed()).await;
        let (Page { items, next }, kept) = match page {
            Ok(page) => (page, kept?),
            Err(error) => return Ok(refused(&error)),
        };
        let of = |number: &Number| kept.iter().find(|kept: &&Pointed| kept.number == number.sid);
        let seen = |number: &Number| AccountNumber::of(number, &self.config.public_url, of(number));
        let items = items.iter().map(seen).collect();
        Ok(Response::json(&self.account_numbers(true, Page { items, next })))
    }

    fn account_numbers(&self, configured: bool, page: Page<AccountNumber>) -> AccountNumbers {
        AccountNumbers {
            configured,
            webhook: Setup::webhook_of(&self.config.public_url),
            status_callback: Setup::status_callback_of(&self.config.public_url),
            numbers: page.items,
            next: page.next,
        }
    }

    async fn point(&self, carrier: &T, sid: &NumberSid) -> PortResult<Response> {
        let kept = self.store.pointed(sid).await?;
        let number = match carrier.number(sid).await {
            Ok(number) => number,
            Err(error) => return Ok(refused(&error)),
        };
        match numbers::point(&number, &self.config.public_url, kept.as_ref(), self.clock.unix_ms()) {
            Err(refusal) => Ok(left_alone(refusal)),
            Ok(None) => Ok(self.shown(&number, kept.as_ref())),
            Ok(Some(wanted)) => {
                // First: what it was must not be lost, whatever becomes of the request.
                self.store.keep_pointed(&wanted).await?;
                Ok(self.set(carrier, sid, &wanted.after, Some(&wanted)).await)
            }
        }
    }

    async fn undo(&self, carrier: &T, sid: &NumberSid) -> PortResult<Response> {
        let kept = self.store.pointed(sid).await?;
        let number = match carrier.number(sid).await {
            Ok(number) => number,
            Err(error) => return Ok(refused(&error)),
        };
        let answer = match numbers::undo(&number, kept.as_ref()) {
            Err(refusal) => return Ok(left_alone(refusal)),
            Ok(None) => self.shown(&number, None),
            Ok(Some(back)) => self.set(carrier, sid, &back, None).await,
        };
        if answer.code() == StatusCode::OK {
            self.store.forget_pointed(sid).await?;
        }
        Ok(answer)
    }

    async fn set(&self, carrier: &T, sid: &NumberSid, to: &Routing, kept: Option<&Pointed>) -> Response {
        match carrier.set_number(sid, to).await {
            Ok(number) if Routing::of(&number).is_same(to) => self.shown(&number, kept),
            Ok(_) => Response::problem(
                StatusCode::BAD_GATEWAY,
                "Twilio has taken it, but shows something else: look at the number in Twilio's console (Phone Numbers)",
            ),
            Err(error) => refused(&error),
        }
    }

    fn shown(&self, number: &Number, kept: Option<&Pointed>) -> Response {
        Response::json(&AccountNumber::of(number, &self.config.public_url, kept))
    }
}

fn left_alone(refusal: Refusal) -> Response {
    Response::problem(StatusCode::CONFLICT, &refusal.to_string())
}

/// Whose fault it is: ours only if there is no such number.
fn refused(error: &CarrierError) -> Response {
    tracing::warn!(code = "carrier_refused", %error);
    let status = match error {
        CarrierError::NotThere => StatusCode::NOT_FOUND,
        CarrierError::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        CarrierError::NoAnswer(_) => StatusCode::GATEWAY_TIMEOUT,
        CarrierError::Credentials(_)
        | CarrierError::Refused { .. }
        | CarrierError::Down(_)
        | CarrierError::Unreadable(_) => StatusCode::BAD_GATEWAY,
    };
    let answer = Response::problem(status, &error.to_string());
    if *error == CarrierError::TooMany { answer.header(header::RETRY_AFTER, "60") } else { answer }
}
