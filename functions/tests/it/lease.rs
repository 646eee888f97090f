//! Who holds a call, and what the next one learns: taken by one of many, and a former holder changes nothing.

use aws_sdk_dynamodb::types::AttributeValue;
use functions::adapters::dynamo::Store;
use shared::calls::{Call, CallStatus, Claimed, Ending, Lease};
use shared::ids::CallSid;
use shared::ports::{Holdings, PortError, PortResult, Pulses, ReadCall, WriteCall};
use shared::session::{JOURNAL_VERSION, Journal};
use shared::time::CallTime;

use crate::world::{CALL, TABLE, call, dynamo, holder, race, store};

fn sid() -> CallSid {
    CALL.into()
}

fn journal(at: u64) -> Journal {
    shared::testkit::journal(CallTime(at))
}

/// A call that a relay holds at fence 1.
async fn held_by(relay: &str) -> (Store, Lease) {
    let (store, lease) = (store().await, holder(relay).lease(1));
    store.open_call(&Call { lease: Some(lease.clone()), ..call(1) }).await.unwrap();
    (store, lease)
}

fn is_refused<T: std::fmt::Debug>(answer: PortResult<T>) {
    assert!(matches!(answer, Err(PortError::Conflict(_))), "{answer:?}");
}

#[tokio::test]
async fn a_lease_that_nobody_has_is_taken_by_one_of_many() {
    let store = store().await;
    store.open_call(&call(1)).await.unwrap();
    let (won, faults) = race(16, |number| {
        let store = store.clone();
        async move { store.claim(&sid(), &holder(&format!("relay-{number}")), None).await }
    })
    .await;
    assert_eq!((won, faults.len()), (1, 1), "{faults:?}");
    assert_eq!(store.lease(&sid()).await.unwrap().unwrap().fence, 1);
}

