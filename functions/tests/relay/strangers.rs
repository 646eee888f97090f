//! Who is not Twilio, and what a relay spends on them.

use std::time::Duration;

use functions::relay::{Settings, SocketLimits};
use futures_util::StreamExt as _;
use shared::calls::MediaPath;
use shared::limits::{Gate, Rate};
use shared::session::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::caller::{Caller, Socket, Talk, dial, signature};
use crate::model::Model;
use crate::world::{House, settings, soon};

async fn house(change: impl FnOnce(&mut Settings)) -> House {
    let model = Model::new().await;
    let mut settings = settings(&model.url);
    change(&mut settings);
    House::with(settings).await
}

fn twilios() -> String {
    signature("wss://voice.example.com/call")
}

fn status<T>(answer: Result<T, Error>) -> u16 {
    match answer {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
    }
}

/// An upgrade that a proxy has passed on.
async fn forwarded(house: &House, signature: &str, through: &[&str]) -> u16 {
    let mut request = format!("ws://{}/call", house.relay.listening.public).into_client_request().unwrap();
    request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
    for address in through {
        request.headers_mut().append("x-forwarded-for", address.parse().unwrap());
    }
    status(connect_async(request).await)
}

/// Reads until the other side closes.
async fn closed(socket: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end too.
    let _ended = soon(socket.read_to_end(&mut said)).await;
    said
}

/// The head of a masked text frame of so many bytes. What comes after it nobody waits for.
async fn announce(socket: &mut Socket, bytes: u64) {
    let head = [&[0x81, 0xFF][..], &bytes.to_be_bytes(), &[0; 4]].concat();
    socket.get_mut().write_all(&head).await.unwrap();
}

