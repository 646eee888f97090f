//! Agents in the store: versions are added, one counts, and of two writers one is told.

use shared::agent::Agent;
use shared::calls::CallStatus;
use shared::ids::AgentId;
use shared::ports::{KeepPointed, PortError, ReadAgents, ReadCall, WriteAgents, WriteCall};
use shared::tools::address::Guard;
use shared::twilio::numbers::{Pointed, Routing};

use crate::world::{TABLE, call, dynamo, holder, race, store};

fn night(name: &str) -> Agent {
    Agent { id: "night".into(), name: name.to_owned(), speed: 1.1, ..Agent::default() }
}

fn id() -> AgentId {
    "night".into()
}

fn is_refused<T: std::fmt::Debug>(answer: Result<T, PortError>) {
    assert!(matches!(answer, Err(PortError::Conflict(_))), "{answer:?}");
}

#[tokio::test]
async fn an_agent_has_versions_of_which_the_last_counts() {
    let store = store().await;
    assert_eq!(store.agent(&id()).await.unwrap(), None);
    let first = store.save_agent(&night("A"), None).await.unwrap();
    assert_eq!(first.agent, Agent { version: 1, ..night("A") });
    let second = store.save_agent(&night("B"), Some(1)).await.unwrap();
    assert_eq!(store.agent(&id()).await.unwrap(), Some(second.clone()));
    assert_eq!(store.agent_version(&id(), 1).await.unwrap(), Some(first.clone()));
    assert_eq!(store.agent_version(&id(), 3).await.unwrap(), None);
    assert_eq!(store.agent_versions(&id()).await.unwrap(), [second.title(), first.title()]);
    assert_eq!(store.agents().await.unwrap(), [second.title()]);
}

#[tokio::test]
async fn who_did_not_see_the_version_that_counts_changes_nothing() {
    let store = store().await;
    is_refused(store.save_agent(&night("A"), Some(1)).await);
    store.save_agent(&night("A"), None).await.unwrap();
    is_refused(store.save_agent(&night("B"), None).await);
    is_refused(store.save_agent(&night("B"), Some(2)).await);
    is_refused(store.delete_agent(&id(), 2).await);
    let (won, faults) = race(8, |number| {
        let store = store.clone();
        async move { store.save_agent(&night(&format!("writer {number}")), Some(1)).await }
    })
    .await;
    assert_eq!((won, faults.len()), (1, 1), "{faults:?}");
    assert_eq!(store.agent_versions(&id()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_agent_that_was_deleted_counts_no_more_and_is_not_forgotten() {
    let store = store().await;
    store.save_agent(&night("A"), None).await.unwrap();
    store.delete_agent(&id(), 1).await.unwrap();
    is_refused(store.delete_agent(&id(), 1).await);
    assert_eq!((store.agent(&id()).await.unwrap(), store.agents().await.unwrap()), (None, vec![]));
    assert!(store.agent_version(&id(), 1).await.unwrap().is_some());
    is_refused(store.save_agent(&night("B"), Some(1)).await);
    assert_eq!(store.save_agent(&night("B"), None).await.unwrap().agent.version, 2);
    assert_eq!(store.agents().await.unwrap().len(), 1);
    store.delete_agent(&id(), 2).await.unwrap();
}

#[tokio::test]
async fn a_number_is_answered_by_one_agent_until_it_is_released() {
    let store = store().await;
    let number = "+15557654321";
    assert_eq!(store.answering(number).await.unwrap(), None);
    store.assign_number(number, &id()).await.unwrap();
    store.assign_number(number, &"day".into()).await.unwrap();
    store.assign_number("+15550000000", &id()).await.unwrap();
    assert_eq!(store.answering(number).await.unwrap(), Some("day".into()));
    let listed = store.numbers().await.unwrap();
    assert_eq!(listed, [("+15550000000".to_owned(), id()), (number.to_owned(), "day".into())]);
    store.release_number(number).await.unwrap();
    store.release_number(number).await.unwrap();
    assert_eq!(store.answering(number).await.unwrap(), None);
}

#[tokio::test]
async fn the_largest_agent_fits_a_call_of_its_own() {
    let dynamo = dynamo().await;
    let store = functions::adapters::dynamo::Store::new(dynamo, TABLE);
    let mut agent = night("A");
    let rest = shared::agent::LARGEST - serde_json::to_string(&agent).unwrap().len();
    agent.instructions.push_str(&"x".repeat(rest));
    assert_eq!(agent.faults(&Guard::default()), []);
    let saved = store.save_agent(&agent, None).await.unwrap();
    let with_it = shared::calls::Call { agent: saved.agent, ..call(1) };
    store.open_call(&with_it).await.unwrap();
    assert_eq!(store.call(&with_it.sid).await.unwrap(), Some(with_it));
}

#[tokio::test]
async fn only_who_holds_a_call_says_who_answers_in_it() {
    let store = store().await;
    store.open_call(&call(1)).await.unwrap();
    let sid = call(1).sid;
    let lease = store.claim(&sid, &holder("relay"), None).await.unwrap().lease;
    let newer = Agent { version: 2, ..night("B") };
    store.set_agent(&sid, &newer, &lease).await.unwrap();
    assert_eq!(store.call(&sid).await.unwrap().unwrap().agent, newer);
    store.claim(&sid, &holder("other"), Some(lease.fence)).await.unwrap();
    is_refused(store.set_agent(&sid, &night("C"), &lease).await);
    let call = store.call(&sid).await.unwrap().unwrap();
    assert_eq!((call.agent, call.status), (newer, CallStatus::Ringing));
}

#[tokio::test]
async fn what_a_number_was_set_to_is_kept_until_it_is_put_back() {
    let store = store().await;
    let routing = |url: &str| Routing { voice_url: url.to_owned(), ..Routing::default() };
    let pointed = |sid: &str, at_ms| Pointed {
        number: sid.into(),
        before: routing("https://user:password@old.example.com/"),
        after: routing("https://voice.example.com/twiml"),
        at_ms,
    };
    let (one, two) = (pointed("PN1", 1), pointed("PN2", 2));
    store.keep_pointed(&two).await.unwrap();
    store.keep_pointed(&pointed("PN1", 0)).await.unwrap();
    store.keep_pointed(&one).await.unwrap();
    assert_eq!(store.pointed(&"PN1".into()).await.unwrap(), Some(one.clone()));
    assert_eq!(store.all_pointed().await.unwrap(), [one, two.clone()]);
    store.forget_pointed(&"PN1".into()).await.unwrap();
    assert_eq!(store.pointed(&"PN1".into()).await.unwrap(), None);
    assert_eq!(store.all_pointed().await.unwrap(), [two]);
}
