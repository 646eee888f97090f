//! How long the items of a call stay, and their end before that.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use functions::adapters::dynamo::Store;
use shared::calls::{Call, Trace, caller_hash};
use shared::ids::CallSid;
use shared::messages::{Callback, CallbackState, Message};
use shared::ports::{
    AuditTools, Chronicle, Entry, EraseCalls, IndexCalls, Mailbox, OpenMailbox, ReadCall, ToolLedger, WriteCall,
};
use shared::search::Term;
use shared::session::Event;
use shared::time::{CallTime, Samples};
use shared::tools::ToolRequest;
use shared::tools::audit::ToolRun;
use shared::tools::own::Tally;

use crate::world::{TABLE, call, dynamo, holder};

const CALLER: &str = "+15551234567";
const CALLED: &str = "+15557654321";
const DAY_S: u64 = 24 * 60 * 60;

/// Key, and seconds until it expires.
async fn items(client: &aws_sdk_dynamodb::Client) -> BTreeMap<String, u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let pages = client.scan().table_name(TABLE).into_paginator().items().send();
    let items: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let stays = |item: &std::collections::HashMap<String, AttributeValue>| {
        item["expires_at"].as_n().unwrap().parse::<u64>().unwrap().saturating_sub(now)
    };
    items.iter().map(|item| (format!("{} {}", text(&item["pk"]), text(&item["sk"])), stays(item))).collect()
}

fn held(number: u32) -> Call {
    let mut call = Call { lease: Some(holder("relay").lease(1)), ..call(number) };
    call.agent.recording.retention_days = 14;
    call.agent.recording.transcript_retention_days = 3;
    call
}

fn in_days(days: u64) -> u64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(now.as_millis()).unwrap() + days * DAY_S * 1000
}

fn callback(of: &CallSid, due_at_ms: u64) -> Callback {
    let (id, why, state) = ("call_2".into(), "x".into(), CallbackState::Requested);
    Callback { call: of.clone(), id, requested_at_ms: 1, due_at_ms, number: CALLER.into(), why, state }
}

/// A call of which everything is kept that can be.
async fn kept(store: &Store, call: &Call) {
    let sid = &call.sid;
    store.open_call(call).await.unwrap();
    let event = Event::HoldStarted;
    let mulaw = vec![1; 160].into();
    let entries = [Entry::Event { number: 1, at: CallTime(5), event }, Entry::Audio { from: Samples(0), mulaw }];
    store.append(sid, 1, &entries).await.unwrap();
    let (name, number) = (None, Some(CALLER.into()));
    let message = Message { call: sid.clone(), id: "call_1".into(), taken_at_ms: 1, name, number, text: "x".into() };
    store.keep_message(&message).await.unwrap();
    let due_at_ms = in_days(10);
    store.keep_callback(&callback(sid, due_at_ms)).await.unwrap();
    let request = ToolRequest {
        sid: sid.clone(),
        call: "call_3".into(),
        name: "get_weather".to_owned(),
        arguments: "{}".into(),
        agent: "default".into(),
        own: None,
    };
    store.begin(&request).await.unwrap();
    let run = ToolRun::of(&request, &Ok("{}".into()), Tally::default(), 1, 1);
    store.note_run(sid, &run).await.unwrap();
    store.index_call(call, &[Term::Word("pizza".into()), Term::Agent("default".into())]).await.unwrap();
}

#[tokio::test]
async fn every_item_of_a_call_stays_as_long_as_its_agent_says() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    kept(&store, &held(1)).await;
    store.claim(&held(1).sid, &holder("other"), Some(1)).await.unwrap();
    let items = items(&client).await;
    assert_eq!(items.len(), 13, "{items:?}");
    for (key, stays) in items {
        let days = match &key {
            key if key.contains(" AUDIO#") => continue,
            key if key.contains(" TOOL#") => 1,
            key if key.contains(" CALLBACK#") => 13,
            key if key.starts_with("CALLER#") => 16,
            _ => 3,
        };
        assert!(stays.abs_diff(days * DAY_S) < 60, "{key}: {stays} s");
    }
}