async fn close_code(socket: &mut Socket) -> Option<CloseCode> {
    loop {
        match soon(socket.next()).await? {
            Ok(Message::Close(frame)) => return frame.map(|frame| frame.code),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

#[tokio::test]
async fn an_address_that_forges_too_often_is_refused_at_once_and_twilio_never_is() {
    let house = house(|settings| settings.gate = Gate { strangers: Rate::per_minute(2), ..Gate::default() }).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(status(dial(&house, Some("Zm9yZ2Vk")).await));
    }
    assert_eq!(answers, [403, 403, 429, 429]);
    assert_eq!(status(dial(&house, Some(&twilios())).await), 101);
    assert_eq!(house.metric(r#"streams_refused_total{kind="signature"}"#).await, 4);
}

#[tokio::test]
async fn with_a_list_of_addresses_others_are_refused_whatever_they_show() {
    let listed = |list: &str| Gate { allowed: list.parse().unwrap(), ..Gate::default() };
    let near = house(|settings| settings.gate = listed("127.0.0.0/8")).await;
    assert_eq!(status(dial(&near, Some(&twilios())).await), 101);
    assert_eq!(status(dial(&near, Some("Zm9yZ2Vk")).await), 403);
    let far = house(|settings| settings.gate = listed("203.0.113.0/24")).await;
    assert_eq!(status(dial(&far, Some(&twilios())).await), 403);
    assert_eq!(far.metric(r#"streams_refused_total{kind="address"}"#).await, 1);
}

#[tokio::test]
async fn what_a_proxy_says_last_counts_and_only_where_there_is_one() {
    let listed = Gate { allowed: "203.0.113.0/24".parse().unwrap(), ..Gate::default() };
    for (behind_proxy, through, expected) in [
        (true, vec!["203.0.113.7"], 101),
        (true, vec!["198.51.100.1, 203.0.113.7"], 101),
        (true, vec!["198.51.100.1", "203.0.113.7"], 101),
        (true, vec!["203.0.113.7, 198.51.100.1"], 403),
        (true, vec!["nowhere"], 403),
        (true, vec![], 403),
        (false, vec!["203.0.113.7"], 403),
    ] {
        let house = house(|settings| {
            settings.gate = listed.clone();
            settings.behind_proxy = behind_proxy;
        })
        .await;
        assert_eq!(forwarded(&house, &twilios(), &through).await, expected, "{behind_proxy} {through:?}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_come_to_its_end_is_cut() {
    let sockets = SocketLimits { upgrade: Duration::from_millis(300), ..SocketLimits::default() };
    let house = house(|settings| settings.sockets = sockets).await;
    let mut silent = TcpStream::connect(house.relay.listening.public).await.unwrap();
    let mut slow = TcpStream::connect(house.relay.listening.public).await.unwrap();
    slow.write_all(b"GET /call HTTP/1.1\r\nHost: voice").await.unwrap();
    assert_eq!(closed(&mut silent).await, b"");
    assert!(!closed(&mut slow).await.starts_with(b"HTTP/1.1 2"));
    // They are counted a moment after they are cut.
    let counted = async {
        while house.metric(r#"streams_refused_total{kind="slow"}"#).await < 2 {
            tokio::task::yield_now().await;
        }
    };
    soon(counted).await;
}

#[tokio::test]
async fn a_socket_has_one_request_on_the_public_side() {
    let house = house(|_| {}).await;
    let mut socket = TcpStream::connect(house.relay.listening.public).await.unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: voice\r\n\r\n";
    socket.write_all(&[&request[..], &request[..]].concat()).await.unwrap();
    let said = String::from_utf8(closed(&mut socket).await).unwrap();
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 1, "{said}");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let house = house(|_| {}).await;
    let mut socket = TcpStream::connect(house.relay.listening.public).await.unwrap();
    let head = format!("GET /call HTTP/1.1\r\nX-Long: {}\r\n", "x".repeat(100_000));
    // The other side does not read it to its end.
    let _cut = socket.write_all(head.as_bytes()).await;
    let said = closed(&mut socket).await;
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn those_who_only_sit_there_keep_no_caller_out() {
    let mut model = Model::new().await;
    let mut settings = settings(&model.url);
    settings.sockets = SocketLimits { unproven: 3, ..SocketLimits::default() };
    let house = House::with(settings).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut session = model.ready().await;
    let mut sitting = Vec::new();
    for _ in 0..3 {
        sitting.push(TcpStream::connect(house.relay.listening.public).await.unwrap());
    }
    // One who has upgraded and says nothing is one of them.
    let mut mute = dial(&house, Some(&twilios())).await.unwrap();
    assert_eq!(closed(&mut sitting[0]).await, b"");
    let mut caller = Caller::call(&house, "CA1").await;
    assert_eq!(closed(&mut sitting[1]).await, b"");
    session.expect("response.create").await;
    for _ in 0..3 {
        sitting.push(TcpStream::connect(house.relay.listening.public).await.unwrap());
    }
    assert_eq!(close_code(&mut mute).await, Some(CloseCode::Policy));
    assert_eq!(house.metric(r#"streams_refused_total{kind="crowded"}"#).await, 4);
    // Who has shown whose it is does not count any more.
    caller.speak(&[1; 160]).await;
    assert_eq!(session.hear(1).await.len(), 1);
}

#[tokio::test]
async fn a_message_that_is_too_long_closes_the_socket_and_the_call_goes_on() {
    let mut talk = Talk::begin().await;
    announce(&mut talk.caller.socket, 70_000).await;
    assert_eq!(close_code(&mut talk.caller.socket).await, Some(CloseCode::Policy));
    let detached = |event: &Event| matches!(event, Event::CallerDetached).then_some(());
    talk.house.store.event(&"CA1".into(), detached).await;
    assert_eq!(talk.house.metric(r#"frame_faults_total{kind="too_long"}"#).await, 1);
    assert_eq!(talk.house.relay.calls.count(), 1);
}

#[tokio::test]
async fn a_message_that_is_too_long_before_its_start_is_the_last() {
    let house = house(|_| {}).await;
    let mut socket = dial(&house, Some(&twilios())).await.unwrap();
    announce(&mut socket, 70_000).await;
    assert_eq!(close_code(&mut socket).await, Some(CloseCode::Policy));
}

#[tokio::test]
async fn a_body_that_does_not_come_to_its_end_is_answered_and_cut() {
    let house = house(|_| {}).await;
    let mut socket = TcpStream::connect(house.relay.listening.private).await.unwrap();
    let head =
        b"POST /frames/a HTTP/1.1\r\nHost: relay\r\nx-call-sid: CA1\r\nx-stream-sid: MZ1\r\nContent-Length: 9\r\n\r\nx";
    socket.write_all(head).await.unwrap();
    let said = String::from_utf8(closed(&mut socket).await).unwrap();
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
}

#[tokio::test]
async fn one_of_ours_may_ask_many_times_on_one_socket() {
    let house = house(|_| {}).await;
    let mut socket = TcpStream::connect(house.relay.listening.private).await.unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: relay\r\n\r\n";
    let last = b"GET /health HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n";
    socket.write_all(&[&request[..], &request[..], &last[..]].concat()).await.unwrap();
    let said = String::from_utf8(closed(&mut socket).await).unwrap();
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 3, "{said}");
}
