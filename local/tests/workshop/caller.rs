//! The simulated caller behaves as Twilio does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use local::call::{Ended, StreamEnd};
use serde_json::{Value, json};
use shared::audio::Payload;
use tokio::task::JoinSet;

use crate::bridge::{Bridge, Stream};
use crate::client::speech;

const CONNECT: &str = r#"<Response><Connect><Stream url="{ws}" statusCallback="{origin}/stream/status"><Parameter name="token" value="t0k3n"/></Stream></Connect><Redirect>{origin}/twiml/1</Redirect></Response>"#;
const HANG_UP: &str = "<Response><Hangup/></Response>";

/// What a stream's closure wants to tell the test.
type Notes<T> = Arc<Mutex<Vec<T>>>;

fn notes<T>() -> (Notes<T>, Notes<T>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    (Arc::clone(&notes), notes)
}

fn payload(message: &Value) -> Vec<u8> {
    Payload::parse(message["media"]["payload"].as_str().unwrap().into()).unwrap().decode()
}

#[tokio::test]
async fn a_call_is_announced_streamed_and_reported() {
    let (keep, kept) = notes();
    let bridge = Bridge::start(&[CONNECT], move |mut stream: Stream| {
        let keep = Arc::clone(&keep);
        async move {
            stream.rest().await;
            keep.lock().unwrap().extend(std::mem::take(&mut stream.messages));
        }
    })
    .await;
    let report = bridge.call("wait 300ms\nsay caller-goodbye \"Goodbye.\"\nhang up").await;
    assert!(report.ok(), "{report:?}");
    assert_eq!((report.ended, &report.streams[0].end), (Ended::CallerHungUp, &StreamEnd::CallerHungUp));

    let posts = bridge.posts();
    let paths: Vec<&str> = posts.iter().map(|post| post.path.as_str()).collect();
    assert_eq!(paths, ["/twiml", "/stream/status", "/stream/status", "/call/status"]);
    let webhook = &posts[0].form;
    assert_eq!((webhook["CallStatus"].as_str(), webhook["Direction"].as_str()), ("ringing", "inbound"));
    assert_eq!((webhook["CallSid"].len(), webhook["AccountSid"].len(), &webhook["CallSid"][..2]), (34, 34, "CA"));
    assert_eq!(posts[1].form["StreamEvent"], "stream-started");
    assert_eq!(posts[2].form["StreamEvent"], "stream-stopped");
    assert_eq!((posts[3].form["CallStatus"].as_str(), &posts[3].form["CallSid"]), ("completed", &report.sid));

    let upgrade = &bridge.upgrades()[0];
    assert_eq!(upgrade["user-agent"], "Twilio.TmeWs/1.0");
    assert!(!upgrade.contains_key("sec-websocket-protocol") && !upgrade.contains_key("origin"));

    let messages: Vec<Value> = kept.lock().unwrap().iter().map(|(_, message)| message.clone()).collect();
    assert_eq!(messages[0], json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}));
    let start = &messages[1];
    assert_eq!((&start["event"], &start["sequenceNumber"]), (&json!("start"), &json!("1")));
    assert_eq!(start["start"]["customParameters"], json!({"token": "t0k3n"}));
    assert_eq!(start["start"]["callSid"], json!(report.sid));
    let numbers: Vec<String> =
        messages[1..].iter().map(|message| message["sequenceNumber"].as_str().unwrap().to_owned()).collect();
    assert_eq!(numbers, (1..messages.len()).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(messages.last().unwrap()["event"], "stop");
    let media: Vec<&Value> = messages.iter().filter(|message| message["event"] == "media").collect();
    for (index, message) in media.iter().enumerate() {
        assert_eq!(message["media"]["chunk"], (index + 1).to_string());
        assert_eq!(message["media"]["timestamp"], (index * 20).to_string());
    }
    let sound: Vec<u8> = media.iter().flat_map(|message| payload(message)).collect();
    let spoken = speech("caller-goodbye");
    let begin = sound.windows(spoken.len()).position(|window| window == spoken).expect("the speech is in it, whole");
    assert!((260 * 8..=320 * 8).contains(&begin), "{begin}");
}

