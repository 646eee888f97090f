//! The simulated caller and the scripted model, with the simplest bridge between them: both keep to their scripts.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use local::call::Ended;
use local::model::Handle;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::bridge::{Bridge, Stream};
use crate::client::{model, telephone};

const CONNECT: &str = r#"<Response><Connect><Stream url="{ws}"/></Connect><Hangup/></Response>"#;

/// Carries between a stream and a model: enough for a conversation, and nothing a product should be content with.
async fn carry(mut stream: Stream, model_url: String) {
    let mut request = format!("{model_url}?model=m").into_client_request().unwrap();
    request.headers_mut().insert("authorization", "Bearer key".parse().unwrap());
    let (mut model, _) = connect_async(request).await.unwrap();
    stream.until("start").await;
    let send = |event: Value| Message::text(event.to_string());
    model.send(send(telephone(json!({"type": "server_vad", "silence_duration_ms": 500})))).await.unwrap();
    model.send(send(json!({"type": "response.create"}))).await.unwrap();
    let (results, mut due) = mpsc::unbounded_channel::<Value>();
    loop {
        tokio::select! {
            message = stream.next() => match message {
                Some(message) if message["event"] == "media" => {
                    let audio = message["media"]["payload"].clone();
                    model.send(send(json!({"type": "input_audio_buffer.append", "audio": audio}))).await.unwrap();
                }
                Some(_) => {}
                None => return,
            },
            Some(event) = due.recv() => model.send(send(event)).await.unwrap(),
            Some(Ok(Message::Text(text))) = model.next() => {
                let event: Value = serde_json::from_str(&text).unwrap();
                match event["type"].as_str().unwrap() {
                    "response.output_audio.delta" => {
                        let sid = stream.sid.clone();
                        stream.send(&json!({"event": "media", "streamSid": sid, "media": {"payload": event["delta"]}}).to_string()).await;
                    }
                    "input_audio_buffer.speech_started" => stream.clear().await,
                    "response.output_item.done" if event["item"]["name"] == "hang_up" => {
                        stream.mark("goodbye").await;
                        while stream.until("mark").await.is_some_and(|mark| mark["mark"]["name"] != "goodbye") {}
                        return;
                    }
                    "response.output_item.done" if event["item"]["type"] == "function_call" => {
                        let output = json!({"type": "function_call_output", "call_id": event["item"]["call_id"], "output": "{}"});
                        results.send(json!({"type": "conversation.item.create", "item": output})).unwrap();
                    }
                    "response.done" if event["response"]["output"].as_array().is_some_and(|output| output.iter().any(|item| item["type"] == "function_call")) => {
                        results.send(json!({"type": "response.create"})).unwrap();
                    }
                    _ => {}
                }
            }
        }
    }
}

async fn bridged(model: &Handle) -> Bridge {
    let url: Arc<str> = model.url().into();
    Bridge::start(&[CONNECT], move |stream| carry(stream, url.to_string())).await
}

#[tokio::test]
async fn a_short_conversation_goes_by_both_scripts() {
    let model = model(
        "pace 8\nthink 50ms\ngreeting\n  say agent-lookup \"Hello.\"\nhear \"Cut in.\"\n  say agent-goodbye \"Goodbye.\"\n  call hang_up {}",
    )
    .await;
    let bridge = bridged(&model).await;
    let report =
        bridge.call("patience 4s\nwait for 700ms of agent\nsay caller-goodbye \"Goodbye.\"\nwait for the end").await;
    assert!(report.ok() && report.ended == Ended::ServerHungUp, "{report:?}");
    assert!(report.streams[0].barge_ins[0].cleared_after_ms.is_some_and(|ms| ms < 500), "{report:?}");
    let session = &model.sessions()[0];
    assert_eq!(session.responses, ["completed", "completed"]);
    assert!(session.errors.is_empty(), "{session:?}");
}

/// The demo's two scripts in real time: half a minute.
#[tokio::test]
async fn the_demos_conversation_goes_by_both_scripts() {
    let model = model(local::assets::PHARMACY_MODEL).await;
    let bridge = bridged(&model).await;
    let report = bridge.call(local::assets::PHARMACY_CALLER).await;
    assert!(report.ok() && report.ended == Ended::ServerHungUp, "{report:?}");
    assert!(report.lasted_ms < 45_000, "{}", report.lasted_ms);
    assert_eq!(report.streams[0].barge_ins.len(), 1, "{report:?}");
    let session = &model.sessions()[0];
    assert_eq!(session.outputs.len(), 2, "{session:?}");
    assert_eq!(session.responses.len(), 6, "{session:?}");
    assert!(session.errors.is_empty(), "{session:?}");
}
