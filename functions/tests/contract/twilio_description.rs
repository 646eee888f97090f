//! Our requests are requests of Twilio's API, by Twilio's own description of it.

use functions::adapters::twilio_rest::{TwilioError, TwilioRest};
use serde_json::Value;
use shared::ids::{CallSid, ConferenceSid, NumberSid};
use shared::page::Cursor;
use shared::ports::{Conferences as _, PortError, Telephony as _};
use shared::redact::Secret;
use shared::transfer::documents::{Documents, What};
use shared::twilio::numbers::Routing;
use shared::twilio::rest::{
    Access, Account, NewCall, NumbersPage, ParticipantsPage, RestError, RestRequest, parse_response,
};
use shared::twilio::twiml;
use shared::twilio::webhook::is_sid;
use url::Url;

use crate::prism::{Prism, shared_contract};

const DESCRIPTION: &str = "twilio_api_v2010.json";
const NUMBERS: &str = "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json";
const NUMBER: &str = "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json";
const PARTICIPANTS: &str = "/2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json";
const CONFERENCE: &str = "/2010-04-01/Accounts/{AccountSid}/Conferences/{Sid}.json";
const CALLS: &str = "/2010-04-01/Accounts/{AccountSid}/Calls.json";
const CALL: &str = "/2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json";

fn account() -> Account {
    let sid = "AC0123456789abcdef0123456789abcdef";
    Account::with_api_key(sid, "SK0123456789abcdef0123456789abcdef", &Secret::new("secret"))
}

fn call() -> CallSid {
    "CA0123456789abcdef0123456789abcdef".into()
}

fn conference() -> ConferenceSid {
    "CF0123456789abcdef0123456789abcdef".into()
}

fn number() -> NumberSid {
    "PN0123456789abcdef0123456789abcdef".into()
}

fn ours() -> Routing {
    Routing::ours(&"https://voice.example.com".parse().unwrap())
}

fn instructions() -> twiml::Response {
    twiml::Response::new().say("Grüße & a <moment>, please").redirect("https://example.com/twiml/resume")
}

fn documents() -> Documents {
    Documents::new("https://voice.example.com", &call())
}

fn documents_of_a_transfer() -> [twiml::Response; 3] {
    let dial = documents().dial(1, "+15005550010".into(), "+15005550001".into(), 25);
    [dial, documents().park(), documents().back()]
}

/// Of a warm transfer, to a SIP address.
fn somebody() -> NewCall {
    NewCall {
        to: "sip:doctor@example.com".into(),
        from: "+15005550001".into(),
        twiml: documents().briefing(2, &"Mrs. Müller & a parcel".into(), true),
        ring_s: 25,
        status_callback: documents().url(What::Leg { errand: 2 }),
    }
}

fn client(base: &Url) -> TwilioRest {
    TwilioRest::new(Access { base: base.clone(), account: account() })
}