#[tokio::test]
async fn frames_keep_an_absolute_schedule() {
    let (keep, kept) = notes();
    let bridge = Bridge::start(&[CONNECT], move |mut stream: Stream| {
        let keep = Arc::clone(&keep);
        async move {
            stream.rest().await;
            let media = stream.messages.iter().filter(|(_, message)| message["event"] == "media");
            keep.lock().unwrap().extend(media.map(|(at, _)| stream.since_start(*at)));
        }
    })
    .await;
    bridge.call("wait 2s\nhang up").await;
    let times = kept.lock().unwrap().clone();
    let span = times.last().unwrap().saturating_sub(times[0]);
    let expected = Duration::from_millis(20) * u32::try_from(times.len() - 1).unwrap();
    assert!((95..=101).contains(&times.len()), "{}", times.len());
    assert!(span.abs_diff(expected) < Duration::from_millis(150), "{span:?} for {expected:?}");
}

#[tokio::test]
async fn marks_return_when_they_are_reached_and_at_a_clear() {
    let (keep, kept) = notes();
    let bridge = Bridge::start(&[CONNECT], move |mut stream: Stream| {
        let keep = Arc::clone(&keep);
        async move {
            stream.until("start").await;
            stream.mark("nothing before it").await;
            stream.media(&speech("agent-moment")[..400 * 8]).await;
            stream.mark("after 400 ms").await;
            stream.media(&speech("agent-ready")).await;
            stream.mark("never reached").await;
            let mut marks = Vec::new();
            while marks.len() < 3 {
                if marks.len() == 2 {
                    stream.clear().await;
                }
                let mark = stream.until("mark").await.unwrap();
                let at = stream.since_start(stream.messages.last().unwrap().0);
                marks.push((mark["mark"]["name"].as_str().unwrap().to_owned(), at));
            }
            keep.lock().unwrap().extend(marks);
        }
    })
    .await;
    let mut config = bridge.config("wait for the end");
    config.keep_audio = true;
    let report = bridge.run(config).await;
    let marks = kept.lock().unwrap().clone();
    let names: Vec<&str> = marks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["nothing before it", "after 400 ms", "never reached"]);
    assert!(marks[0].1 < Duration::from_millis(150), "{marks:?}");
    assert!((400..650).contains(&marks[1].1.as_millis()), "{marks:?}");
    assert!(marks[2].1 < Duration::from_millis(1_500), "{marks:?}");
    let stream = &report.streams[0];
    assert_eq!((stream.marks_returned, stream.clears.len()), (3, 1));
    let heard: usize = stream.heard.iter().map(|heard| heard.sound.len()).sum();
    let received = usize::try_from(stream.received_bytes).unwrap();
    let dropped = received - heard;
    assert_eq!(u64::try_from(dropped / 8).unwrap(), stream.clears[0].dropped_ms, "heard or thrown away");
    let whole = [speech("agent-moment")[..400 * 8].to_vec(), speech("agent-ready")].concat();
    let bytes: Vec<u8> = stream.heard.iter().flat_map(|heard| heard.sound.to_vec()).collect();
    assert!(whole.starts_with(&bytes));
}

#[tokio::test]
async fn the_caller_cuts_in_and_notices_the_silence() {
    let bridge = Bridge::start(&[CONNECT], |mut stream: Stream| async move {
        stream.until("start").await;
        stream.media(&speech("agent-ready")).await;
        loop {
            let Some(message) = stream.until("media").await else { return };
            if local::sound::loudness(&payload(&message)) > 500.0 {
                break;
            }
        }
        stream.clear().await;
        stream.rest().await;
    })
    .await;
    let report = bridge.call("wait for 600ms of agent\nsay caller-menu \"Thanks.\"\nhang up").await;
    let stream = &report.streams[0];
    assert_eq!(stream.barge_ins.len(), 1);
    let barge_in = stream.barge_ins[0];
    assert!((600..1_200).contains(&barge_in.at_ms), "{barge_in:?}");
    assert!(barge_in.cleared_after_ms.is_some_and(|ms| ms < 300), "{barge_in:?}");
    assert!(stream.clears[0].dropped_ms > 10_000, "{stream:?}");
}

