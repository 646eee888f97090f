//! Twilio's REST API, as far as a running call needs it: requests as values, answers as types. Nothing is sent here.
//!
//! Shapes: <https://www.twilio.com/docs/voice/api/call-resource>, and Twilio's OpenAPI description, against which
//! `functions/tests/contract` sends them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use super::numbers::Routing;
use super::setup::Number;
use super::twiml;
use super::webhook::CarrierStatus;
use crate::config::{Reader, Source};
use crate::ids::{CallSid, ConferenceSid, NumberSid};
use crate::page::Cursor;
use crate::redact::{Pii, Secret};

/// TwiML in a request may have this many characters; a document behind a URL may be longer.
pub const LONGEST_TWIML: usize = 4_000;

/// Which account, and by which right. An API key is the better right: it can be revoked by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub sid: String,
    /// The user of HTTP Basic authentication: the account's SID, or the key's.
    pub user: String,
    pub secret: Secret,
}

impl Account {
    pub fn with_auth_token(sid: &str, auth_token: &Secret) -> Self {
        Self { sid: sid.to_owned(), user: sid.to_owned(), secret: auth_token.clone() }
    }

    pub fn with_api_key(sid: &str, key: &str, secret: &Secret) -> Self {
        Self { sid: sid.to_owned(), user: key.to_owned(), secret: secret.clone() }
    }
}

/// Where Twilio's API is, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub base: Url,
    pub account: Account,
}

impl Access {
    /// `None` where no account is configured. With both an API key and an auth token, the key is used.
    pub fn read<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Option<Self> {
        let base = reader.parsed("TWILIO_API_URL", "a URL").or_else(|| Url::parse("https://api.twilio.com").ok())?;
        let sid = reader.text("TWILIO_ACCOUNT_SID")?;
        let (key, secret) = (reader.text("TWILIO_API_KEY"), reader.secret("TWILIO_API_SECRET"));
        reader.rule(key.is_some() == secret.is_some(), "TWILIO_API_KEY and TWILIO_API_SECRET belong together");
        let account = match (key, secret, reader.secret("TWILIO_AUTH_TOKEN")) {
            (Some(key), Some(secret), _) => Account::with_api_key(&sid, &key, &secret),
            (_, _, Some(token)) => Account::with_auth_token(&sid, &token),
            _ => return None,
        };
        Some(Self { base, account })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// A request without its host and its authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestRequest {
    pub method: Method,
    pub path: String,
    /// The body of a POST.
    pub form: Vec<(&'static str, String)>,
}

impl RestRequest {
    /// Ends the call, also one that is only ringing. Safe to repeat.
    pub fn complete_call(account: &Account, call: &CallSid) -> Self {
        let form = vec![("Status", "completed".to_owned())];
        Self { method: Method::Post, path: call_path(account, call), form }
    }

    /// Leaves whatever the call is doing, a stream included, and does this instead.
    pub fn instruct_call(account: &Account, call: &CallSid, twiml: &twiml::Response) -> Result<Self, TwimlTooLong> {
        Ok(Self { method: Method::Post, path: call_path(account, call), form: vec![("Twiml", short_enough(twiml)?)] })
    }

    /// Calls somebody. Not safe to repeat: who is called twice hears it ring twice.
    pub fn create_call(account: &Account, call: &NewCall) -> Result<Self, TwimlTooLong> {
        let twiml = short_enough(&call.twiml)?;
        let events = ["ringing", "answered", "completed"].map(|event| ("StatusCallbackEvent", event.to_owned()));
        let mut form = vec![
            ("To", call.to.reveal().clone()),
            ("From", call.from.reveal().clone()),
            ("Twiml", twiml),
            ("Timeout", call.ring_s.to_string()),
            ("StatusCallback", call.status_callback.clone()),
        ];
        form.extend(events);
        // Asynchronous: whoever answers is spoken to at once, and a machine is recognised meanwhile.
        form.extend([
            ("MachineDetection", "Enable".to_owned()),
            ("AsyncAmd", "true".to_owned()),
            ("AsyncAmdStatusCallback", call.status_callback.clone()),
        ]);
        Ok(Self { method: Method::Post, path: account_path(account, "Calls.json"), form })
    }

    pub fn fetch_account(account: &Account) -> Self {
        let path = format!("/2010-04-01/Accounts/{}.json", segment(&account.sid));
        Self { method: Method::Get, path, form: Vec::new() }
    }

    /// The account's numbers: the first thousand, which is as many as a page can have.
    pub fn list_numbers(account: &Account) -> Self {
        let path = format!("/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json?PageSize=1000", segment(&account.sid));
        Self { method: Method::Get, path, form: Vec::new() }
    }

    /// Some of them, from `after` on, which is what [`NumbersPage::next`] said of the page before.
    pub fn list_numbers_after(account: &Account, most: u32, after: Option<&Cursor>) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("PageSize", &most.to_string());
        query.extend_pairs(after.into_iter().flat_map(|cursor| place_in_pages(cursor.key())));
        let path = account_path(account, &format!("IncomingPhoneNumbers.json?{}", query.finish()));
        Self { method: Method::Get, path, form: Vec::new() }
    }

    pub fn fetch_number(account: &Account, number: &NumberSid) -> Self {
        Self { method: Method::Get, path: number_path(account, number), form: Vec::new() }
    }

    /// Where its calls go from now on. Safe to repeat.
    pub fn set_number(account: &Account, number: &NumberSid, to: &Routing) -> Self {
        Self { method: Method::Post, path: number_path(account, number), form: to.form() }
    }

    /// Who is in a conference: as many as a page can have, which are more than a conference of ours.
    pub fn list_participants(account: &Account, conference: &ConferenceSid) -> Self {
        let rest = format!("Conferences/{}/Participants.json?PageSize=1000", segment(conference.as_str()));
        Self { method: Method::Get, path: account_path(account, &rest), form: Vec::new() }
    }

    /// Everybody leaves the conference. Safe to repeat.
    pub fn end_conference(account: &Account, conference: &ConferenceSid) -> Self {
        let path = account_path(account, &format!("Conferences/{}.json", segment(conference.as_str())));
        Self { method: Method::Post, path, form: vec![("Status", "completed".to_owned())] }
    }

    pub fn fetch_call(account: &Account, call: &CallSid) -> Self {
        Self { method: Method::Get, path: call_path(account, call), form: Vec::new() }
    }
}

/// Somebody to call, and what they hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// A number in E.164, or a SIP URI.
    pub to: Pii<String>,
    /// A number of the account's.
    pub from: Pii<String>,
    pub twiml: twiml::Response,
    pub ring_s: u64,
    /// Told of ringing, answering and the end, and whether a machine has answered.
    pub status_callback: String,
}