#[tokio::test]
async fn a_call_is_found_as_long_as_a_request_to_be_called_back_is_there() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    store.open_call(&held(1)).await.unwrap();
    for (id, days) in [("call_4", 100), ("call_5", 20)] {
        let callback = Callback { id: id.into(), ..callback(&held(1).sid, in_days(days)) };
        store.keep_callback(&callback).await.unwrap();
    }
    let found = items(&client).await.into_iter().filter(|(key, _)| key.starts_with("CALLER#"));
    let stays: Vec<u64> = found.map(|(_, stays)| stays).collect();
    assert!(stays.len() == 2 && stays.iter().all(|stays| stays.abs_diff(103 * DAY_S) < 60), "{stays:?}");
}

#[tokio::test]
async fn a_call_is_found_by_both_its_numbers_which_are_in_no_key() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    store.open_call(&held(1)).await.unwrap();
    store.open_call(&held(2)).await.unwrap();
    for number in [CALLER, CALLED] {
        let found = store.calls_of(number, None, 10).await.unwrap();
        let sids: Vec<_> = found.iter().map(|trace| trace.call.clone()).collect();
        assert_eq!(sids, [held(1).sid, held(2).sid], "the earliest first");
        let first = store.calls_of(number, None, 1).await.unwrap();
        assert_eq!(first, found[..1]);
        assert_eq!(store.calls_of(number, first.last(), 10).await.unwrap(), found[1..]);
        assert_eq!(store.calls_of(number, found.last(), 10).await.unwrap(), []);
    }
    assert_eq!(store.calls_of("+15550000000", None, 10).await.unwrap(), []);
    assert!(items(&client).await.keys().all(|key| !key.contains("1555")), "{:?}", items(&client).await);
}

#[tokio::test]
async fn who_calls_themselves_or_shows_no_number_is_let_in_too() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    store.open_call(&Call { from: CALLED.into(), ..held(1) }).await.unwrap();
    store.open_call(&Call { from: "anonymous".into(), ..held(2) }).await.unwrap();
    assert_eq!(store.calls_of(CALLED, None, 10).await.unwrap().len(), 2);
    assert_eq!(store.calls_of("anonymous", None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn of_an_erased_call_nothing_is_left_and_others_stay() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    kept(&store, &held(1)).await;
    let entries: Vec<Entry> =
        (0..60).map(|number| Entry::Event { number, at: CallTime(9), event: Event::HoldStopped }).collect();
    store.append(&held(1).sid, 1, &entries).await.unwrap();
    store.open_call(&held(2)).await.unwrap();
    let [erased, _] = store.calls_of(CALLER, None, 10).await.unwrap().try_into().unwrap();
    for _ in 0..2 {
        store.erase_call(&erased).await.unwrap();
    }
    let left: BTreeSet<String> = items(&client).await.into_keys().map(|key| key.replace("CALL#", "")).collect();
    assert!(left.iter().all(|key| key.contains(held(2).sid.as_str())), "{left:?}");
    assert_eq!(left.len(), 4, "the call, its lease, and what it is found by");
    assert_eq!(store.call(&held(1).sid).await.unwrap(), None);
    assert_eq!(store.messages(10).await.unwrap(), []);
}

/// What has lost all but its traces is found, and erased to the end.
#[tokio::test]
async fn an_erasure_that_was_interrupted_is_found_again() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    store.open_call(&held(1)).await.unwrap();
    let trace: Trace = store.calls_of(CALLER, None, 1).await.unwrap().remove(0);
    store.erase_call(&Trace { entries: Vec::new(), ..trace.clone() }).await.unwrap();
    assert_eq!(store.call(&held(1).sid).await.unwrap(), None);
    assert_eq!(store.calls_of(CALLED, None, 1).await.unwrap(), std::slice::from_ref(&trace));
    assert_eq!(trace.entries, [CALLER, CALLED].map(|number| format!("CALLER#{}", caller_hash(number))));
    store.erase_call(&trace).await.unwrap();
    assert!(items(&client).await.is_empty());
}