#[tokio::test]
async fn when_the_server_closes_the_next_verb_is_followed() {
    let again = CONNECT.replace("twiml/1", "twiml/2");
    let bridge = Bridge::start(&[CONNECT, &again, HANG_UP], |mut stream: Stream| async move {
        stream.until("start").await;
        stream.until("media").await;
    })
    .await;
    let report = bridge.call("wait for the end").await;
    assert_eq!((report.ended, report.documents, report.streams.len()), (Ended::ServerHungUp, 3, 2));
    assert!(report.streams.iter().all(|stream| stream.end == StreamEnd::ServerClosed));
    assert_ne!(report.streams[0].sid, report.streams[1].sid);
    let posts = bridge.posts();
    let redirects: Vec<_> = posts.iter().filter(|post| post.path.starts_with("/twiml/")).collect();
    assert!(
        redirects.iter().all(|post| post.form["CallStatus"] == "in-progress" && post.form["CallSid"] == report.sid)
    );
}

#[tokio::test]
async fn verbs_are_followed_in_their_order() {
    let document = "<Response><Say>We are closed.</Say><Pause length=\"1\"/><Redirect method=\"POST\">/twiml/1</Redirect></Response>";
    let bridge = Bridge::start(&[document, HANG_UP], |_| async {}).await;
    let report = bridge.call("wait for the end").await;
    assert_eq!(
        (report.said, report.ended, report.documents),
        (vec!["We are closed.".to_owned()], Ended::ServerHungUp, 2)
    );
    assert!(report.lasted_ms >= 1_000);
}

#[tokio::test]
async fn a_stream_that_is_refused_is_followed_by_the_next_verb() {
    let document = CONNECT.replace("{ws}", "{ws}/elsewhere");
    let bridge = Bridge::start(&[&document, HANG_UP], |_| async {}).await;
    let report = bridge.call("wait for the end").await;
    assert!(matches!(report.streams[0].end, StreamEnd::Refused(_)));
    assert_eq!((report.ended, report.warnings[0].code), (Ended::ServerHungUp, 31_920));
}

#[tokio::test]
async fn a_webhook_that_fails_fails_the_call() {
    let bridge = Bridge::start(&[], |_| async {}).await;
    let report = bridge.call("wait for the end").await;
    assert!(matches!(&report.ended, Ended::Failed(why) if why.contains("404")), "{report:?}");
    assert_eq!(bridge.posts().last().unwrap().form["CallStatus"], "completed");
}

#[tokio::test]
async fn a_wrong_token_is_refused_by_the_verifier() {
    let bridge = Bridge::start(&[CONNECT], |_| async {}).await;
    let mut config = bridge.config("hang up");
    config.auth_token = shared::redact::Secret::new("another");
    let report = bridge.run(config).await;
    assert!(matches!(&report.ended, Ended::Failed(why) if why.contains("403")), "{report:?}");
}

