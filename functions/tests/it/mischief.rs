//! A DynamoDB that does as it is told and says otherwise, or is busy for a moment: what the SDK and we try again must
//! neither happen twice nor be taken for another's.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use functions::adapters::dynamo::Store;
use functions::adapters::dynamo::schema::ensure_table;
use serde_json::json;
use shared::calls::{Call, CallStatus};
use shared::ports::{PortError, Pulses, ReadCall, ToolLedger, WriteCall};
use shared::session::Journal;
use shared::time::CallTime;
use shared::tools::ToolRequest;

use crate::http_server::serve;
use crate::world::{TABLE, call, dynamo_at, holder};

#[derive(Debug, Clone, Copy)]
enum Mischief {
    /// Done, and the answer is lost.
    Lost,
    /// Not done: a transaction is in the way.
    Busy,
}

#[derive(Clone)]
struct Front {
    behind: url::Url,
    http: reqwest::Client,
    next: Arc<Mutex<VecDeque<Mischief>>>,
}

async fn pass(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> Response {
    let mischief = front.next.lock().unwrap().pop_front();
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    if let Some(Mischief::Busy) = mischief {
        return busy(&target);
    }
    let mut forward = front.http.post(front.behind.clone()).body(body);
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        forward = forward.header(name, headers[name].clone());
    }
    let answer = forward.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    match mischief {
        Some(Mischief::Lost) => (StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned()).into_response(),
        _ => (status, [("content-type", "application/x-amz-json-1.0")], text).into_response(),
    }
}

fn busy(target: &str) -> Response {
    let kind = "com.amazonaws.dynamodb.v20120810#";
    let error = if target.ends_with("TransactWriteItems") {
        let reasons = json!([{ "Code": "TransactionConflict" }, { "Code": "None" }]);
        json!({ "__type": format!("{kind}TransactionCanceledException"), "CancellationReasons": reasons })
    } else {
        json!({ "__type": format!("{kind}TransactionConflictException") })
    };
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], error.to_string()).into_response()
}

struct World {
    store: Store,
    next: Arc<Mutex<VecDeque<Mischief>>>,
}

impl World {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        ensure_table(&dynamo_at(&behind), TABLE).await.unwrap();
        let next = Arc::<Mutex<VecDeque<Mischief>>>::default();
        let state = Front { behind, http: reqwest::Client::new(), next: next.clone() };
        let front = serve(Router::new().fallback(pass).with_state(state)).await;
        Self { store: Store::new(dynamo_at(&front), TABLE), next }
    }

    /// The next requests meet with this.
    fn meet(&self, mischief: impl IntoIterator<Item = Mischief>) -> &Store {
        let mut next = self.next.lock().unwrap();
        assert!(next.is_empty(), "all that was to happen has happened");
        next.extend(mischief);
        &self.store
    }
}

fn held() -> Call {
    Call { lease: Some(holder("relay").lease(1)), ..call(1) }
}

fn journal() -> Journal {
    shared::testkit::journal(CallTime(7))
}

fn tool() -> ToolRequest {
    ToolRequest {
        sid: call(1).sid,
        call: "call_1".into(),
        name: "lookup_menu".to_owned(),
        arguments: "{}".into(),
        agent: "default".into(),
        own: None,
    }
}

/// Every write that must happen once, each met with the mischief.
async fn all_is_well_in_spite_of(mischief: Mischief) {
    let world = World::new().await;
    let (sid, first) = (call(1).sid, holder("relay").lease(1));
    world.meet([mischief]).open_call(&held()).await.unwrap();
    world.meet([mischief]).set_status(&sid, CallStatus::InProgress, &first).await.unwrap();
    world.meet([mischief]).write_journal(&sid, &first, &journal()).await.unwrap();
    let claimed = world.meet([mischief]).claim(&sid, &holder("next"), Some(1)).await.unwrap();
    assert_eq!((&claimed.lease, claimed.journal), (&holder("next").lease(2), Some(journal())));
    let third = world.meet([mischief]).hand_over(&sid, &claimed.lease, &holder("third"), &journal()).await.unwrap();
    assert_eq!(third, holder("third").lease(3));
    world.meet([mischief]).pulse(&"relay".into()).await.unwrap();
    assert_eq!(world.meet([mischief]).depose(&"relay".into()).await, Ok(true));
    let kept = world.meet([]).call(&sid).await.unwrap().unwrap();
    assert_eq!(kept, Call { lease: Some(third), status: CallStatus::InProgress, ..call(1) });
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_was_ours() {
    all_is_well_in_spite_of(Mischief::Lost).await;
    let world = World::new().await;
    assert_eq!(world.meet([Mischief::Lost]).begin(&tool()).await, Ok(None), "a tool call is begun once, and by us");
    assert!(matches!(world.meet([]).begin(&tool()).await, Err(PortError::Conflict(_))));
}

#[tokio::test]
async fn a_write_that_meets_a_transaction_waits_for_it() {
    all_is_well_in_spite_of(Mischief::Busy).await;
}

#[tokio::test]
async fn a_transaction_that_does_not_end_is_a_fault_that_may_pass() {
    let world = World::new().await;
    let refused = world.meet([Mischief::Busy; 6]).open_call(&held()).await;
    assert!(matches!(refused, Err(PortError::Throttled(_))), "{refused:?}");
    world.meet([]).open_call(&held()).await.unwrap();
    let refused = world.meet([Mischief::Busy; 6]).claim(&call(1).sid, &holder("next"), Some(1)).await;
    assert!(matches!(refused, Err(PortError::Throttled(_))), "{refused:?}");
    world.meet([]);
}
