//! A transfer's webhooks.

use shared::control::Control;
use shared::transfer::documents::{Step, What};
use shared::transfer::{LegState, News, TransferFailure};

use super::*;

const LEG: &str = "CA00000000000000000000000000000002";

fn url(what: What) -> String {
    let url = Step { call: CALL.into(), what }.url(PUBLIC_URL);
    url.strip_prefix(PUBLIC_URL).unwrap().to_owned()
}

fn of_leg<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("CallSid", LEG), ("CallStatus", "in-progress")].iter().chain(more).copied().collect()
}

async fn tell(world: &World, what: What, form: &[(&str, &str)]) -> (i64, String) {
    ask(world, Http::post(&url(what)).form(form).signed()).await
}

fn talking() -> World {
    World::new().with_call(CallStatus::InProgress)
}

fn news(world: &World) -> Vec<News> {
    let sent = std::mem::take(&mut world.state().sent);
    let news = |(_, control)| if let Control::News { news, .. } = control { Some(news) } else { None };
    sent.into_iter().filter_map(news).collect()
}

const BACK: [(&str, &str); 4] = [("CallSid", CALL), ("From", CALLER), ("To", CALLED), ("CallStatus", "in-progress")];

#[tokio::test]
async fn a_caller_whom_nobody_answered_comes_back_to_a_stream_and_the_relay_knows_why() {
    for (status, why) in
        [("busy", TransferFailure::Busy), ("no-answer", TransferFailure::NoAnswer), ("failed", TransferFailure::Failed)]
    {
        let world = talking();
        let form: Vec<_> = BACK.iter().copied().chain([("DialCallStatus", status)]).collect();
        let (code, body) = tell(&world, What::Dialled, &form).await;
        assert!(code == 200 && body.contains("<Stream url=") && body.contains("/twiml/resume"), "{body}");
        assert_eq!(news(&world), [News::NotThrough { why }]);
    }
}

#[tokio::test]
async fn a_caller_who_has_talked_to_somebody_is_done() {
    let world = talking();
    let form: Vec<_> = BACK.iter().copied().chain([("DialCallStatus", "completed")]).collect();
    let (_, body) = tell(&world, What::Dialled, &form).await;
    assert!(body.contains("<Hangup/>"), "{body}");
    assert_eq!(world.state().calls[&CallSid::from(CALL)].status, CallStatus::Ended(Ending::Transferred));
}

#[tokio::test]
async fn a_caller_who_hung_up_while_it_rang_has_hung_up() {
    let world = talking();
    let form = [("CallSid", CALL), ("CallStatus", "completed"), ("DialCallStatus", "no-answer")];
    tell(&world, What::Dialled, &form).await;
    assert_eq!(world.state().calls[&CallSid::from(CALL)].status, CallStatus::Ended(Ending::CallerHungUp));
    let world = talking();
    tell(&world, What::Left, &form).await;
    assert_eq!(news(&world), [News::CallerLeft]);
}

#[tokio::test]
async fn a_conference_that_ends_for_the_caller_ends_the_call_or_brings_them_back() {
    let world = World::new().with_call(CallStatus::Ended(Ending::Transferred));
    assert!(tell(&world, What::Left, &BACK).await.1.contains("<Hangup/>"));
    let world = talking();
    assert!(tell(&world, What::Left, &BACK).await.1.contains("<Stream"));
}

#[tokio::test]
async fn whoever_waits_hears_music_and_wakes_the_relay_or_another() {
    let world = talking();
    world.state().relays.push(relay("relay-2", 3));
    let (_, body) = tell(&world, What::Wait, &BACK).await;
    assert!(body.contains("/hold-music/built-in</Play><Redirect"), "{body}");
    assert_eq!(news(&world), [News::CallerWaits]);
    world.state().relays[0].heartbeat_at_ms = 0;
    tell(&world, What::Wait, &BACK).await;
    let state = world.state();
    assert_eq!(state.calls[&CallSid::from(CALL)].lease, Some(relay("relay-2", 0).holder().lease(2)));
    let to_second: Vec<_> = state.sent.iter().filter(|(relay, _)| relay.as_str() == "relay-2").collect();
    assert!(matches!(&to_second[..], [(_, Control::Prepare { .. }), (_, Control::News { .. })]), "{to_second:?}");
}