#[tokio::test]
async fn what_twilio_would_not_understand_is_a_warning_once_a_stream() {
    for (binary, code) in [(false, 31_951), (true, 31_950)] {
        let bridge = Bridge::start(&[CONNECT], move |mut stream: Stream| async move {
            stream.until("start").await;
            for _ in 0..2 {
                if binary {
                    stream.send_binary().await;
                } else {
                    stream.send(r#"{"message":"Internal server error","connectionId":"c","requestId":"r"}"#).await;
                }
            }
            stream.mark("after it").await;
            stream.rest().await;
        })
        .await;
        let report = bridge.call("wait 300ms").await;
        assert_eq!(report.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [code]);
        assert!(!report.ok());
        assert_eq!(report.streams[0].marks_returned, 1, "the stream lives");
    }
}

#[tokio::test]
async fn a_call_that_is_hung_up_on_in_the_middle_did_not_go_well() {
    let bridge = Bridge::start(&[HANG_UP], |_| async {}).await;
    let report = bridge.call("wait for agent\nhang up").await;
    assert_eq!((&report.ended, report.script_played, report.ok()), (&Ended::ServerHungUp, false, false));
}

#[tokio::test]
async fn keys_are_pressed_on_the_stream() {
    let (keep, kept) = notes();
    let bridge = Bridge::start(&[CONNECT], move |mut stream: Stream| {
        let keep = Arc::clone(&keep);
        async move {
            let dtmf = stream.until("dtmf").await.unwrap();
            keep.lock().unwrap().push(dtmf["dtmf"].clone());
            stream.rest().await;
        }
    })
    .await;
    bridge.call("wait 100ms\npress 5\nwait 100ms").await;
    assert_eq!(kept.lock().unwrap()[..], [json!({"track": "inbound_track", "digit": "5"})]);
}

#[tokio::test]
async fn an_abrupt_caller_is_just_gone() {
    let (keep, kept) = notes();
    let bridge = Bridge::start(&[CONNECT], move |mut stream: Stream| {
        let keep = Arc::clone(&keep);
        async move {
            stream.rest().await;
            keep.lock().unwrap().push(stream.messages.last().unwrap().1["event"].clone());
        }
    })
    .await;
    let mut config = bridge.config("wait 200ms\nhang up");
    config.faults = "abrupt".parse().unwrap();
    let report = bridge.run(config).await;
    assert_eq!(report.ended, Ended::CallerHungUp);
    assert_eq!(kept.lock().unwrap()[..], [json!("media")]);
}

#[tokio::test]
async fn a_call_whose_stream_breaks_comes_back_on_another() {
    let again = CONNECT.replace("twiml/1", "twiml/2");
    let bridge = Bridge::start(&[CONNECT, &again], |mut stream: Stream| async move {
        stream.until("start").await;
        if stream.number == 2 {
            stream.media(&speech("agent-moment")).await;
        }
        stream.rest().await;
    })
    .await;
    let mut config = bridge.config("wait for agent\nhang up");
    config.faults = "break=0.3".parse().unwrap();
    let report = bridge.run(config).await;
    let ends: Vec<&StreamEnd> = report.streams.iter().map(|stream| &stream.end).collect();
    assert_eq!((ends, report.ended), (vec![&StreamEnd::Broke, &StreamEnd::CallerHungUp], Ended::CallerHungUp));
}

#[tokio::test]
async fn frames_suffer_what_the_faults_say() {
    let (keep, kept) = notes();
    let bridge = Bridge::start(&[CONNECT], move |mut stream: Stream| {
        let keep = Arc::clone(&keep);
        async move {
            stream.rest().await;
            let media = stream.messages.iter().filter(|(_, message)| message["event"] == "media");
            keep.lock()
                .unwrap()
                .extend(media.map(|(_, message)| message["media"]["chunk"].as_str().unwrap().parse::<u64>().unwrap()));
        }
    })
    .await;
    let mut config = bridge.config("wait 2s\nhang up");
    config.faults = "lost=0.1,duplicated=0.1,reordered=0.2,seed=4".parse().unwrap();
    let report = bridge.run(config).await;
    let chunks = kept.lock().unwrap().clone();
    let distinct: std::collections::BTreeSet<u64> = chunks.iter().copied().collect();
    assert!((distinct.len() as u64) < report.streams[0].frames_sent, "some are lost");
    assert!(distinct.len() < chunks.len(), "some are doubled");
    assert!(!chunks.is_sorted(), "some are swapped");
}

#[tokio::test]
async fn a_caller_who_hears_nothing_gives_up_and_says_why() {
    let bridge = Bridge::start(&[CONNECT], |mut stream: Stream| async move { stream.rest().await }).await;
    let report = bridge.call("patience 400ms\nwait for agent").await;
    assert!(matches!(&report.ended, Ended::CallerGaveUp(why) if why.starts_with("line 2")), "{report:?}");
    assert!(!report.ok() && report.longest_silence_ms >= 400);
}

/// The server echoes a second of each call and closes; what is on its way then is nobody's loss.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_talk_at_once() {
    let bridge = Bridge::start(&[CONNECT, HANG_UP], |mut stream: Stream| async move {
        stream.until("start").await;
        for _ in 0..50 {
            let Some(message) = stream.until("media").await else { return };
            stream.media(&payload(&message)).await;
        }
        stream.close().await;
    })
    .await;
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let mut config = bridge.config("wait for the end");
        config.probe = true;
        let bridge = bridge.clone();
        calls.spawn(async move { bridge.run(config).await });
    }
    while let Some(report) = calls.join_next().await {
        let report = report.unwrap();
        assert!(report.ok(), "{report:?}");
        let probe = report.probe.unwrap();
        assert_eq!((probe.returned, probe.out_of_order, probe.stray_bytes), (50, 0, 0));
        assert_eq!(probe.round_trips.len(), 50);
    }
}
