//! What goes wrong behind a caller's back, and what the caller hears of it.

use local::call::{Ended, StreamEnd};
use local::model::Script;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use shared::calls::MediaPath;

use crate::house::{House, MACHINE, events, run};

const PATIENT: &str = "patience 30s\nwait for the end";

fn model(script: &str) -> Script {
    script.parse().unwrap()
}

fn impatient(options: &mut local::cloud::Options) {
    options.env.insert("RECONNECT_DELAY".to_owned(), "0.2".to_owned());
    options.env.insert("MAX_RECONNECT_ATTEMPTS".to_owned(), "2".to_owned());
    options.env.insert("WEBSOCKET_TIMEOUT".to_owned(), "2".to_owned());
}

/// The key is refused: nobody will answer, and the caller is told so instead of being dropped.
#[tokio::test]
async fn a_model_that_cannot_be_had_is_apologised_for() {
    let _alone = MACHINE.lock().await;
    for fault in ["fault status 401", "fault status 429", "fault stall"] {
        let house = House::start(MediaPath::Gateway, model(fault), impatient).await;
        let report = house.call(PATIENT).await;
        assert_eq!(report.ended, Ended::ServerHungUp, "{fault}: {report:?}");
        assert_eq!(report.said.len(), 1, "{fault}: {report:?}");
        let call = house.ended(&report.sid).await;
        assert_eq!(events(&call, "ended")[0]["ending"], "model_unavailable", "{fault}: {call}");
        assert!(!events(&call, "model_lost").is_empty(), "{fault}: {call}");
        house.stop().await;
    }
}

/// Frames that are no JSON come between the others: noted, counted, survived.
#[tokio::test]
async fn garbage_from_the_model_is_survived() {
    let _alone = MACHINE.lock().await;
    let house =
        House::start(MediaPath::Direct, model("greeting\n  say agent-lookup \"Hello.\"\nfault garbage"), |_| ()).await;
    let report = house.call("patience 20s\nwait for agent\nhang up").await;
    assert!(report.ok(), "{report:?}");
    house.stop().await;
}

/// The socket drops once while nobody speaks: another is dialled and told what was said, and nobody need hear of it.
#[tokio::test]
async fn a_model_that_drops_once_is_dialled_again() {
    let _alone = MACHINE.lock().await;
    let script = "pace 4\ngreeting\n  say agent-lookup \"Hello.\"\nfault drop after 3s sessions 1";
    let house = House::start(MediaPath::Direct, model(script), impatient).await;
    let report = house.call("patience 20s\nwait for agent\nwait 5s\nhang up").await;
    assert_eq!(report.ended, Ended::CallerHungUp, "{report:?}");
    let call = house.ended(&report.sid).await;
    assert_eq!(events(&call, "model_ready").len(), 2, "{call}");
    assert_eq!(events(&call, "response_done").len(), 1, "the greeting: {call}");
    house.stop().await;
}

/// The stream breaks without a word: the carrier follows its redirect and the call goes on.
#[tokio::test]
async fn a_stream_that_breaks_is_attached_again() {
    let _alone = MACHINE.lock().await;
    for path in [MediaPath::Gateway, MediaPath::Direct] {
        let house = House::start(path, model("greeting\n  say agent-lookup \"Hello.\""), |_| ()).await;
        let mut config = house.config("patience 20s\nwait for agent\nwait 2000ms\nwait for agent\nhang up");
        config.faults.breaks_after = Some(std::time::Duration::from_secs(3));
        let report = run(config).await;
        assert_eq!(report.streams.len(), 2, "{path:?}: {report:?}");
        assert_eq!((&report.streams[0].end, &report.ended), (&StreamEnd::Broke, &Ended::CallerHungUp), "{path:?}");
        let call = house.ended(&report.sid).await;
        assert_eq!(events(&call, "greeted").len(), 1, "{path:?}: {call}");
        house.stop().await;
    }
}

/// Frames that are lost, doubled, late and out of order harm nobody.
#[tokio::test]
async fn a_bad_line_does_not_end_a_call() {
    let _alone = MACHINE.lock().await;
    let house = House::start(MediaPath::Direct, model("greeting\n  say agent-lookup \"Hello.\""), |_| ()).await;
    let mut config = house.config("patience 20s\nwait for agent\nwait 2000ms\nhang up");
    config.faults = "lost=0.02,duplicated=0.02,reordered=0.02,late=0.02,seed=3".parse().unwrap();
    let report = run(config).await;
    assert!(report.ok(), "{report:?}");
    let call = house.ended(&report.sid).await;
    assert!(!events(&call, "frames_lost").is_empty(), "{call}");
    house.stop().await;
}

/// The doors, and what stands behind them when one knocks the wrong way.
#[tokio::test]
async fn wrong_knocks_get_clear_answers_and_leave_no_trace() {
    let _alone = MACHINE.lock().await;
    let house = House::start(MediaPath::Gateway, Script::pharmacy(), |_| ()).await;
    let client = Client::new();
    let url = |path: &str| house.cloud.origin().join(path).unwrap();
    let form = [("CallSid", "CA0123456789abcdef0123456789abcdef"), ("From", "+15005550006"), ("To", "+15005550001")];
    let unsigned = client.post(url("twiml")).form(&form).send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::FORBIDDEN);
    let forged = client.post(url("twiml")).header("X-Twilio-Signature", "AAAA").form(&form).send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    assert_eq!(house.get("calls").await["calls"], Value::Array(Vec::new()));
    let expected = [
        (Method::GET, "no/such/thing", StatusCode::NOT_FOUND),
        (Method::DELETE, "status", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "stream", StatusCode::UPGRADE_REQUIRED),
        (Method::GET, "health", StatusCode::OK),
        (Method::GET, "calls/CA00000000000000000000000000000000", StatusCode::NOT_FOUND),
    ];
    for (method, path, status) in expected {
        let answer = client.request(method, url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    house.stop().await;
}
