use std::sync::{Arc, Mutex};

use axum::extract::RawQuery;
use reqwest::Client;
use serde_json::Value;
use shared::redact::Secret;
use shared::twilio::rest::{CallResource, Participant, ParticipantsPage, RestError, parse_response};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::*;
use crate::call::exchange::{Manner, Orders, Party, rooms};
use crate::call::twiml::Conference;

const CALL: &str = "CA0123456789abcdef0123456789abcdef";
const DOCTOR: &str = "sip:doctor@example.com";

/// The API at work, and a bridge that answers the key with a goodbye.
struct Desk {
    exchange: Exchange,
    base: String,
    /// What the bridge was posted: the query, and the form.
    posted: UnboundedReceiver<(String, Form)>,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

fn identity() -> Identity {
    let (from, to) = ("+15005550006".to_owned(), "+15005550001".to_owned());
    Identity { account: LOCAL_ACCOUNT_SID.to_owned(), call: CALL.to_owned(), from, to, direction: "inbound" }
}

impl Desk {
    async fn with(then: Manner) -> Self {
        let party = Party { address: DOCTOR.to_owned(), rings: Duration::from_millis(50), then };
        let exchange = Exchange::new(Secret::new("token"), vec![party]);
        let (sender, posted) = mpsc::unbounded_channel();
        let sender = Arc::new(Mutex::new(sender));
        let bridge = post(async move |RawQuery(query): RawQuery, body: String| {
            let form = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            sender.lock().unwrap().send((query.unwrap_or_default(), form)).unwrap();
            "<Response><Hangup/></Response>"
        });
        let base = serve(router(exchange.clone()).route("/bridge", bridge)).await;
        Self { exchange, base, posted }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}/2010-04-01/Accounts/{LOCAL_ACCOUNT_SID}/{path}", self.base);
        let request = Client::new().post(url).basic_auth(API_KEY, Some(API_SECRET)).form(form);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn update(&self, form: &[(&str, &str)]) -> (u16, Value) {
        self.post(&format!("Calls/{CALL}.json"), form).await
    }

    /// Calls the doctor, and gathers what the bridge is told until the call is over.
    async fn ring(&mut self, twiml: &str) -> Vec<(String, String)> {
        let callback = format!("{}/bridge?leg", self.base);
        let twiml = twiml.replace("BRIDGE", &format!("{}/bridge?key", self.base));
        let events = ["ringing", "answered", "completed"].map(|event| ("StatusCallbackEvent", event));
        let rest = [
            ("To", DOCTOR),
            ("From", "+15005550001"),
            ("Twiml", &twiml),
            ("Timeout", "1"),
            ("StatusCallback", &callback),
        ];
        let (status, call) = self.post("Calls.json", &[&rest[..], &events[..]].concat()).await;
        assert_eq!((status, &call["status"], &call["direction"]), (201, &json!("queued"), &json!("outbound-api")));
        let mut told = Vec::new();
        loop {
            let (query, form) =
                tokio::time::timeout(Duration::from_secs(5), self.posted.recv()).await.unwrap().unwrap();
            assert_eq!(of(&form, "CallSid"), call["sid"].as_str());
            let status = of(&form, "CallStatus").unwrap().to_owned();
            let over = !matches!(&*status, "ringing" | "in-progress");
            told.push((query, of(&form, "Digits").map_or(status, str::to_owned)));
            if over {
                return told;
            }
        }
    }
}

fn told(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(query, what)| (query.to_owned(), what.to_owned())).collect()
}

async fn taken(orders: &mut Orders) -> Order {
    tokio::time::timeout(Duration::from_secs(5), orders.arrive()).await.unwrap();
    orders.take().unwrap()
}

#[tokio::test]
async fn who_has_not_the_key_of_the_account_is_not_let_in() {
    let desk = Desk::with(Manner::Busy).await;
    let url = |account: &str| format!("{}/2010-04-01/Accounts/{account}/Calls/{CALL}.json", desk.base);
    for (account, user, secret) in
        [(LOCAL_ACCOUNT_SID, API_KEY, "wrong"), (LOCAL_ACCOUNT_SID, "SK1", API_SECRET), ("AC1", API_KEY, API_SECRET)]
    {
        let answer = Client::new().get(url(account)).basic_auth(user, Some(secret)).send().await.unwrap();
        let (status, problem) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        let expected = json!({
            "code": 20_003, "message": "Authenticate", "status": 401,
            "more_info": "https://www.twilio.com/docs/errors/20003",
        });
        assert_eq!((status, problem), (401, expected), "{account} {user}");
    }
}

#[tokio::test]
async fn a_call_that_never_was_is_told_from_one_that_is_over() {
    let desk = Desk::with(Manner::Busy).await;
    for form in [[("Twiml", "<Response/>")], [("Status", "completed")]] {
        assert_eq!(desk.update(&form).await.1["code"], 20_404);
    }
    assert_eq!(desk.post("Queues.json", &[]).await.0, 404);
    let _orders = desk.exchange.begin(&identity());
    desk.exchange.end(&identity(), "completed");
    for form in [[("Twiml", "<Response/>")], [("Status", "completed")]] {
        let (status, problem) = desk.update(&form).await;
        assert_eq!((status, &problem["code"]), (400, &json!(21_220)));
        let error = parse_response::<CallResource>(status, problem.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error, RestError::Refused(_)) && error.is_call_over());
    }
}