#[tokio::test]
async fn a_lease_goes_from_one_to_the_next_and_the_journal_comes_along() {
    let (store, first) = held_by("first").await;
    store.write_journal(&sid(), &first, &journal(7)).await.unwrap();
    for fence in 1..=5 {
        let (won, faults) = race(8, |number| {
            let (store, by) = (store.clone(), holder(&format!("relay-{fence}-{number}")));
            async move {
                let claimed = store.claim(&sid(), &by, Some(fence)).await?;
                assert_eq!(claimed, Claimed { lease: by.lease(fence + 1), journal: Some(journal(7)) });
                Ok(())
            }
        })
        .await;
        assert_eq!((won, faults.len()), (1, 1), "{faults:?}");
        assert_eq!(store.lease(&sid()).await.unwrap().unwrap().fence, fence + 1);
    }
    let kept = store.call(&sid()).await.unwrap().unwrap();
    assert_eq!(Call { lease: None, ..kept }, call(1), "and the call is what it was");
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_not_lost_itself() {
    let store = store().await;
    store.open_call(&call(1)).await.unwrap();
    let first = store.claim(&sid(), &holder("relay"), None).await.unwrap();
    assert_eq!(store.claim(&sid(), &holder("relay"), None).await, Ok(first.clone()));
    store.write_journal(&sid(), &first.lease, &journal(7)).await.unwrap();
    let second = store.claim(&sid(), &holder("other"), Some(1)).await.unwrap();
    assert_eq!(store.claim(&sid(), &holder("other"), Some(1)).await, Ok(second.clone()));
    let third = store.hand_over(&sid(), &second.lease, &holder("relay"), &journal(9)).await.unwrap();
    assert_eq!(store.hand_over(&sid(), &second.lease, &holder("relay"), &journal(9)).await, Ok(third));
    is_refused(store.claim(&sid(), &holder("other"), Some(1)).await);
}

#[tokio::test]
async fn a_call_that_is_not_there_is_gone_and_stays_so() {
    let (store, lease) = (store().await, holder("relay").lease(1));
    assert_eq!(store.claim(&sid(), &holder("relay"), None).await, Err(PortError::Gone));
    assert_eq!(store.claim(&sid(), &holder("relay"), Some(1)).await, Err(PortError::Gone));
    assert_eq!(store.write_journal(&sid(), &lease, &journal(1)).await, Err(PortError::Gone));
    assert_eq!(store.hand_over(&sid(), &lease, &holder("next"), &journal(1)).await, Err(PortError::Gone));
    assert_eq!(store.set_status(&sid(), CallStatus::InProgress, &lease).await, Err(PortError::Gone));
    assert_eq!((store.call(&sid()).await, store.lease(&sid()).await), (Ok(None), Ok(None)));
}

#[tokio::test]
async fn a_fence_of_a_lease_that_was_never_taken_is_nobodys() {
    let store = store().await;
    store.open_call(&call(1)).await.unwrap();
    is_refused(store.claim(&sid(), &holder("relay"), Some(1)).await);
    is_refused(store.set_status(&sid(), CallStatus::InProgress, &holder("relay").lease(1)).await);
    assert_eq!(store.call(&sid()).await.unwrap(), Some(call(1)));
}

#[tokio::test]
async fn a_former_holder_is_refused_and_changes_nothing() {
    let (store, old) = held_by("old").await;
    let new = store.claim(&sid(), &holder("new"), Some(1)).await.unwrap().lease;
    store.write_journal(&sid(), &new, &journal(20)).await.unwrap();
    let before = store.call(&sid()).await.unwrap().unwrap();
    // The same relay at another fence, and another relay at the same.
    for former in [old, holder("new").lease(1), holder("old").lease(2)] {
        is_refused(store.write_journal(&sid(), &former, &journal(10)).await);
        is_refused(store.hand_over(&sid(), &former, &holder("old"), &journal(10)).await);
        is_refused(store.set_status(&sid(), CallStatus::Ended(Ending::CallerSilent), &former).await);
    }
    assert_eq!(store.call(&sid()).await.unwrap().unwrap(), before);
    let next = store.claim(&sid(), &holder("next"), Some(2)).await.unwrap();
    assert_eq!(next, Claimed { lease: holder("next").lease(3), journal: Some(journal(20)) });
}

#[tokio::test]
async fn the_holder_sets_the_status_and_gives_the_call_away() {
    let (store, lease) = held_by("old").await;
    store.set_status(&sid(), CallStatus::InProgress, &lease).await.unwrap();
    let next = store.hand_over(&sid(), &lease, &holder("new"), &journal(30)).await.unwrap();
    assert_eq!(next, holder("new").lease(2));
    let kept = store.call(&sid()).await.unwrap().unwrap();
    assert_eq!((kept.status, kept.lease), (CallStatus::InProgress, Some(next.clone())));
    is_refused(store.hand_over(&sid(), &lease, &holder("third"), &journal(31)).await);
    let taken = store.claim(&sid(), &holder("third"), Some(2)).await.unwrap();
    assert_eq!(taken.journal, Some(journal(30)));
    is_refused(store.set_status(&sid(), CallStatus::InProgress, &next).await);
}

#[tokio::test]
async fn an_ended_call_says_so_to_its_holder_and_not_to_a_former_one() {
    let (store, old) = held_by("old").await;
    let new = store.claim(&sid(), &holder("new"), Some(1)).await.unwrap().lease;
    store.end_call(&sid(), Ending::CallerHungUp).await.unwrap();
    assert_eq!(store.set_status(&sid(), CallStatus::Ended(Ending::AgentHungUp), &new).await, Ok(()));
    is_refused(store.set_status(&sid(), CallStatus::Ended(Ending::AgentHungUp), &old).await);
    assert_eq!(store.call(&sid()).await.unwrap().unwrap().status, CallStatus::Ended(Ending::CallerHungUp));
}

#[tokio::test]
async fn the_status_and_the_journal_do_not_get_in_each_others_way() {
    let (store, lease) = held_by("relay").await;
    let (won, faults) = race(24, |number| {
        let (store, lease) = (store.clone(), lease.clone());
        async move {
            match number % 2 {
                0 => store.set_status(&sid(), CallStatus::InProgress, &lease).await,
                _ => store.write_journal(&sid(), &lease, &journal(number as u64)).await,
            }
        }
    })
    .await;
    assert_eq!(won, 24, "{faults:?}");
}

/// Puts something else where the journal is.
async fn overwrite(client: &aws_sdk_dynamodb::Client, journal: AttributeValue) {
    let update = client.update_item().table_name(TABLE).key("pk", AttributeValue::S(format!("CALL#{}", sid())));
    let update = update.key("sk", AttributeValue::S("META#LEASE".to_owned())).update_expression("SET journal = :it");
    update.expression_attribute_values(":it", journal).send().await.unwrap();
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_keeps_nobody_from_taking_the_call() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    store.open_call(&call(1)).await.unwrap();
    let mut lease = store.claim(&sid(), &holder("relay"), None).await.unwrap().lease;
    let version = |number: u32| {
        let fields = [("version", number.to_string()), ("at", "7".to_owned())];
        AttributeValue::M(fields.map(|(name, digits)| (name.to_owned(), AttributeValue::N(digits))).into())
    };
    let strange = [
        AttributeValue::S("not a map".to_owned()),
        AttributeValue::M([("version".to_owned(), AttributeValue::S("one".to_owned()))].into()),
        AttributeValue::M([("version".to_owned(), AttributeValue::N("1".to_owned()))].into()),
        version(0),
        version(JOURNAL_VERSION + 1),
    ];
    for journal in strange {
        overwrite(&client, journal).await;
        let claimed = store.claim(&sid(), &holder("relay"), Some(lease.fence)).await.unwrap();
        assert_eq!(claimed, Claimed { lease: holder("relay").lease(lease.fence + 1), journal: None });
        assert!(store.call(&sid()).await.unwrap().is_some());
        lease = claimed.lease;
    }
    store.write_journal(&sid(), &lease, &journal(7)).await.unwrap();
    let claimed = store.claim(&sid(), &holder("relay"), Some(lease.fence)).await.unwrap();
    assert_eq!(claimed.journal, Some(journal(7)), "and the next one is read again");
}

#[tokio::test]
async fn a_relay_that_was_deposed_has_no_pulse() {
    let store = store().await;
    let (slow, other) = ("slow".into(), "other".into());
    store.pulse(&slow).await.unwrap();
    store.pulse(&slow).await.unwrap();
    let (deposed, faults) = race(8, |_| {
        let store = store.clone();
        async move { store.depose(&"slow".into()).await?.then_some(()).ok_or(PortError::Gone) }
    })
    .await;
    assert_eq!((deposed, faults.len()), (1, 1), "{faults:?}");
    is_refused(store.pulse(&slow).await);
    is_refused(store.pulse(&slow).await);
    store.pulse(&other).await.unwrap();
    assert_eq!(store.depose(&"never-seen".into()).await, Ok(true), "before its first pulse");
    is_refused(store.pulse(&"never-seen".into()).await);
}

#[tokio::test]
async fn what_a_relay_holds_is_noted_until_it_is_forgotten() {
    let store = store().await;
    let (relay, other) = ("relay".into(), "other".into());
    for number in 1..=3 {
        store.note_held(&relay, &call(number).sid).await.unwrap();
    }
    store.note_held(&relay, &call(2).sid).await.unwrap();
    store.note_held(&other, &call(4).sid).await.unwrap();
    store.pulse(&relay).await.unwrap();
    store.forget_held(&relay, &call(1).sid).await.unwrap();
    store.forget_held(&relay, &call(9).sid).await.unwrap();
    assert_eq!(store.held_by(&relay).await, Ok(vec![call(2).sid, call(3).sid]));
    assert_eq!(store.held_by(&"nobody".into()).await, Ok(Vec::new()));
}
