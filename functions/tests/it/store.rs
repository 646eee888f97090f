//! The store: what happens once happens once, and what was written comes back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::IntoResponse;
use functions::adapters::dynamo::{Store, seed};
use serde_json::{Value, json};
use shared::calls::{Bearer, Binding, Call, CallStatus, Connection, Ending, Relay, StreamPass, Waiting};
use shared::ids::{CallSid, ConnectionId, RelayId};
use shared::ports::{
    Chronicle, Connections, Entry, LookAtTokens, Placements, PortError, ReadCall, ReadHistory, ReferenceData, Relays,
    Tokens, ToolLedger, WaitingLine, WriteCall,
};
use shared::redact::Secret;
use shared::session::{Event, Line, Speaker};
use shared::time::{CallTime, Samples};
use shared::tools::{ToolError, ToolErrorKind, ToolRequest};

use crate::http_server::serve;
use crate::world::{CALL, TABLE, call, dynamo, dynamo_at, holder, race, store};

fn sid() -> CallSid {
    CALL.into()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn a_call_is_opened_once_and_comes_back_whole() {
    let store = store().await;
    assert_eq!(store.call(&sid()).await.unwrap(), None);
    store.open_call(&call(1)).await.unwrap();
    assert_eq!(store.call(&sid()).await.unwrap(), Some(call(1)));
    assert!(matches!(store.open_call(&call(1)).await, Err(PortError::Conflict(_))));
    let held = Call { lease: Some(holder("relay").lease(1)), ..call(2) };
    store.open_call(&held).await.unwrap();
    let again = Call { lease: Some(holder("other").lease(1)), ..held.clone() };
    assert!(matches!(store.open_call(&again).await, Err(PortError::Conflict(_))));
    assert_eq!(store.call(&held.sid).await.unwrap(), Some(held));
}

#[tokio::test]
async fn a_call_is_opened_by_one_of_many() {
    let store = store().await;
    let (won, faults) = race(16, |number| {
        let (store, lease) = (store.clone(), holder(&format!("relay-{number}")).lease(1));
        async move { store.open_call(&Call { lease: Some(lease), ..call(1) }).await }
    })
    .await;
    assert_eq!((won, faults.len()), (1, 1), "{faults:?}");
    assert_eq!(store.call(&sid()).await.unwrap().unwrap().lease, store.lease(&sid()).await.unwrap());
}

#[tokio::test]
async fn the_first_ending_stays() {
    let store = store().await;
    store.open_call(&call(1)).await.unwrap();
    let lease = store.claim(&sid(), &holder("relay"), None).await.unwrap().lease;
    store.set_status(&sid(), CallStatus::Ended(Ending::AgentHungUp), &lease).await.unwrap();
    store.end_call(&sid(), Ending::CallerHungUp).await.unwrap();
    store.set_status(&sid(), CallStatus::InProgress, &lease).await.unwrap();
    let status = store.call(&sid()).await.unwrap().unwrap().status;
    assert_eq!(status, CallStatus::Ended(Ending::AgentHungUp));
    assert_eq!(store.end_call(&"CA2".into(), Ending::CallerHungUp).await, Err(PortError::Gone));
}

#[tokio::test]
async fn streams_are_counted() {
    let store = store().await;
    store.open_call(&call(1)).await.unwrap();
    assert_eq!(store.count_stream(&sid()).await.unwrap(), 2);
    assert_eq!(store.count_stream(&sid()).await.unwrap(), 3);
    assert_eq!(store.count_stream(&"CA2".into()).await, Err(PortError::Gone));
}

#[tokio::test]
async fn a_token_is_redeemed_by_one_of_sixty_four() {
    let store = store().await;
    let token = Secret::new("token");
    store.issue_token(&token, &pass(now_ms() + 60_000)).await.unwrap();
    let (won, faults) = race(64, |_| {
        let (store, token) = (store.clone(), token.clone());
        async move { store.redeem_token(&token).await }
    })
    .await;
    assert_eq!((won, faults), (1, BTreeSet::from(["gone".to_owned()])));
}

fn pass(valid_until_ms: u64) -> StreamPass {
    StreamPass { call: sid(), bearer: Bearer::Browser { origin: Some("https://a.example".to_owned()) }, valid_until_ms }
}

#[tokio::test]
async fn a_token_may_be_looked_at_until_it_is_used() {
    let store = store().await;
    let (token, pass) = (Secret::new("looked-at"), pass(now_ms() + 60_000));
    store.issue_token(&token, &pass).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.stream_pass(&token).await.unwrap(), Some(pass.clone()));
    }
    assert_eq!(store.redeem_token(&token).await, Ok(sid()));
    assert_eq!(store.stream_pass(&token).await.unwrap(), None, "used");
    assert_eq!(store.stream_pass(&Secret::new("never")).await.unwrap(), None);
    store.issue_token(&token, &self::pass(now_ms())).await.unwrap();
    assert_eq!(store.stream_pass(&token).await.unwrap(), None, "expired");
}