#[tokio::test]
async fn what_is_missing_or_wrong_in_a_request_is_named() {
    let desk = Desk::with(Manner::Busy).await;
    let mut orders = desk.exchange.begin(&identity());
    let (to, from, long) = (("To", "+15005550010"), ("From", "+15005550001"), "x".repeat(LONGEST_TWIML + 1));
    for (form, code) in [(vec![from], 21_201), (vec![to], 21_213), (vec![to, from], 21_205)] {
        assert_eq!(desk.post("Calls.json", &form).await.1["code"], code, "{form:?}");
    }
    for (form, code) in [(vec![], 21_205), (vec![("Status", "busy")], 20_001), (vec![("Twiml", &*long)], 20_001)] {
        assert_eq!(desk.update(&form).await.1["code"], code);
    }
    let silence = tokio::time::timeout(Duration::from_millis(50), orders.arrive()).await;
    assert!(silence.is_err(), "a refused request has no effect");
}

#[tokio::test]
async fn a_call_does_what_it_is_told_in_that_order() {
    let desk = Desk::with(Manner::Busy).await;
    let mut orders = desk.exchange.begin(&identity());
    let (status, call) = desk.update(&[("Twiml", "<Response><Pause length=\"2\"/></Response>")]).await;
    assert_eq!((status, &call["sid"], &call["status"]), (200, &json!(CALL), &json!("in-progress")));
    desk.update(&[("Twiml", "<html>")]).await;
    desk.update(&[("Status", "completed")]).await;
    assert_eq!(taken(&mut orders).await, Order::Do(vec![Verb::Pause(Duration::from_secs(2))]));
    assert_eq!(taken(&mut orders).await, Order::Do(Vec::new()), "nothing is left to do");
    assert_eq!(taken(&mut orders).await, Order::HangUp);
    assert_eq!(desk.exchange.warnings().iter().map(|warning| warning.code).collect::<Vec<_>>(), [12_100]);
}

#[tokio::test]
async fn every_way_in_which_a_call_is_not_taken_is_told() {
    const BRIEFING: &str =
        r#"<Response><Gather input="dtmf" timeout="1" action="BRIDGE"><Say>Hi</Say></Gather></Response>"#;
    let talks = Duration::ZERO;
    let ringing = ("leg", "ringing");
    let answered = [ringing, ("leg", "in-progress")];
    let over = ("leg", "completed");
    for (manner, expected) in [
        (Manner::Busy, vec![("leg", "busy")]),
        (Manner::NeverAnswers, vec![ringing, ("leg", "no-answer")]),
        (Manner::Answers { presses: Some('2'), talks }, [&answered[..], &[("key", "2"), over]].concat()),
        (Manner::Answers { presses: None, talks }, [&answered[..], &[over]].concat()),
    ] {
        let mut desk = Desk::with(manner.clone()).await;
        assert_eq!(desk.ring(BRIEFING).await, told(&expected), "{manner:?}");
        assert_eq!(desk.exchange.warnings(), []);
    }
}

#[tokio::test]
async fn a_room_begins_with_who_may_begin_it_and_ends_with_who_may_end_it() {
    let mut desk = Desk::with(Manner::Answers { presses: Some('1'), talks: Duration::from_millis(100) }).await;
    let mut orders = desk.exchange.begin(&identity());
    let callback = Callback { url: Some(format!("{}/bridge?leave", desk.base)), events: vec!["leave".to_owned()] };
    let parked = Conference { name: "room".to_owned(), ends: true, callback, ..Conference::default() };
    let seat = desk.exchange.join(&parked, CALL);
    assert!(tokio::time::timeout(Duration::from_millis(50), seat.begun()).await.is_err(), "the caller waits");
    let twiml = r#"<Response><Dial><Conference endConferenceOnExit="true">room</Conference></Dial></Response>"#;
    let ring = desk.ring(twiml);
    let stay = async {
        seat.begun().await;
        seat.stay(&mut orders, std::future::pending()).await
    };
    let (told_of_it, left) = tokio::join!(ring, stay);
    assert_eq!(left, rooms::Left::Over);
    assert_eq!(told_of_it, told(&[("leg", "ringing"), ("leg", "in-progress"), ("leave", "completed")]));
    let exchange = desk.exchange.clone();
    exchange.leave(seat, &identity(), left).await;
    let again = exchange.join(&parked, CALL);
    assert!(tokio::time::timeout(Duration::from_millis(50), again.begun()).await.is_err(), "it is another room");
}

#[tokio::test]
async fn a_room_says_who_is_in_it_and_is_ended_for_all() {
    let desk = Desk::with(Manner::Busy).await;
    let mut orders = desk.exchange.begin(&identity());
    let seat = desk.exchange.join(&Conference { name: "room".to_owned(), begins: true, ..Conference::default() }, CALL);
    let sid = seat.conference_sid();
    let alone = tokio::time::timeout(Duration::from_millis(50), seat.begun()).await;
    assert!(alone.is_err(), "who is alone waits");
    let url = format!("{}/2010-04-01/Accounts/{LOCAL_ACCOUNT_SID}/Conferences/{sid}/Participants.json", desk.base);
    let look = async || {
        let answer = Client::new().get(&url).basic_auth(API_KEY, Some(API_SECRET)).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    let (status, page) = look().await;
    let page: ParticipantsPage = parse_response(status, &page).unwrap();
    assert_eq!(page.participants, [Participant { call_sid: CALL.into() }]);
    let conference = format!("Conferences/{sid}.json");
    assert_eq!(desk.post(&conference, &[("Status", "paused")]).await.0, 400);
    let (status, ended) = desk.post(&conference, &[("Status", "completed")]).await;
    assert_eq!((status, &ended["sid"]), (200, &json!(sid)));
    assert_eq!(seat.stay(&mut orders, std::future::pending()).await, rooms::Left::Over);
    assert_eq!((look().await.0, desk.post(&conference, &[("Status", "completed")]).await.0), (404, 404));
}
