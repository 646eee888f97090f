//! Asked by the bridge's own client.

use functions::adapters::twilio_rest::TwilioRest;
use shared::ids::NumberSid;
use shared::ports::{CarrierAccount as _, CarrierNumbers as _};
use shared::redact::Secret;
use shared::twilio::numbers::{CarrierError, Routing};
use shared::twilio::rest::{Access, Account};
use shared::twilio::setup;
use tokio::net::TcpListener;

use super::super::{API_KEY, API_SECRET};
use super::*;

async fn desk(numbers: &PhoneNumbers, secret: &str) -> TwilioRest {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = router(numbers.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let account = Account::with_api_key(LOCAL_ACCOUNT_SID, API_KEY, &Secret::new(secret));
    TwilioRest::new(Access { base, account })
}

fn ours() -> Routing {
    Routing::ours(&"https://voice.example.com".parse().unwrap())
}

#[tokio::test]
async fn numbers_are_listed_to_the_last_page() {
    let numbers = PhoneNumbers::default();
    let made: Vec<_> = (0..7).map(|last| numbers.add(&format!("+1500555000{last}"), "x", &[])).collect();
    let twilio = desk(&numbers, API_SECRET).await;
    for size in [1, 3, 7, 50] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = twilio.numbers(size, after.as_ref()).await.unwrap();
            found.extend(page.items.into_iter().map(|number| number.sid.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, made, "{size}");
    }
    let setup::Account::There { trial, numbers, .. } = twilio.account().await.unwrap() else { panic!("not let in") };
    assert_eq!((trial, numbers.len()), (false, 7));
}

#[tokio::test]
async fn a_number_is_set_and_a_url_is_taken_away_again() {
    let numbers = PhoneNumbers::to_try();
    let twilio = desk(&numbers, API_SECRET).await;
    let sid = twilio.numbers(1, None).await.unwrap().items[0].sid.clone();
    let before = Routing::of(&twilio.number(&sid).await.unwrap());
    let set = twilio.set_number(&sid, &ours()).await.unwrap();
    assert!(Routing::of(&set).is_same(&ours()) && twilio.number(&sid).await.unwrap() == set);
    let back = twilio.set_number(&sid, &before).await.unwrap();
    assert_eq!((Routing::of(&back), back.status_callback.as_deref()), (before, Some("")));
    let wrong = Routing { voice_url: "no url".to_owned(), ..ours() };
    let refused = twilio.set_number(&sid, &wrong).await.unwrap_err();
    assert_eq!(refused, CarrierError::Refused { status: 400, code: 21_402 });
    assert_eq!(twilio.number(&NumberSid::from("PN0")).await.unwrap_err(), CarrierError::NotThere);
}

#[tokio::test]
async fn whatever_goes_wrong_at_twilio_is_told_apart() {
    let numbers = PhoneNumbers::to_try();
    let stranger = desk(&numbers, "wrong").await;
    assert_eq!(stranger.numbers(50, None).await.unwrap_err(), CarrierError::Credentials(401));
    let twilio = desk(&numbers, API_SECRET).await;
    for (status, code, error) in [
        (403, 20_005, CarrierError::Credentials(403)),
        (404, 20_404, CarrierError::Credentials(404)),
        (400, 20_001, CarrierError::Refused { status: 400, code: 20_001 }),
    ] {
        numbers.fail(status, code);
        assert_eq!(twilio.numbers(50, None).await.unwrap_err(), error);
    }
    for (status, code, error) in [(429, 20_429, CarrierError::TooMany), (503, 0, CarrierError::Down(503))] {
        (0..4).for_each(|_| numbers.fail(status, code));
        assert_eq!(twilio.numbers(50, None).await.unwrap_err(), error);
        // And once is forgiven.
        numbers.fail(status, code);
        assert_eq!(twilio.numbers(50, None).await.unwrap().items.len(), 3);
    }
}