#[tokio::test]
async fn a_token_that_expired_or_never_was_is_gone() {
    let dynamo = dynamo().await;
    let store = Store::new(dynamo.clone(), TABLE);
    store.issue_token(&Secret::new("old"), &pass(now_ms())).await.unwrap();
    assert_eq!(store.redeem_token(&Secret::new("old")).await, Err(PortError::Gone));
    assert_eq!(store.redeem_token(&Secret::new("never")).await, Err(PortError::Gone));
    store.issue_token(&Secret::new("a-secret-word"), &pass(now_ms() + 60_000)).await.unwrap();
    assert_eq!(store.redeem_token(&Secret::new("a-secret-word")).await, Ok(sid()));
    let items = dynamo.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    assert!(!format!("{items:?}").contains("a-secret-word"), "stored as a hash");
    assert!(items.iter().all(|item| item.contains_key("expires_at")));
}

#[tokio::test]
async fn a_connection_is_bound_and_forgotten() {
    let store = store().await;
    let id = ConnectionId::from("I8mzEc2bPHcCIWQ=");
    let binding = Binding {
        call: sid(),
        stream: "MZ1".into(),
        relay: "relay".into(),
        address: "http://10.0.1.17:8081".parse().unwrap(),
    };
    assert_eq!(store.bind_connection(&id, &binding).await, Err(PortError::Gone), "closed before it was bound");
    let opened = Connection { id: id.clone(), opened_at_ms: 7, binding: None };
    store.connection_opened(&opened).await.unwrap();
    assert_eq!(store.connection(&id).await.unwrap(), Some(opened.clone()));
    store.bind_connection(&id, &binding).await.unwrap();
    assert_eq!(store.connection(&id).await.unwrap(), Some(Connection { binding: Some(binding.clone()), ..opened }));
    assert_eq!(store.connection_closed(&id).await.unwrap(), Some(binding));
    assert_eq!(store.connection_closed(&id).await.unwrap(), None);
    assert_eq!(store.connection(&id).await.unwrap(), None);
}

fn relay(calls: u32) -> Relay {
    Relay {
        id: "relay-1".into(),
        address: "http://10.0.1.17:8081".parse().unwrap(),
        control: None,
        calls,
        opened: 0,
        most_calls: 500,
        draining: false,
        cpu: 0.25,
        cores: 2.0,
        event_loop_lag_ms: 1.5,
        heartbeat_at_ms: now_ms(),
    }
}

#[tokio::test]
async fn a_heartbeat_leaves_the_control_channel_alone() {
    let store = store().await;
    // The channel may be there before the first heartbeat.
    store.control_opened(&"relay-1".into(), &"Control=".into()).await.unwrap();
    assert_eq!(store.relays().await.unwrap(), []);
    store.register(&relay(0)).await.unwrap();
    store.register(&relay(3)).await.unwrap();
    let listed = store.relays().await.unwrap();
    assert_eq!((listed.len(), listed[0].calls, &listed[0].control), (1, 3, &Some("Control=".into())));
    store.control_opened(&"relay-1".into(), &"Newer=".into()).await.unwrap();
    store.control_closed(&"Control=".into()).await.unwrap();
    assert_eq!(store.relays().await.unwrap()[0].control, Some("Newer=".into()), "an older channel's end");
    store.control_closed(&"Newer=".into()).await.unwrap();
    assert_eq!(store.relays().await.unwrap()[0].control, None);
    store.deregister(&"relay-1".into()).await.unwrap();
    assert_eq!(store.relays().await.unwrap(), []);
}