fn short_enough(twiml: &twiml::Response) -> Result<String, TwimlTooLong> {
    let twiml = twiml.to_string();
    let length = twiml.chars().count();
    if length > LONGEST_TWIML { Err(TwimlTooLong(length)) } else { Ok(twiml) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("TwiML of {0} characters does not fit into a request; {LONGEST_TWIML} are allowed")]
pub struct TwimlTooLong(pub usize);

/// Without `.json`, Twilio answers XML. A SID that is none is escaped, so that it cannot point elsewhere.
fn call_path(account: &Account, call: &CallSid) -> String {
    account_path(account, &format!("Calls/{}.json", segment(call.as_str())))
}

fn number_path(account: &Account, number: &NumberSid) -> String {
    account_path(account, &format!("IncomingPhoneNumbers/{}.json", segment(number.as_str())))
}

/// What of a query says where in a list a page begins; nothing else of it is passed on.
fn place_in_pages(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| matches!(&**name, "Page" | "PageToken"))
}

fn account_path(account: &Account, rest: &str) -> String {
    format!("/2010-04-01/Accounts/{}/{rest}", segment(&account.sid))
}

fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What Twilio says of a call, as far as we want to know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireCall")]
pub struct CallResource {
    pub sid: CallSid,
    pub status: CarrierStatus,
}

/// What it says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountResource {
    /// `active`, `suspended` or `closed`.
    pub status: String,
    /// `Full` or `Trial`.
    #[serde(rename = "type", default)]
    pub kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumbersPage {
    pub incoming_phone_numbers: Vec<Number>,
    next_page_uri: Option<String>,
}