#[tokio::test]
async fn whoever_waits_hears_music_even_if_the_store_is_on_fire() {
    let world = talking();
    world.state().broken = true;
    assert!(tell(&world, What::Wait, &BACK).await.1.contains("<Play>"));
}

#[tokio::test]
async fn who_was_brought_back_has_not_hung_up() {
    let world = talking();
    for (who, reason) in [(CALL, "participant_updated_via_api"), (LEG, "participant_hung_up")] {
        let form = [("CallSid", who), ("StatusCallbackEvent", "participant-leave"), ("ReasonParticipantLeft", reason)];
        assert_eq!(tell(&world, What::Leave, &form).await.0, 204);
    }
    assert_eq!(news(&world), []);
    let form = [("CallSid", CALL), ("ReasonParticipantLeft", "participant_hung_up")];
    tell(&world, What::Leave, &form).await;
    assert_eq!(news(&world), [News::CallerLeft]);
}

#[tokio::test]
async fn each_step_of_the_one_who_is_called_reaches_the_relay() {
    let world = talking();
    let leg = What::Leg { errand: 2 };
    for (form, state) in [
        (vec![("CallSid", LEG), ("CallStatus", "ringing")], LegState::Ringing),
        (of_leg(&[]), LegState::Answered),
        (of_leg(&[("AnsweredBy", "machine_start")]), LegState::Machine),
        (vec![("CallSid", LEG), ("CallStatus", "busy")], LegState::Busy),
    ] {
        assert_eq!(tell(&world, leg, &form).await.0, 204);
        assert_eq!(news(&world), [News::Leg { errand: 2, leg: LEG.into(), state }]);
    }
    tell(&world, leg, &of_leg(&[("AnsweredBy", "human")])).await;
    assert_eq!(news(&world), []);
}

#[tokio::test]
async fn a_key_accepts_and_any_other_declines() {
    let key = What::Key { errand: 2, again: 0, several: false };
    for (digits, state, answer) in [
        (Some("1"), LegState::Accepted, "<Conference"),
        (Some("2"), LegState::Declined, "<Hangup/>"),
        (None, LegState::Unheeded, "<Hangup/>"),
    ] {
        let world = talking();
        let digits: Vec<_> = digits.iter().map(|digits| ("Digits", *digits)).collect();
        let (_, body) = tell(&world, key, &of_leg(&digits)).await;
        assert!(body.contains(answer), "{body}");
        assert_eq!(news(&world), [News::Leg { errand: 2, leg: LEG.into(), state }]);
    }
}

#[tokio::test]
async fn whoever_takes_the_call_waits_until_the_relay_knows() {
    let world = talking();
    world.state().deaf.push("relay-1".into());
    let (_, body) = tell(&world, What::Key { errand: 2, again: 0, several: false }, &of_leg(&[("Digits", "1")])).await;
    assert!(body.contains("<Pause") && body.contains("again=1"), "{body}");
    let (_, body) = tell(&world, What::Key { errand: 2, again: 5, several: false }, &of_leg(&[])).await;
    assert!(body.contains("<Say>") && body.contains("<Hangup/>"), "{body}");
    world.state().deaf.clear();
    let (_, body) = tell(&world, What::Key { errand: 2, again: 3, several: false }, &of_leg(&[])).await;
    assert!(body.contains("<Conference"), "{body}");
}

