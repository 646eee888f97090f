//! Twilio's REST API, as far as a running call needs it: calls are made, told what to do instead, ended and looked at;
//! conferences are looked into and ended.

pub(crate) mod phone_numbers;

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use shared::twilio::rest::LONGEST_TWIML;
use url::form_urlencoded;

use super::callee::{Callee, Errand};
use super::{Exchange, Known, Order};
use crate::call::dial::fresh_sid;
use crate::call::form::{Form, Identity};
use crate::call::twiml::{self, Callback, Verb};
use crate::cloud::LOCAL_ACCOUNT_SID;

/// Of the laptop's account. Who reaches this API is on the laptop.
pub(crate) const API_KEY: &str = "SK00000000000000000000000000000000";
pub(crate) const API_SECRET: &str = "voicebridge-on-a-laptop";

const LARGEST_BODY: usize = 64 * 1024;
/// Seconds, if nothing is asked for.
const RINGS: u64 = 60;

/// As the documentation numbers them.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    Authenticate,
    NotFound,
    NoTwiml,
    NoTo,
    NoFrom,
    Over,
    InvalidUrl,
    InvalidMethod,
    /// As somebody wants it.
    Told(u16, u32),
    /// A parameter that Twilio would not take; its own numbers for these are not documented.
    Invalid(&'static str),
}

impl Refusal {
    fn told(self) -> (StatusCode, u32, &'static str) {
        match self {
            Self::Authenticate => (StatusCode::UNAUTHORIZED, 20_003, "Authenticate"),
            Self::NotFound => (StatusCode::NOT_FOUND, 20_404, "The requested resource was not found"),
            Self::NoTwiml => (StatusCode::BAD_REQUEST, 21_205, "Url parameter is required."),
            Self::NoTo => (StatusCode::BAD_REQUEST, 21_201, "No 'To' number is specified"),
            Self::NoFrom => (StatusCode::BAD_REQUEST, 21_213, "'From' phone number is required"),
            Self::Over => (StatusCode::BAD_REQUEST, 21_220, "Call is not in-progress. Cannot redirect."),
            Self::InvalidUrl => (StatusCode::BAD_REQUEST, 21_402, "Url is not valid"),
            Self::InvalidMethod => (StatusCode::BAD_REQUEST, 21_403, "Method is not valid"),
            Self::Told(status, code) => {
                (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code, "as told")
            }
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, 20_001, message),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = self.told();
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({"code": code, "message": message, "more_info": more_info, "status": status.as_u16()});
        (status, Json(body)).into_response()
    }
}

pub(crate) fn router(exchange: Exchange) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Calls.json", post(create))
        .route("/2010-04-01/Accounts/{account}/Calls/{file}", get(fetch).post(update))
        .route("/2010-04-01/Accounts/{account}/Conferences/{conference}/Participants.json", get(participants))
        .route("/2010-04-01/Accounts/{account}/Conferences/{file}", post(end_conference))
        .route("/2010-04-01/{*rest}", get(|| async { Refusal::NotFound }).post(|| async { Refusal::NotFound }))
        .with_state(exchange)
}

fn let_in(account: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let own = format!("Basic {}", STANDARD.encode(format!("{API_KEY}:{API_SECRET}")));
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    if given == Some(own.as_bytes()) && account == LOCAL_ACCOUNT_SID { Ok(()) } else { Err(Refusal::Authenticate) }
}

async fn read(request: Request) -> Form {
    let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await.unwrap_or_default();
    form_urlencoded::parse(&body).into_owned().collect()
}

fn of<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