impl NumbersPage {
    /// Where the next one begins, if there is one.
    pub fn next(&self) -> Option<Cursor> {
        let (_, query) = self.next_page_uri.as_deref()?.split_once('?')?;
        let place = form_urlencoded::Serializer::new(String::new()).extend_pairs(place_in_pages(query)).finish();
        (!place.is_empty()).then(|| Cursor::behind(place))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ParticipantsPage {
    pub participants: Vec<Participant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Participant {
    pub call_sid: CallSid,
}

/// What Twilio says of a conference, as far as we want to know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConferenceResource {
    pub sid: ConferenceSid,
}

/// Why a request had no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    #[error("Twilio refused with HTTP {}, code {}: {}", .0.status, .0.code, .0.message)]
    Refused(Problem),
    #[error("Twilio answered HTTP {status} with something that was not asked for")]
    Unreadable { status: u16 },
}

/// Twilio's own account of an error, from either of the two shapes it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    /// Twilio's number of the error, documented at `https://www.twilio.com/docs/api/errors/{code}`; 0 if it gives none.
    pub code: u64,
    pub message: String,
}

/// "Too many requests": never carried out, always safe to repeat.
const TOO_MANY_REQUESTS: u64 = 20_429;
/// "Call is not in-progress": it is over, there is nothing left to change.
const CALL_NOT_IN_PROGRESS: u64 = 21_220;

impl RestError {
    /// Whether the same request may succeed in a moment.
    pub fn is_retryable(&self) -> bool {
        let status = match self {
            Self::Refused(problem) => problem.status,
            Self::Unreadable { status } => *status,
        };
        self.is_throttled() || (500..600).contains(&status)
    }

    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 429 || problem.code == TOO_MANY_REQUESTS)
    }

    /// Whether the call was over before the request arrived.
    pub fn is_call_over(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == CALL_NOT_IN_PROGRESS)
    }

    /// Whether the credentials are no good for this account.
    pub fn is_not_let_in(&self) -> bool {
        matches!(self, Self::Refused(problem) if matches!(problem.status, 401 | 403 | 404))
    }

    /// Whether it was certainly not carried out. A server that stumbles may have got up again.
    pub fn is_refusal(&self) -> bool {
        self.is_throttled() || matches!(self, Self::Refused(problem) if (400..500).contains(&problem.status))
    }

    /// Whether this account has no such call.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 404)
    }
}

/// Reads the answer to any of the requests above.
pub fn parse_response<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, RestError> {
    if !(200..300).contains(&status) {
        return Err(RestError::Refused(problem(status, body)));
    }
    serde_json::from_slice(body).map_err(|_| RestError::Unreadable { status })
}

/// The HTTP status counts, whatever the body claims; a body that is no JSON (a proxy's page) says nothing more.
fn problem(status: u16, body: &[u8]) -> Problem {
    let wire: WireProblem = serde_json::from_slice(body).unwrap_or_default();
    let message = wire.message.or(wire.detail).or(wire.title).unwrap_or_else(|| "no explanation".to_owned());
    Problem { status, code: wire.code.unwrap_or_default(), message }
}

#[derive(Deserialize)]
struct WireCall {
    sid: CallSid,
    status: String,
}

impl From<WireCall> for CallResource {
    fn from(call: WireCall) -> Self {
        Self { status: CarrierStatus::read(&call.status), sid: call.sid }
    }
}