#[tokio::test]
async fn calls_that_a_relay_was_given_are_counted_until_its_next_heartbeat() {
    let store = store().await;
    store.register(&relay(3)).await.unwrap();
    let id = RelayId::from("relay-1");
    futures_util::future::join_all((0..5).map(|_| store.note_placed(&id))).await;
    assert_eq!(store.relays().await.unwrap()[0].opened, 5);
    store.register(&relay(8)).await.unwrap();
    let listed = store.relays().await.unwrap();
    assert_eq!((listed[0].calls, listed[0].opened), (8, 0));
    store.deregister(&"relay-1".into()).await.unwrap();
    store.note_placed(&"relay-1".into()).await.unwrap();
    assert_eq!(store.relays().await.unwrap(), [], "it is not put back");
}

#[tokio::test]
async fn a_line_is_in_the_order_of_arrival_and_forgets_who_does_not_come_back() {
    let store = store().await;
    let waiting = |call: &str, since_ms| Waiting { since_ms, call: call.into() };
    let (first, second, gone) = (waiting("CA9", 5), waiting("CA1", 1_000), waiting("CA2", 7));
    let soon = now_ms() + 30_000;
    for who in [&second, &first, &first] {
        store.stand_in_line(who, soon).await.unwrap();
    }
    store.stand_in_line(&gone, now_ms() - 5_000).await.unwrap();
    assert_eq!(store.line().await.unwrap(), [first.clone(), second.clone()]);
    store.leave_line(&first).await.unwrap();
    store.leave_line(&first).await.unwrap();
    assert_eq!(store.line().await.unwrap(), [second]);
}

fn line(number: u32, text: &str) -> Entry {
    Entry::Line(Line {
        number,
        at: CallTime(u64::from(number) * 1_000),
        speaker: Speaker::Agent,
        item: "item_1".into(),
        text: Some(text.into()),
        interrupted: None,
        made_out_to: None,
    })
}

fn event(number: u64, at: u64) -> Entry {
    Entry::Event {
        number,
        at: CallTime(at),
        event: Event::Dtmf { digit: char::from_digit(number as u32 % 10, 10).unwrap().into() },
    }
}

#[tokio::test]
async fn lines_are_replaced_by_number_and_events_keep_their_order() {
    let store = store().await;
    let entries =
        [line(1, "Hello"), event(2, 900), line(2, "Goodbye"), event(1, 900), line(1, "Hello there"), event(10, 12_000)];
    store.append(&sid(), 1, &entries).await.unwrap();
    store.append(&sid(), 1, &[line(2, "Good day")]).await.unwrap();
    let spoken: Vec<String> =
        store.transcript(&sid()).await.unwrap().into_iter().map(|line| line.text.unwrap().into_revealed()).collect();
    assert_eq!(spoken, ["Hello there", "Good day"]);
    let at: Vec<(u64, Event)> =
        store.events(&sid()).await.unwrap().into_iter().map(|(at, event)| (at.0, event)).collect();
    let digit = |digit: char| Event::Dtmf { digit: digit.into() };
    assert_eq!(at, [(900, digit('1')), (900, digit('2')), (12_000, digit('0'))]);
}

fn of_item(number: u32, item: &str, text: &str) -> Entry {
    let Entry::Line(line) = line(number, text) else { unreachable!() };
    Entry::Line(Line { item: item.into(), ..line })
}

async fn spoken(store: &Store) -> Vec<String> {
    let lines = store.transcript(&sid()).await.unwrap().into_iter();
    lines.map(|line| line.text.unwrap().into_revealed()).collect()
}