fn refusal(outcome: Result<impl std::fmt::Debug, TwilioError>) -> u16 {
    match outcome {
        Err(TwilioError::Answer(RestError::Refused(problem))) => problem.status,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn every_request_is_accepted() {
    let prism = Prism::mock(&shared_contract(DESCRIPTION)).await;
    let twilio = client(&prism.url);
    assert_eq!(twilio.hang_up(&call()).await, Ok(()));
    // A wrong request is refused with 422. These Prism accepts; what it then refuses are the description's own examples, which
    // break the description's own rules: `whoever_is_in_a_conference_is_read` reads them from there.
    let inside = RestRequest::list_participants(&account(), &conference());
    for request in [inside, RestRequest::end_conference(&account(), &conference())] {
        assert_eq!(refusal(twilio.send(&request).await), 500, "{request:?}");
    }
    let made = twilio.call(&somebody()).await;
    assert!(made.as_ref().is_ok_and(|sid| is_sid(sid.as_str(), "CA")), "{made:?}");
    for document in documents_of_a_transfer() {
        assert_eq!(twilio.instruct(&call(), &document).await, Ok(()));
    }
    let instruct = RestRequest::instruct_call(&account(), &call(), &instructions()).unwrap();
    for request in [RestRequest::fetch_call(&account(), &call()), instruct] {
        let call = twilio.send(&request).await.unwrap();
        assert!(is_sid(call.sid.as_str(), "CA"), "{request:?}");
        assert!(call.status.is_over(), "the description's example is a completed call");
    }
}

#[tokio::test]
async fn the_account_can_be_asked_for() {
    let prism = Prism::mock(&shared_contract(DESCRIPTION)).await;
    // Whatever has a SID and a status is read by it.
    let found = client(&prism.url).send(&RestRequest::fetch_account(&account())).await.unwrap();
    assert!(is_sid(found.sid.as_str(), "AC"), "{found:?}");
}

/// As above: a wrong request is refused with 422, and of these Prism then refuses its own examples.
#[tokio::test]
async fn a_number_can_be_looked_at_set_and_set_back() {
    let prism = Prism::mock(&shared_contract(DESCRIPTION)).await;
    let twilio = client(&prism.url);
    let before = Routing {
        voice_url: "https://old.example.com/".to_owned(),
        status_callback: "https://old.example.com/status".to_owned(),
        ..Routing::default()
    };
    let second = Cursor::behind("Page=1&PageToken=PAPN0123456789abcdef0123456789abcdef");
    for request in [
        RestRequest::list_numbers_after(&account(), 50, None),
        RestRequest::list_numbers_after(&account(), 200, Some(&second)),
        RestRequest::fetch_number(&account(), &number()),
        RestRequest::set_number(&account(), &number(), &ours()),
        RestRequest::set_number(&account(), &number(), &before),
    ] {
        let told = twilio.send(&request).await;
        assert!(told.is_ok() || refusal(told) != 422, "{request:?}");
    }
    let wrong = Routing { voice_method: "PUT".to_owned(), ..ours() };
    assert_eq!(refusal(twilio.send(&RestRequest::set_number(&account(), &number(), &wrong)).await), 422);
    assert_eq!(refusal(twilio.send(&RestRequest::fetch_number(&account(), &"PN1".into())).await), 422);
    // What takes a webhook away is no `uri` to the description: docs/UNVERIFIED.md.
    let nothing = RestRequest::set_number(&account(), &number(), &Routing::default());
    assert_eq!(refusal(twilio.send(&nothing).await), 422);
}

/// Prism refuses to show the description's own example, which breaks the description's own rules: it is read from there.
#[test]
fn the_accounts_numbers_are_read() {
    let request = RestRequest::list_numbers(&account());
    let (path, query) = request.path.split_once('?').unwrap();
    assert_eq!(path.replace(&account().sid, "{AccountSid}"), NUMBERS);
    let text = std::fs::read_to_string(shared_contract(DESCRIPTION)).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let get = &description["paths"][NUMBERS]["get"];
    let parameters = get["parameters"].as_array().unwrap();
    let size = parameters.iter().find(|parameter| parameter["name"] == "PageSize").unwrap();
    assert_eq!(query, format!("PageSize={}", size["schema"]["maximum"]));
    let examples = get["responses"]["200"]["content"]["application/json"]["examples"].as_object().unwrap();
    for (name, example) in examples {
        let body = example["value"].to_string();
        let page: NumbersPage = parse_response(200, body.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(page.incoming_phone_numbers.iter().all(|number| number.phone_number.starts_with('+')), "{name}");
    }
    assert!(!examples.is_empty());
}

#[test]
fn whoever_is_in_a_conference_is_read() {
    let text = std::fs::read_to_string(shared_contract(DESCRIPTION)).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let content = &description["paths"][PARTICIPANTS]["get"]["responses"]["200"]["content"]["application/json"];
    let examples = content["examples"].as_object().unwrap();
    let mut inside = 0;
    for (name, example) in examples {
        let body = example["value"].to_string();
        let page: ParticipantsPage =
            parse_response(200, body.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        inside += page.participants.iter().filter(|participant| is_sid(participant.call_sid.as_str(), "CA")).count();
    }
    assert!(inside > 0, "no example has anybody in it");
}

/// Else the tests above would prove nothing.
#[tokio::test]
async fn wrong_requests_are_refused() {
    let prism = Prism::mock(&shared_contract(DESCRIPTION)).await;
    let twilio = client(&prism.url);
    let right = RestRequest::complete_call(&account(), &call());
    let wrong_status = RestRequest { form: vec![("Status", "hung-up".to_owned())], ..right.clone() };
    assert_eq!(refusal(twilio.send(&wrong_status).await), 422);
    let wrong_path = RestRequest { path: right.path.replace("Calls", "Call"), ..right };
    assert_eq!(refusal(twilio.send(&wrong_path).await), 404);
    assert_eq!(refusal(twilio.send(&RestRequest::complete_call(&account(), &"CA1".into())).await), 422);
    assert!(matches!(twilio.hang_up(&"CA1".into()).await, Err(PortError::Unavailable(_))));
    assert!(matches!(twilio.inside(&"CF1".into()).await, Err(PortError::Unavailable(_))));
    assert!(matches!(twilio.end_conference(&"CF1".into()).await, Err(PortError::Unavailable(_))));
}

/// Prism lets parameters pass that are not in the description.
#[test]
fn every_parameter_is_in_the_description() {
    let text = std::fs::read_to_string(shared_contract(DESCRIPTION)).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let content = &description["paths"][CALL]["post"]["requestBody"]["content"];
    let known = content["application/x-www-form-urlencoded"]["schema"]["properties"].as_object().unwrap();
    let complete = RestRequest::complete_call(&account(), &call());
    let instruct = RestRequest::instruct_call(&account(), &call(), &instructions()).unwrap();
    for (name, _) in complete.form.iter().chain(&instruct.form) {
        assert!(known.contains_key(*name), "{name}");
    }
    let content = &description["paths"][CONFERENCE]["post"]["requestBody"]["content"];
    let known = content["application/x-www-form-urlencoded"]["schema"]["properties"].as_object().unwrap();
    for (name, _) in RestRequest::end_conference(&account(), &conference()).form {
        assert!(known.contains_key(name), "{name}");
    }
    let content = &description["paths"][NUMBER]["post"]["requestBody"]["content"];
    let known = content["application/x-www-form-urlencoded"]["schema"]["properties"].as_object().unwrap();
    for (name, _) in RestRequest::set_number(&account(), &number(), &ours()).form {
        assert!(known.contains_key(name), "{name}");
    }
    let content = &description["paths"][CALLS]["post"]["requestBody"]["content"];
    let known = content["application/x-www-form-urlencoded"]["schema"]["properties"].as_object().unwrap();
    for (name, _) in RestRequest::create_call(&account(), &somebody()).unwrap().form {
        assert!(known.contains_key(name), "{name}");
    }
}
