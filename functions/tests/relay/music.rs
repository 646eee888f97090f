//! The agent's own hold music, from the store to the caller's ear.

use std::time::Duration;

use functions::relay::calls::Claim;
use shared::agent::HoldMusic;
use shared::audio::hold_music::{FADE, Piece};
use shared::calls::MediaPath;
use shared::ids::MusicId;
use shared::ports::{Tokens as _, WriteCall as _};
use shared::redact::Secret;
use shared::time::Samples;
use tokio::sync::Semaphore;

use crate::caller::Caller;
use crate::model::{Model, Session};
use crate::world::{House, pass};

const ID: &str = "0123456789abcdef01234567";
/// What was uploaded: three seconds of it, and then again.
const SOUND: u8 = 0xA5;
/// From the end of the fade on.
const HEARD: usize = 12_000;

/// A caller who waits for a model that does not come, and whose agent has music of its own.
async fn waiting(model: &mut Model, house: &House) -> (Session, Caller) {
    let mut call = house.call("CA1", MediaPath::Direct);
    call.agent.hold_music = HoldMusic::File(MusicId::from(ID));
    call.agent.limits.hold_after = Duration::from_millis(300);
    house.store.open_call(&call).await.unwrap();
    house.store.issue_token(&Secret::new("token-CA1"), &pass(&call.sid)).await.unwrap();
    let (sid, claim) = (call.sid.clone(), Claim::Announced(Box::new(call)));
    house.relay.calls.find_or_open(&sid, claim).await.unwrap();
    (model.session().await, Caller::call(house, "CA1").await)
}

async fn heard(caller: &mut Caller) -> Vec<u8> {
    let fade = usize::try_from(FADE.0).unwrap();
    let mut heard = caller.hear(fade + HEARD).await.split_off(fade);
    heard.truncate(HEARD);
    heard
}

fn built_in() -> Vec<u8> {
    let (piece, length) = (Piece::built_in(), FADE + Samples(HEARD as u64 + 3));
    let sound = piece.parts(Samples::ZERO, length).flat_map(|part| part.decode());
    sound.skip(usize::try_from(FADE.0).unwrap()).take(HEARD).collect()
}

#[tokio::test]
async fn a_caller_who_waits_hears_the_uploaded_piece_byte_for_byte() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.records.music.lock().unwrap().insert(ID.into(), vec![SOUND; 24_000]);
    let (_session, mut caller) = waiting(&mut model, &house).await;
    assert_eq!(heard(&mut caller).await, vec![SOUND; HEARD]);
}

#[tokio::test]
async fn a_caller_whose_music_was_deleted_or_does_not_come_hears_the_built_in_piece() {
    for slow in [false, true] {
        let mut model = Model::new().await;
        let house = House::new(&model.url).await;
        if slow {
            house.records.music.lock().unwrap().insert(ID.into(), vec![SOUND; 24_000]);
            house.records.gate.forget_permits(Semaphore::MAX_PERMITS);
        }
        let (_session, mut caller) = waiting(&mut model, &house).await;
        assert!(heard(&mut caller).await == built_in(), "{slow}");
    }
}