#[tokio::test]
async fn what_a_former_holder_writes_late_takes_nothing_away() {
    let store = store().await;
    store.append(&sid(), 1, &[of_item(1, "a", "Hello"), of_item(2, "b", "My name")]).await.unwrap();
    store.append(&sid(), 2, &[of_item(2, "b", "My name is Ada"), of_item(3, "c", "Hello Ada")]).await.unwrap();
    store.append(&sid(), 2, &[event(1, 900)]).await.unwrap();
    // It had heard something else when it lost the call, and learns of that only now.
    store.append(&sid(), 1, &[of_item(2, "b", "My"), of_item(3, "d", "What"), event(1, 900)]).await.unwrap();
    assert_eq!(spoken(&store).await, ["Hello", "My name is Ada", "What", "Hello Ada"]);
    assert_eq!(store.events(&sid()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn lines_and_events_of_before_keys_had_fences_are_still_read() {
    let dynamo = dynamo().await;
    let store = Store::new(dynamo.clone(), TABLE);
    store.append(&sid(), 1, &[of_item(1, "a", "old"), of_item(2, "b", "also old"), event(3, 900)]).await.unwrap();
    let items = dynamo.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    let unfenced = ["LINE#000001", "LINE#000002", "EVENT#0000000900#0000000003"];
    let fenced = ["LINE#000001#000001", "LINE#000002#000001", "EVENT#0000000900#000001#0000000003"];
    for mut item in items {
        let delete = dynamo.delete_item().table_name(TABLE).key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        delete.send().await.unwrap();
        let at = fenced.iter().position(|key| *key == item["sk"].as_s().unwrap()).unwrap();
        item.insert("sk".to_owned(), AttributeValue::S(unfenced[at].to_owned()));
        dynamo.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }
    store.append(&sid(), 1, &[of_item(2, "b", "new")]).await.unwrap();
    assert_eq!(spoken(&store).await, ["old", "new"]);
    assert_eq!(store.events(&sid()).await.unwrap().len(), 1);
}

fn audio(from: u64, length: usize, mulaw: u8) -> Entry {
    Entry::Audio { from: Samples(from), mulaw: vec![mulaw; length].into() }
}

#[tokio::test]
async fn what_the_caller_said_is_kept_from_where_it_is_wanted() {
    let store = store().await;
    let pieces: Vec<Entry> = (0..40).map(|second| audio(second * 8_000, 8_000, second as u8)).collect();
    store.append(&sid(), 1, &pieces).await.unwrap();
    store.append(&sid(), 1, &[line(1, "Hello"), event(1, 1)]).await.unwrap();
    let heard = |from: u64| {
        let store = store.clone();
        async move {
            let pieces = store.caller_audio(&sid(), Samples(from)).await.unwrap();
            pieces.into_iter().map(|(from, mulaw)| (from.0, mulaw.len(), mulaw[0])).collect::<Vec<_>>()
        }
    };
    assert_eq!(heard(0).await.len(), 40);
    assert_eq!(heard(304_000).await, [(304_000, 8_000, 38), (312_000, 8_000, 39)], "what ends there is over");
    assert_eq!(heard(319_999).await, [(312_000, 8_000, 39)]);
    assert_eq!(heard(320_000).await, []);
    // A piece of the longest length is found from its end.
    store.append(&sid(), 1, &[audio(400_000, 80_000, 1)]).await.unwrap();
    assert_eq!(heard(479_999).await, [(400_000, 80_000, 1)]);
    let too_long = store.append(&sid(), 1, &[audio(500_000, 80_001, 1)]).await;
    assert!(matches!(too_long, Err(PortError::Corrupt(_))), "{too_long:?}");
}

#[tokio::test]
async fn of_audio_from_one_position_the_later_holders_counts() {
    let store = store().await;
    store.append(&sid(), 2, &[audio(0, 160, 2), audio(160, 80, 2)]).await.unwrap();
    store.append(&sid(), 1, &[audio(0, 320, 1)]).await.unwrap();
    let pieces = store.caller_audio(&sid(), Samples::ZERO).await.unwrap();
    assert_eq!(pieces, [(Samples(0), vec![2; 160].into()), (Samples(160), vec![2; 80].into())]);
    assert_eq!(format!("{:?}", audio(0, 3, 7)), "Audio { from: Samples(0), samples: 3 }", "a voice does not print");
}

#[tokio::test]
async fn more_than_a_batch_is_written_in_batches() {
    let store = store().await;
    let entries: Vec<Entry> = (0..137).map(|number| event(number, number)).collect();
    store.append(&sid(), 1, &entries).await.unwrap();
    assert_eq!(store.events(&sid()).await.unwrap().len(), 137);
    store.append(&sid(), 1, &[]).await.unwrap();
}

/// A DynamoDB that does half of each batch and leaves the rest, as a throttled one does.
#[derive(Clone)]
struct Halving {
    behind: url::Url,
    batches: Arc<AtomicUsize>,
    http: reqwest::Client,
    /// Leaves everything undone.
    stuck: bool,
}

async fn halve(State(halving): State<Halving>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let mut request: Value = serde_json::from_slice(&body).unwrap();
    let kind = [("content-type", HeaderValue::from_static("application/x-amz-json-1.0"))];
    let Some(all) = request["RequestItems"][TABLE].as_array().cloned() else {
        // Nothing is found by a look at an item.
        return (kind, "{}".to_owned());
    };
    let done = if halving.stuck { 0 } else { all.len().div_ceil(2) };
    halving.batches.fetch_add(1, Ordering::Relaxed);
    request["RequestItems"][TABLE] = all[..done].into();
    if done > 0 {
        let mut forward = halving.http.post(halving.behind.clone()).body(request.to_string());
        for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
            forward = forward.header(name, headers[name].clone());
        }
        let answer = forward.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    let left = if done < all.len() { json!({ TABLE: &all[done..] }) } else { json!({}) };
    (kind, json!({ "UnprocessedItems": left }).to_string())
}

async fn halving(stuck: bool) -> (Store, Store, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let behind: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    functions::adapters::dynamo::schema::ensure_table(&dynamo_at(&behind), TABLE).await.unwrap();
    let batches = Arc::new(AtomicUsize::new(0));
    let state = Halving { behind: behind.clone(), batches: batches.clone(), http: reqwest::Client::new(), stuck };
    let front = serve(Router::new().fallback(halve).with_state(state)).await;
    (Store::new(dynamo_at(&front), TABLE), Store::new(dynamo_at(&behind), TABLE), batches)
}

#[tokio::test]
async fn what_is_left_undone_is_written_again() {
    let (store, behind, batches) = halving(false).await;
    let entries: Vec<Entry> = (0..20).map(|number| event(number, number)).collect();
    store.append(&sid(), 1, &entries).await.unwrap();
    assert_eq!(behind.events(&sid()).await.unwrap().len(), 20);
    assert_eq!(batches.load(Ordering::Relaxed), 5, "20, 10, 5, 2 and 1 left to do");
}

#[tokio::test]
async fn a_table_that_does_nothing_is_a_fault_in_the_end() {
    let (store, _, batches) = halving(true).await;
    let begun = tokio::time::Instant::now();
    assert!(matches!(store.append(&sid(), 1, &[event(1, 1)]).await, Err(PortError::Throttled(_))));
    assert!(batches.load(Ordering::Relaxed) > 3 && begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn the_newest_calls_come_first() {
    let store = store().await;
    for number in 1..=5 {
        store.open_call(&call(number)).await.unwrap();
    }
    let newest = store.recent_calls(3, None).await.unwrap();
    assert_eq!(newest.items, [call(5), call(4), call(3)]);
    let rest = store.recent_calls(3, newest.next.as_ref()).await.unwrap();
    assert_eq!((rest.items, rest.next), (vec![call(2), call(1)], None));
}

#[tokio::test]
async fn a_call_of_before_the_lease_had_an_item_of_its_own_is_still_read() {
    let dynamo = dynamo().await;
    let store = Store::new(dynamo.clone(), TABLE);
    store.open_call(&call(1)).await.unwrap();
    let lease = HashMap::from([
        ("relay".to_owned(), AttributeValue::S("relay".to_owned())),
        ("fence".to_owned(), AttributeValue::N("1".to_owned())),
    ]);
    let update = dynamo.update_item().table_name(TABLE).key("pk", AttributeValue::S(format!("CALL#{}", sid())));
    let update = update.key("sk", AttributeValue::S("META".to_owned())).update_expression("SET lease = :lease");
    update.expression_attribute_values(":lease", AttributeValue::M(lease)).send().await.unwrap();
    assert_eq!(store.recent_calls(1, None).await.unwrap().items, [call(1)]);
    assert_eq!(store.call(&sid()).await.unwrap(), Some(call(1)));
}

fn tool(call: &str) -> ToolRequest {
    ToolRequest {
        sid: sid(),
        call: call.into(),
        name: "lookup_menu".to_owned(),
        arguments: "{}".into(),
        agent: "default".into(),
        own: None,
    }
}

#[tokio::test]
async fn a_tool_call_is_begun_once_and_its_outcome_kept() {
    let store = store().await;
    let (won, faults) = race(8, |_| {
        let store = store.clone();
        async move { store.begin(&tool("call_1")).await }
    })
    .await;
    assert_eq!((won, faults.len()), (1, 1), "{faults:?}");
    let outcome = Ok("{\"items\":[]}".into());
    store.finish(&tool("call_1"), &outcome).await.unwrap();
    assert_eq!(store.begin(&tool("call_1")).await, Ok(Some(outcome)));
    assert_eq!(store.begin(&tool("call_2")).await, Ok(None));
    assert_eq!(store.outcome(&tool("call_2")).await, Ok(None), "not yet");
    let error = Err(ToolError::new(ToolErrorKind::NotFound, "no such dish"));
    store.finish(&tool("call_2"), &error).await.unwrap();
    assert_eq!(store.begin(&tool("call_2")).await, Ok(Some(error.clone())));
    assert_eq!(store.outcome(&tool("call_2")).await, Ok(Some(error)));
    assert_eq!(store.outcome(&tool("call_3")).await, Ok(None), "never begun");
}

#[tokio::test]
async fn what_a_process_died_over_is_begun_again_unless_it_must_not_happen_twice() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    let booking = ToolRequest { own: Some(Box::new(shared::testkit::own_tool())), ..tool("call_2") };
    for request in [&tool("call_1"), &booking] {
        let text = |text: String| AttributeValue::S(text);
        let put = client.put_item().table_name(TABLE).item("pk", text(format!("CALL#{}", request.sid)));
        let put = put.item("sk", text(format!("TOOL#{}", request.call))).item("begun_by", text("dead".to_owned()));
        put.item("begun_at_ms", AttributeValue::N("1".to_owned())).send().await.unwrap();
    }
    assert_eq!(store.begin(&tool("call_1")).await, Ok(None));
    assert!(matches!(store.begin(&booking).await, Err(PortError::Conflict(_))));
}

#[tokio::test]
async fn the_lookup_tools_find_what_was_seeded() {
    let store = store().await;
    seed(&store).await.unwrap();
    seed(&store).await.unwrap();
    let (kind, id, item) = shared::tools::seed().swap_remove(0);
    assert_eq!(store.item(kind, &id).await, Ok(Some(item)));
    assert_eq!(store.item(kind, "no such id").await, Ok(None));
    assert_eq!(store.item(kind, "").await, Ok(None));
    let all = store.items(kind).await.unwrap();
    assert_eq!(all.len(), shared::tools::seed().iter().filter(|(of, _, _)| *of == kind).count());
}

#[tokio::test]
async fn the_table_can_be_asked_for_twice() {
    let client = dynamo().await;
    functions::adapters::dynamo::schema::ensure_table(&client, TABLE).await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_not_there_is_a_fault_without_details() {
    let store = Store::new(dynamo().await, "elsewhere");
    let error = store.call(&sid()).await.unwrap_err();
    assert_eq!(error, PortError::Unavailable("query call: ResourceNotFoundException".to_owned()));
}
