//! A stream from a page of the console: let in by its token, and ended without the carrier.

use functions::relay::calls::Command;
use shared::calls::{Bearer, Call, Channel, Ending, MediaPath, StreamPass};
use shared::limits::{Gate, Rate};
use shared::ports::{Tokens as _, WriteCall as _};
use shared::redact::Secret;
use shared::session::OperatorCommand;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::caller::{Caller, Socket};
use crate::model::Model;
use crate::world::{House, pass, settings};

const PAGE: &str = "https://console.example.com";

/// What a browser's upgrade says.
async fn knock(house: &House, protocols: &str, origin: &str) -> Result<(Socket, String), Error> {
    let mut request = format!("ws://{}/call", house.relay.listening.public).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    request.headers_mut().insert("origin", origin.parse().unwrap());
    let (socket, response) = connect_async(request).await?;
    Ok((socket, response.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned()))
}

async fn refused(house: &House, protocols: &str, origin: &str) -> u16 {
    match knock(house, protocols, origin).await.unwrap_err() {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

fn call(house: &House) -> Call {
    Call { channel: Channel::Browser, ..house.call("CA1", MediaPath::Direct) }
}

/// What the API gives to the page.
async fn give_token(house: &House) {
    let bearer = Bearer::Browser { origin: Some(PAGE.to_owned()) };
    let pass = StreamPass { call: "CA1".into(), bearer, valid_until_ms: u64::MAX };
    house.store.issue_token(&Secret::new("of-the-page"), &pass).await.unwrap();
}

async fn opened(house: &House) {
    house.store.open_call(&call(house)).await.unwrap();
    give_token(house).await;
}

#[tokio::test]
async fn a_page_comes_in_by_its_token_and_is_hung_up_on_without_the_carrier() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    let handle = house.prepare(call(&house)).await;
    give_token(&house).await;
    let mut session = model.ready().await;
    let (socket, spoken) = knock(&house, "voicebridge.call, voicebridge.token.of-the-page", PAGE).await.unwrap();
    assert_eq!(spoken, "voicebridge.call", "and not the token");
    let mut caller = Caller::on(socket, "CA1", "of-the-page").await;
    session.expect("response.create").await;
    caller.speak(&[1; 160]).await;
    assert_eq!(session.hear(1).await.len(), 1);
    handle.commands.send(Command::Operator(OperatorCommand::HangUp)).await.unwrap();
    caller.closed().await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::OperatorHungUp);
    house.relay.stop().await;
    assert_eq!(*house.carrier.hung_up.borrow(), [], "the carrier has no such call");
}

#[tokio::test]
async fn a_token_that_is_not_the_pages_opens_nothing_and_is_not_used_up() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    opened(&house).await;
    house.store.issue_token(&Secret::new("of-the-carrier"), &pass(&"CA1".into())).await.unwrap();
    let good = "voicebridge.call, voicebridge.token.of-the-page";
    for (protocols, origin) in [
        ("voicebridge.call, voicebridge.token.made-up", PAGE),
        ("voicebridge.call, voicebridge.token.of-the-carrier", PAGE),
        ("voicebridge.call", PAGE),
        ("voicebridge.token.of-the-page", PAGE),
        (good, "https://evil.example.com"),
    ] {
        assert_eq!(refused(&house, protocols, origin).await, 403, "{protocols} {origin}");
    }
    assert_eq!(house.metric(r#"streams_refused_total{kind="token"}"#).await, 4);
    assert_eq!(house.store.books.borrow().tokens.len(), 2);
    assert!(knock(&house, good, PAGE).await.is_ok());
}

#[tokio::test]
async fn who_guesses_too_often_is_not_looked_at_any_more() {
    let model = Model::new().await;
    let mut settings = settings(&model.url);
    settings.gate = Gate { strangers: Rate::per_minute(2), ..Gate::default() };
    let house = House::with(settings).await;
    opened(&house).await;
    let mut answers = Vec::new();
    for guess in ["one", "two", "three", "of-the-page"] {
        answers.push(refused(&house, &format!("voicebridge.call, voicebridge.token.{guess}"), PAGE).await);
        if answers.len() == 3 {
            assert_eq!(answers, [403, 403, 429]);
        }
    }
    assert_eq!(answers.last(), Some(&429));
}