async fn fetch(
    State(exchange): State<Exchange>,
    Path((account, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    find(&exchange, &file).map(|call| resource(&call, StatusCode::OK))
}

fn find(exchange: &Exchange, file: &str) -> Result<Known, Refusal> {
    file.strip_suffix(".json").and_then(|sid| exchange.call(sid)).ok_or(Refusal::NotFound)
}

async fn update(
    State(exchange): State<Exchange>,
    Path((account, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    let call = find(&exchange, &file)?;
    let form = read(request).await;
    let order = match (of(&form, "Twiml"), of(&form, "Status")) {
        (_, Some("completed" | "canceled")) => Order::HangUp,
        (_, Some(_)) => return Err(Refusal::Invalid("Status is neither completed nor canceled")),
        (Some(text), None) => Order::Do(verbs(&exchange, text)?),
        (None, None) => return Err(Refusal::NoTwiml),
    };
    let orders = call.orders.as_ref().ok_or(Refusal::Over)?;
    orders.send(order).await.map_err(|_gone| Refusal::Over)?;
    Ok(resource(&call, StatusCode::OK))
}

async fn participants(
    State(exchange): State<Exchange>,
    Path((account, conference)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    let inside = exchange.inside(&conference).ok_or(Refusal::NotFound)?;
    let participant = |call: &String| json!({"call_sid": call, "account_sid": account, "conference_sid": conference, "muted": false, "hold": false});
    let participants: Vec<_> = inside.iter().map(participant).collect();
    Ok(Json(json!({"participants": participants, "page": 0, "next_page_uri": null})).into_response())
}

async fn end_conference(
    State(exchange): State<Exchange>,
    Path((account, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    let conference = file.strip_suffix(".json").ok_or(Refusal::NotFound)?;
    let form = read(request).await;
    if of(&form, "Status") != Some("completed") {
        return Err(Refusal::Invalid("Status is not completed"));
    }
    if !exchange.end_room(conference) {
        return Err(Refusal::NotFound);
    }
    Ok(Json(json!({"sid": conference, "account_sid": account, "status": "completed"})).into_response())
}

/// What cannot be read ends the call, with a warning: Twilio says so when it comes to it, and not at once.
fn verbs(exchange: &Exchange, text: &str) -> Result<Vec<Verb>, Refusal> {
    if text.chars().count() > LONGEST_TWIML {
        return Err(Refusal::Invalid("Twiml is longer than 4000 characters"));
    }
    let mut warnings = Vec::new();
    let verbs = twiml::read(text, &mut warnings);
    warnings.into_iter().for_each(|warning| exchange.warn(warning.code, warning.what));
    Ok(verbs.unwrap_or_else(|error| {
        exchange.warn(12_100, error.to_string());
        Vec::new()
    }))
}

async fn create(
    State(exchange): State<Exchange>,
    Path(account): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    let form = read(request).await;
    let to = of(&form, "To").ok_or(Refusal::NoTo)?.to_owned();
    let from = of(&form, "From").ok_or(Refusal::NoFrom)?.to_owned();
    let errand = errand(verbs(&exchange, of(&form, "Twiml").ok_or(Refusal::NoTwiml)?)?, &form);
    let identity = Identity { account, call: fresh_sid("CA"), from, to, direction: "outbound-api" };
    let orders = exchange.enter(&identity, "queued");
    let made = exchange.call(&identity.call).ok_or(Refusal::NotFound)?;
    let party = exchange.party(&identity.to);
    tokio::spawn(Callee { exchange, identity, party, briefed: OnceLock::new() }.run(orders, errand));
    Ok(resource(&made, StatusCode::CREATED))
}

fn errand(verbs: Vec<Verb>, form: &Form) -> Errand {
    let mut events: Vec<String> =
        form.iter().filter(|(key, _)| key == "StatusCallbackEvent").map(|(_, event)| event.clone()).collect();
    if events.is_empty() {
        events.push("completed".to_owned());
    }
    let rings = of(form, "Timeout").and_then(|seconds| seconds.parse().ok()).unwrap_or(RINGS);
    Errand {
        verbs,
        callback: Callback { url: of(form, "StatusCallback").map(str::to_owned), events },
        machine_detection: of(form, "AsyncAmd")
            .filter(|flag| *flag == "true" && of(form, "MachineDetection").is_some())
            .and_then(|_| of(form, "AsyncAmdStatusCallback"))
            .map(str::to_owned),
        rings: Duration::from_secs(rings),
    }
}

fn resource(call: &Known, status: StatusCode) -> Response {
    let Identity { account, call: sid, from, to, direction } = &call.identity;
    let uri = format!("/2010-04-01/Accounts/{account}/Calls/{sid}.json");
    let body = json!({
        "sid": sid, "account_sid": account, "parent_call_sid": null, "status": call.status, "direction": direction,
        "from": from, "from_formatted": from, "to": to, "to_formatted": to, "api_version": "2010-04-01",
        "price": null, "price_unit": "USD", "duration": null, "answered_by": null, "uri": uri,
    });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests;
