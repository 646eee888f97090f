//! The account's numbers, as Twilio's REST API has them: listed page by page, looked at, and set.
//!
//! <https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use url::Url;

use super::{Refusal, let_in, of, read};
use crate::call::form::Form;
use crate::cloud::LOCAL_ACCOUNT_SID;

/// If nothing is asked for.
const PAGE_SIZE: usize = 50;
const LARGEST_PAGE: usize = 1_000;
/// What a request calls it, and an answer.
const URLS: [(&str, &str); 3] =
    [("VoiceUrl", "voice_url"), ("VoiceFallbackUrl", "voice_fallback_url"), ("StatusCallback", "status_callback")];
const METHODS: [(&str, &str); 3] = [
    ("VoiceMethod", "voice_method"),
    ("VoiceFallbackMethod", "voice_fallback_method"),
    ("StatusCallbackMethod", "status_callback_method"),
];
const OTHERS: [(&str, &str); 3] =
    [("FriendlyName", "friendly_name"), ("VoiceApplicationSid", "voice_application_sid"), ("TrunkSid", "trunk_sid")];

/// The numbers of the laptop's account. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct PhoneNumbers(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// As they are shown.
    numbers: Mutex<Vec<Value>>,
    /// What the next requests are answered, whatever they ask: a status, and Twilio's number of the error.
    faults: Mutex<VecDeque<(u16, u32)>>,
}

impl PhoneNumbers {
    /// One that leads to an older program, one that leads nowhere, and one that a TwiML app answers.
    pub fn to_try() -> Self {
        let numbers = Self::default();
        numbers.add("+15005550006", "Front desk", &[("VoiceUrl", "https://demo.twilio.com/welcome/voice/")]);
        numbers.add("+15005550007", "Pharmacy", &[]);
        let app = [("VoiceApplicationSid", "AP00000000000000000000000000000001")];
        numbers.add("+15005550008", "Conference line", &app);
        numbers
    }

    /// Another number, set so. Returns its SID.
    pub fn add(&self, number: &str, name: &str, set: &[(&str, &str)]) -> String {
        let mut numbers = lock(&self.0.numbers);
        let sid = format!("PN{:032}", numbers.len() + 1);
        let uri = format!("/2010-04-01/Accounts/{LOCAL_ACCOUNT_SID}/IncomingPhoneNumbers/{sid}.json");
        let mut shown = json!({
            "sid": sid, "account_sid": LOCAL_ACCOUNT_SID, "phone_number": number, "friendly_name": name,
            "api_version": "2010-04-01", "uri": uri, "status": "in-use", "voice_receive_mode": "voice", "beta": false,
            "capabilities": { "voice": true, "sms": true, "mms": false, "fax": false }, "trunk_sid": null,
            "voice_url": "", "voice_method": "POST", "voice_fallback_url": "", "voice_fallback_method": "POST",
            "status_callback": "", "status_callback_method": "POST", "voice_application_sid": "",
        });
        let form: Form = set.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let _as_given = change(&mut shown, &form);
        numbers.push(shown);
        sid
    }

    /// The next request is answered so, and nothing is done.
    pub fn fail(&self, status: u16, code: u32) {
        lock(&self.0.faults).push_back((status, code));
    }

    fn fault(&self) -> Result<(), Refusal> {
        lock(&self.0.faults).pop_front().map_or(Ok(()), |(status, code)| Err(Refusal::Told(status, code)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn router(numbers: PhoneNumbers) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{file}", get(account))
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", get(list))
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{file}", get(fetch).post(update))
        .with_state(numbers)
}

async fn account(
    State(numbers): State<PhoneNumbers>,
    Path(file): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let sid = file.strip_suffix(".json").unwrap_or_default();
    let_in(sid, request.headers())?;
    numbers.fault()?;
    let name = "voicebridge on a laptop";
    Ok(Json(json!({"sid": sid, "friendly_name": name, "status": "active", "type": "Full"})).into_response())
}

async fn list(
    State(numbers): State<PhoneNumbers>,
    Path(account): Path<String>,
    Query(query): Query<Form>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    numbers.fault()?;
    let whole = |name: &str| of(&query, name).and_then(|text| text.parse::<usize>().ok());
    let size = whole("PageSize").unwrap_or(PAGE_SIZE).clamp(1, LARGEST_PAGE);
    let all: Vec<Value> = lock(&numbers.0.numbers)
        .iter()
        .filter(|it| of(&query, "PhoneNumber").is_none_or(|wanted| it["phone_number"] == wanted))
        .cloned()
        .collect();
    // A page begins behind the number that the token names; its own number only counts.
    let page = whole("Page").unwrap_or(0);
    let last = of(&query, "PageToken").and_then(|token| token.strip_prefix("PA"));
    let from = match last {
        Some(last) => all.iter().position(|it| it["sid"] == last).map_or(all.len(), |at| at + 1),
        None => page * size,
    };
    let shown: Vec<&Value> = all.iter().skip(from).take(size).collect();
    let base = format!("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json?PageSize={size}");
    let next = shown
        .last()
        .filter(|_| from + shown.len() < all.len())
        .map(|last| format!("{base}&Page={}&PageToken=PA{}", page + 1, last["sid"].as_str().unwrap_or_default()));
    let body = json!({
        "incoming_phone_numbers": shown, "page": page, "page_size": size, "start": from, "end": from + shown.len(),
        "first_page_uri": format!("{base}&Page=0"), "next_page_uri": next, "previous_page_uri": null,
        "uri": format!("{base}&Page={page}"),
    });
    Ok(Json(body).into_response())
}

async fn fetch(
    State(numbers): State<PhoneNumbers>,
    Path((account, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    numbers.fault()?;
    let all = lock(&numbers.0.numbers);
    let found = all.iter().find(|it| is_named(it, &file)).ok_or(Refusal::NotFound)?;
    Ok(Json(found).into_response())
}

async fn update(
    State(numbers): State<PhoneNumbers>,
    Path((account, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let_in(&account, request.headers())?;
    numbers.fault()?;
    let form = read(request).await;
    let mut all = lock(&numbers.0.numbers);
    let found = all.iter_mut().find(|it| is_named(it, &file)).ok_or(Refusal::NotFound)?;
    change(found, &form)?;
    Ok(Json(&*found).into_response())
}

fn is_named(number: &Value, file: &str) -> bool {
    file.strip_suffix(".json").is_some_and(|sid| number["sid"] == sid)
}

/// All of it, or nothing. An empty URL takes one away.
fn change(number: &mut Value, form: &Form) -> Result<(), Refusal> {
    let given = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut changes: Vec<(&str, &str)> = Vec::new();
    for (name, field) in URLS {
        match given(name) {
            Some(url) if !url.is_empty() && Url::parse(url).is_err() => return Err(Refusal::InvalidUrl),
            Some(url) => changes.push((field, url)),
            None => {}
        }
    }
    for (name, field) in METHODS {
        match given(name) {
            Some(method @ ("GET" | "POST")) => changes.push((field, method)),
            Some(_) => return Err(Refusal::InvalidMethod),
            None => {}
        }
    }
    changes.extend(OTHERS.into_iter().filter_map(|(name, field)| Some((field, given(name)?))));
    for (field, value) in changes {
        number[field] = json!(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