/// `{code, message, more_info, status}`, and RFC 9457's `{type, title, status, detail, instance}` with a `code`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct WireProblem {
    code: Option<u64>,
    message: Option<String>,
    title: Option<String>,
    detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const CALL: &str = "CA0123456789abcdef0123456789abcdef";

    fn account() -> Account {
        Account::with_auth_token("AC1", &Secret::new("token"))
    }

    fn refused(status: u16, body: &str) -> RestError {
        parse_response::<CallResource>(status, body.as_bytes()).unwrap_err()
    }

    fn access(values: &[(&str, &str)]) -> Result<Option<Access>, crate::config::ConfigErrors> {
        let values: BTreeMap<_, _> = values.iter().copied().collect();
        let source = |key: &str| values.get(key).map(|value| (*value).to_owned());
        let mut reader = Reader::new(&source);
        let access = Access::read(&mut reader);
        reader.finish(access)
    }

    #[test]
    fn ending_a_call_is_one_post() {
        let request = RestRequest::complete_call(&account(), &CALL.into());
        assert_eq!(request.method, Method::Post);
        assert_eq!(request.path, format!("/2010-04-01/Accounts/AC1/Calls/{CALL}.json"));
        assert_eq!(request.form, [("Status", "completed".to_owned())]);
    }

    #[test]
    fn somebody_is_called_and_every_step_is_told() {
        let call = NewCall {
            to: "+15005550010".into(),
            from: "+15005550001".into(),
            twiml: twiml::Response::new().say("Press 1."),
            ring_s: 25,
            status_callback: "https://a.example/twiml/transfer?step=leg".to_owned(),
        };
        let request = RestRequest::create_call(&account(), &call).unwrap();
        assert_eq!((request.method, request.path.as_str()), (Method::Post, "/2010-04-01/Accounts/AC1/Calls.json"));
        let of = |name: &str| {
            request.form.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!((of("To"), of("From"), of("Timeout")), (vec!["+15005550010"], vec!["+15005550001"], vec!["25"]));
        assert_eq!(of("StatusCallbackEvent"), ["ringing", "answered", "completed"]);
        assert_eq!(of("AsyncAmdStatusCallback"), of("StatusCallback"));
        assert!(!format!("{call:?}").contains("+1500"));
        let long = NewCall { twiml: twiml::Response::new().say("x".repeat(LONGEST_TWIML)), ..call };
        assert!(RestRequest::create_call(&account(), &long).is_err());
    }

    #[test]
    fn a_conference_is_looked_into_and_ended() {
        let look = RestRequest::list_participants(&account(), &"CF1".into());
        let path = "/2010-04-01/Accounts/AC1/Conferences/CF1/Participants.json?PageSize=1000";
        assert_eq!((look.method, look.path.as_str()), (Method::Get, path));
        let page = format!(r#"{{"participants":[{{"call_sid":"{CALL}","muted":false}}],"page":0}}"#);
        let page: ParticipantsPage = parse_response(200, page.as_bytes()).unwrap();
        assert_eq!(page.participants, [Participant { call_sid: CALL.into() }]);
        let end = RestRequest::end_conference(&account(), &"CF/1".into());
        assert_eq!((end.method, end.path.as_str()), (Method::Post, "/2010-04-01/Accounts/AC1/Conferences/CF%2F1.json"));
        assert_eq!(end.form, [("Status", "completed".to_owned())]);
    }

    #[test]
    fn numbers_are_listed_page_by_page_as_twilio_says() {
        let path = |after: Option<&Cursor>| RestRequest::list_numbers_after(&account(), 50, after).path;
        assert_eq!(path(None), "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json?PageSize=50");
        let body = r#"{"incoming_phone_numbers":[{"sid":"PN1","phone_number":"+1"}],
            "next_page_uri":"/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json?PageSize=50&Page=1&PageToken=PAPN1&Beta=x"}"#;
        let page: NumbersPage = parse_response(200, body.as_bytes()).unwrap();
        let next = page.next().unwrap();
        assert_eq!(path(Some(&next)), format!("{}&Page=1&PageToken=PAPN1", path(None)));
        // A cursor comes back from outside, and may say anything.
        let forged = Cursor::behind("PageSize=1000&Page=1/../..&x=y");
        assert_eq!(path(Some(&forged)), format!("{}&Page=1%2F..%2F..", path(None)));
        let last: NumbersPage = parse_response(200, br#"{"incoming_phone_numbers":[],"next_page_uri":null}"#).unwrap();
        assert_eq!(last.next(), None);
    }

    #[test]
    fn what_was_certainly_not_carried_out_is_told_from_what_may_have_been() {
        for status in [400, 401, 404, 429] {
            assert!(refused(status, "{}").is_refusal(), "{status}");
        }
        for status in [500, 503] {
            assert!(!refused(status, "{}").is_refusal(), "{status}");
        }
        assert!(!parse_response::<CallResource>(201, b"<html>").unwrap_err().is_refusal());
    }

    #[test]
    fn a_sid_cannot_point_elsewhere() {
        let request = RestRequest::fetch_call(&account(), &"../../x?y#z".into());
        assert_eq!(request.path, "/2010-04-01/Accounts/AC1/Calls/..%2F..%2Fx%3Fy%23z.json");
    }

    #[test]
    fn instructions_of_more_than_4000_characters_are_refused_here() {
        let instruct = |length: usize| {
            RestRequest::instruct_call(&account(), &CALL.into(), &twiml::Response::new().say("ü".repeat(length)))
        };
        let frame = twiml::Response::new().say("").to_string().len();
        assert_eq!(instruct(LONGEST_TWIML - frame).unwrap().form[0].1.chars().count(), LONGEST_TWIML);
        assert_eq!(instruct(LONGEST_TWIML - frame + 1), Err(TwimlTooLong(LONGEST_TWIML + 1)));
    }

    #[test]
    fn a_call_is_read_from_its_resource() {
        let body = format!(r#"{{"sid":"{CALL}","status":"completed","price":null,"duration":"15"}}"#);
        let call: CallResource = parse_response(200, body.as_bytes()).unwrap();
        assert_eq!(call, CallResource { sid: CALL.into(), status: CarrierStatus::Completed });
    }

    #[test]
    fn both_shapes_of_an_error_are_read() {
        let old = r#"{"code":20003,"message":"Authenticate","more_info":"https://x","status":401}"#;
        let new = r#"{"type":"https://x","title":"Unauthorized","status":401,"code":20003,"detail":"Authenticate"}"#;
        let expected = RestError::Refused(Problem { status: 401, code: 20_003, message: "Authenticate".to_owned() });
        assert_eq!((refused(401, old), refused(401, new)), (expected.clone(), expected));
    }

    #[test]
    fn an_answer_that_is_no_json_is_an_error_all_the_same() {
        let page = refused(502, "<html>Bad gateway</html>");
        assert!(page.is_retryable());
        assert_eq!(page.to_string(), "Twilio refused with HTTP 502, code 0: no explanation");
        let odd = parse_response::<CallResource>(200, b"<html>").unwrap_err();
        assert_eq!(odd, RestError::Unreadable { status: 200 });
        assert!(!odd.is_retryable());
    }

    #[test]
    fn only_what_may_pass_is_repeated() {
        let retryable = |status, body: &str| refused(status, body).is_retryable();
        for status in [429, 500, 502, 503, 504, 599] {
            assert!(retryable(status, "{}"), "{status}");
        }
        assert!(retryable(400, r#"{"code":20429,"message":"Too Many Requests"}"#));
        for status in [301, 400, 401, 403, 404, 409] {
            assert!(!retryable(status, r#"{"code":20003,"message":"no"}"#), "{status}");
        }
    }

    #[test]
    fn a_call_that_is_over_is_told_from_one_that_never_was() {
        let over = refused(400, r#"{"code":21220,"message":"Call is not in-progress. Cannot redirect.","status":400}"#);
        assert!(over.is_call_over() && !over.is_not_found() && !over.is_retryable());
        let unknown = refused(404, r#"{"code":20404,"message":"The requested resource was not found","status":404}"#);
        assert!(unknown.is_not_found() && !unknown.is_call_over() && !unknown.is_retryable());
    }

    #[test]
    fn an_api_key_goes_before_the_auth_token() {
        let sid = ("TWILIO_ACCOUNT_SID", "AC1");
        let token = ("TWILIO_AUTH_TOKEN", "t");
        let key = [("TWILIO_API_KEY", "SK1"), ("TWILIO_API_SECRET", "s")];
        let by_token = access(&[sid, token]).unwrap().unwrap();
        assert_eq!(by_token.account, Account::with_auth_token("AC1", &Secret::new("t")));
        assert_eq!(by_token.base.as_str(), "https://api.twilio.com/");
        let by_key = access(&[sid, token, key[0], key[1], ("TWILIO_API_URL", "http://localhost:1/")]).unwrap().unwrap();
        assert_eq!(by_key.account, Account::with_api_key("AC1", "SK1", &Secret::new("s")));
        assert_eq!(by_key.base.as_str(), "http://localhost:1/");
        assert_eq!(access(&[token]), Ok(None));
        assert_eq!(access(&[sid]), Ok(None));
        assert!(access(&[sid, token, key[0]]).is_err());
        assert!(access(&[sid, token, ("TWILIO_API_URL", "nowhere")]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_parser_panic(status: u16, body: Vec<u8>) {
            let _no_panic = parse_response::<CallResource>(status, &body);
        }
    }
}
