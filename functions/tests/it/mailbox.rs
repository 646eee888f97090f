//! What callers leave for people: kept once, found by its hour, and not undone by a repetition.

use shared::ids::CallSid;
use shared::messages::{Callback, CallbackState, Message};
use shared::ports::{Mailbox as _, OpenMailbox as _, PortError};

use crate::world::{CALL, store};

fn sid() -> CallSid {
    CALL.into()
}

#[tokio::test]
async fn a_message_is_kept_once_and_found_by_its_call_and_by_its_hour() {
    let store = store().await;
    let message = |id: &str, taken_at_ms: u64, text: &str| Message {
        call: sid(),
        id: id.into(),
        taken_at_ms,
        name: None,
        number: Some("+15551234567".into()),
        text: text.into(),
    };
    let (early, late) = (message("call_z", 1_000, "first"), message("call_a", 2_000, "second"));
    store.keep_message(&early).await.unwrap();
    store.keep_message(&late).await.unwrap();
    store.keep_message(&message("call_z", 3_000, "again")).await.unwrap();
    assert_eq!(store.messages_of(&sid()).await.unwrap(), [early.clone(), late.clone()]);
    assert_eq!(store.messages(10).await.unwrap(), [late.clone(), early]);
    assert_eq!(store.messages(1).await.unwrap(), [late]);
    assert_eq!(store.messages_of(&"CA00000000000000000000000000000009".into()).await.unwrap(), []);
}

#[tokio::test]
async fn a_request_to_be_called_back_is_listed_by_its_hour_and_stays_cancelled() {
    let store = store().await;
    let callback = |id: &str, due_at_ms: u64| Callback {
        call: sid(),
        id: id.into(),
        requested_at_ms: 1,
        due_at_ms,
        number: "+15551234567".into(),
        why: "the invoice".into(),
        state: CallbackState::Requested,
    };
    let (later, sooner) = (callback("call_1", 9_000), callback("call_2", 5_000));
    store.keep_callback(&later).await.unwrap();
    store.keep_callback(&sooner).await.unwrap();
    assert_eq!(store.callbacks(10).await.unwrap(), [sooner.clone(), later.clone()]);
    store.cancel_callback(&sid(), &"call_2".into()).await.unwrap();
    store.cancel_callback(&sid(), &"call_2".into()).await.unwrap();
    // The tool is asked for again by a relay that took the call over.
    store.keep_callback(&sooner).await.unwrap();
    assert_eq!(store.callbacks(1).await.unwrap(), [Callback { state: CallbackState::Cancelled, ..sooner }]);
    assert_eq!(store.cancel_callback(&sid(), &"call_3".into()).await, Err(PortError::Gone));
}