#[tokio::test]
async fn whoever_answers_after_the_caller_has_hung_up_is_told() {
    let world = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    let (_, body) = tell(&world, What::Key { errand: 2, again: 0, several: false }, &of_leg(&[("Digits", "1")])).await;
    assert!(body.contains("not waiting any more") && !body.contains("<Conference"), "{body}");
}

#[tokio::test]
async fn one_of_several_joins_without_ending_the_conference_for_the_others() {
    let world = talking();
    let key = |again| What::Key { errand: 3, again, several: true };
    let (_, body) = tell(&world, key(0), &of_leg(&[("Digits", "1")])).await;
    assert!(body.contains(r#"endConferenceOnExit="false""#), "{body}");
    world.state().deaf.push("relay-1".into());
    let (_, body) = tell(&world, key(0), &of_leg(&[("Digits", "1")])).await;
    assert!(body.contains("again=1&amp;several=true"), "{body}");
}

#[tokio::test]
async fn whoever_is_in_the_conference_alone_is_told() {
    let (_, body) = tell(&talking(), What::Alone, &of_leg(&[("ConferenceSid", ROOM)])).await;
    assert!(body.contains("<Say>The caller is not waiting any more."), "{body}");
}

const ROOM: &str = "CF00000000000000000000000000000001";
const OTHER: &str = "CA00000000000000000000000000000003";

/// Somebody hangs up in a conference, and these are still there.
async fn hangs_up(world: &World, left: &[&str], more: &[(&str, &str)]) {
    world.state().rooms.insert(ROOM.into(), left.iter().map(|&sid| sid.into()).collect());
    let form = [("CallSid", LEG), ("ConferenceSid", ROOM), ("ReasonParticipantLeft", "participant_hung_up")];
    let form: Vec<_> = form.iter().chain(more).copied().collect();
    assert_eq!(tell(world, What::Leave, &form).await.0, 204);
}

#[tokio::test]
async fn the_conference_is_over_when_the_last_of_several_has_left_the_caller() {
    // Twilio may still list whoever is leaving.
    for left in [&[CALL][..], &[LEG, CALL]] {
        let world = talking();
        hangs_up(&world, left, &[("EndConferenceOnExit", "false")]).await;
        let state = world.state();
        assert_eq!(state.calls[&CallSid::from(CALL)].status, CallStatus::Ended(Ending::Transferred));
        assert!(state.rooms.is_empty(), "{left:?}");
        // Whoever is still being called is not wanted any more.
        assert!(matches!(&state.sent[..], [(_, Control::CallEnded { .. })]), "{:?}", state.sent);
    }
}

#[tokio::test]
async fn a_conference_goes_on_with_whoever_is_left_and_ends_by_itself_with_the_caller() {
    for (left, more) in
        [(&[CALL, OTHER][..], &[][..]), (&[OTHER], &[]), (&[], &[]), (&[CALL], &[("EndConferenceOnExit", "true")])]
    {
        let world = talking();
        hangs_up(&world, left, more).await;
        let state = world.state();
        assert_eq!(state.calls[&CallSid::from(CALL)].status, CallStatus::InProgress, "{left:?} {more:?}");
        assert_eq!((state.rooms.len(), &state.sent[..]), (1, &[][..]));
    }
}

#[tokio::test]
async fn a_conference_that_is_gone_is_left_alone() {
    let world = talking();
    let form = [("CallSid", LEG), ("ConferenceSid", ROOM)];
    assert_eq!(tell(&world, What::Leave, &form).await.0, 204);
    assert_eq!(world.state().calls[&CallSid::from(CALL)].status, CallStatus::InProgress);
}

#[tokio::test]
async fn a_step_that_nobody_knows_or_nobody_signed_is_refused() {
    let world = talking();
    assert_eq!(ask(&world, Http::post("/twiml/transfer?step=dance").form(&BACK).signed()).await.0, 400);
    assert_eq!(ask(&world, Http::post(&url(What::Wait)).form(&BACK)).await.0, 403);
    assert_eq!(news(&world), []);
}
