//! What the client does when Twilio refuses, stumbles or is silent, against a real server on a loopback port.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use functions::adapters::twilio_rest::TwilioRest;
use shared::ports::{PortError, PortResult, Telephony as _};
use shared::redact::Secret;
use shared::twilio::rest::{Access, Account, NewCall};
use shared::twilio::twiml;
use tokio::net::TcpListener;

const CALL: &str = "CA0123456789abcdef0123456789abcdef";
const FINE: (u16, &str) = (200, r#"{"sid":"CA0123456789abcdef0123456789abcdef","status":"completed"}"#);
const BUSY: (u16, &str) = (429, r#"{"code":20429,"message":"Too Many Requests","status":429}"#);
const DOWN: (u16, &str) = (503, "<html>down</html>");

/// Gives its answers in order, the last one for ever, and remembers what it was asked.
#[derive(Clone)]
struct Twilio {
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    requests: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
}

impl Twilio {
    async fn answers(answers: &[(u16, &'static str)]) -> (Self, TwilioRest) {
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let twilio = Self { answers, requests: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&format!("http://{}", listener.local_addr().unwrap()));
        let router = Router::new().fallback(answer).with_state(twilio.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (twilio, client)
    }

    fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

async fn answer(State(twilio): State<Twilio>, request: Request) -> (StatusCode, &'static str) {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    twilio.requests.lock().unwrap().push((format!("{} {}", head.method, head.uri), head.headers, body));
    let mut answers = twilio.answers.lock().unwrap();
    let (status, text) = answers[0];
    if answers.len() > 1 {
        answers.pop_front();
    }
    (StatusCode::from_u16(status).unwrap(), text)
}

fn client(base: &str) -> TwilioRest {
    let account = Account::with_auth_token("AC1", &Secret::new("t0ken"));
    TwilioRest::new(Access { base: base.parse().unwrap(), account })
}

async fn hang_up(answers: &[(u16, &'static str)]) -> (PortResult<()>, usize) {
    let (twilio, client) = Twilio::answers(answers).await;
    (client.hang_up(&CALL.into()).await, twilio.asked())
}

#[tokio::test]
async fn hanging_up_is_one_authorised_form() {
    let (twilio, client) = Twilio::answers(&[FINE]).await;
    assert_eq!(client.hang_up(&CALL.into()).await, Ok(()));
    let requests = twilio.requests.lock().unwrap();
    let (line, headers, body) = &requests[0];
    assert_eq!(*line, format!("POST /2010-04-01/Accounts/AC1/Calls/{CALL}.json"));
    assert_eq!(headers["authorization"], "Basic QUMxOnQwa2Vu");
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(body, "Status=completed");
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_stumble_is_forgiven() {
    assert_eq!(hang_up(&[BUSY, DOWN, FINE]).await, (Ok(()), 3));
}

#[tokio::test]
async fn after_four_attempts_it_gives_up_and_says_why() {
    let (outcome, asked) = hang_up(&[BUSY]).await;
    assert!(matches!(outcome, Err(PortError::Throttled(_))), "{outcome:?}");
    assert_eq!(asked, 4);
    let (outcome, asked) = hang_up(&[DOWN]).await;
    assert!(matches!(outcome, Err(PortError::Unavailable(_))), "{outcome:?}");
    assert_eq!(asked, 4);
}

#[tokio::test]
async fn a_call_that_is_over_is_hung_up() {
    let over = (400, r#"{"code":21220,"message":"Call is not in-progress. Cannot redirect.","status":400}"#);
    assert_eq!(hang_up(&[over]).await, (Ok(()), 1));
    assert_eq!(hang_up(&[DOWN, over]).await, (Ok(()), 2));
}

#[tokio::test]
async fn what_cannot_succeed_is_not_repeated() {
    let unknown = (404, r#"{"code":20404,"message":"The requested resource was not found","status":404}"#);
    assert_eq!(hang_up(&[unknown]).await, (Err(PortError::Gone), 1));
    let (outcome, asked) = hang_up(&[(401, r#"{"code":20003,"message":"Authenticate","status":401}"#)]).await;
    let why = "Twilio refused with HTTP 401, code 20003: Authenticate".to_owned();
    assert_eq!((outcome, asked), (Err(PortError::Unavailable(why)), 1));
    let (outcome, asked) = hang_up(&[(200, "<html>")]).await;
    assert!(matches!(outcome, Err(PortError::Corrupt(_))), "{outcome:?}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn nobody_is_called_twice() {
    let made = (201, r#"{"sid":"CA0123456789abcdef0123456789abcdef","status":"queued"}"#);
    let no = (400, r#"{"code":21211,"message":"The 'To' number +15005550010 is not valid.","status":400}"#);
    for (answers, outcome, asked) in [
        (vec![made], Some(true), 1),
        (vec![BUSY, made], Some(true), 2),
        (vec![DOWN, made], None, 1),
        (vec![no], Some(false), 1),
    ] {
        let (twilio, client) = Twilio::answers(&answers).await;
        let called = client.call(&somebody()).await;
        let found = match &called {
            Ok(sid) => Some(sid.as_str() == CALL),
            Err(PortError::Conflict(_)) => Some(false),
            Err(_) => None,
        };
        assert_eq!((found, twilio.asked()), (outcome, asked), "{called:?}");
        assert!(!format!("{called:?}").contains("+1500"));
    }
}

#[tokio::test]
async fn a_call_that_may_have_been_made_is_not_made_again() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", mute.local_addr().unwrap())).with_patience(Duration::from_millis(300));
    assert!(matches!(client.call(&somebody()).await, Err(PortError::Unavailable(_))));
    let (_again, none) = (mute.accept().await, tokio::time::timeout(Duration::from_millis(100), mute.accept()).await);
    assert!(none.is_err(), "it was sent twice");
}

#[tokio::test]
async fn what_twilio_will_not_do_is_told_from_what_it_may_have_done() {
    let instruct =
        async |answer| Twilio::answers(&[answer]).await.1.instruct(&CALL.into(), &twiml::Response::new()).await;
    let no = instruct((401, r#"{"code":20003,"message":"Authenticate","status":401}"#)).await;
    assert!(matches!(no, Err(PortError::Conflict(_))), "{no:?}");
    let over = instruct((400, r#"{"code":21220,"message":"Call is not in-progress.","status":400}"#)).await;
    assert_eq!(over, Err(PortError::Gone));
    assert!(matches!(instruct(DOWN).await, Err(PortError::Unavailable(_))));
}

fn somebody() -> NewCall {
    NewCall {
        to: "+15005550010".into(),
        from: "+15005550001".into(),
        twiml: twiml::Response::new().say("A caller is waiting."),
        ring_s: 25,
        status_callback: "https://a.example/twiml/transfer".to_owned(),
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_our_key() {
    let (outcome, asked) = hang_up(&[(307, "")]).await;
    assert!(matches!(outcome, Err(PortError::Unavailable(_))), "{outcome:?}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn silence_is_not_waited_out() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", mute.local_addr().unwrap())).with_patience(Duration::from_millis(300));
    let began = Instant::now();
    let outcome = client.hang_up(&CALL.into()).await;
    assert_eq!(outcome, Err(PortError::Unavailable("Twilio did not answer in time".to_owned())));
    assert!((Duration::from_millis(250)..Duration::from_secs(2)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_such() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = client(&format!("http://{port}")).hang_up(&CALL.into()).await;
    assert_eq!(outcome, Err(PortError::Unavailable("Twilio cannot be reached".to_owned())));
}
