//! The consoles' WebSocket, `/logs`: who may watch, what they have missed, and what they want to see.
//!
//! A console says who it is in its first message, because a browser's upgrade carries no header of its own. It is written on
//! the list that relays read, they are told to read it, and then it is told what it has missed: in this order, so that what
//! happens meanwhile is told by a relay or found in the store, if not both. Which of them comes first does not matter.

mod access;
mod replay;

use std::net::IpAddr;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use futures_util::future::join_all;
use serde_json::value::RawValue;
use shared::config::LogsConfig;
use shared::console::{Role, Visitor};
use shared::control::Control;
use shared::ids::{CallSid, ConnectionId};
use shared::live::{Cursor, FromWatcher, ToWatcher, Watcher};
use shared::ports::{
    Clock, CountRates, KeepWatchers, NoteActs, PortError, PortResult, ReadCall, ReadHistory, ReadMissed, RelayControl,
    WatcherSocket,
};

use self::access::{Access, Who, note};
use super::ws_event::{Kind, WsEvent, answer};

/// What is asked of the table.
pub trait Annals: CountRates + KeepWatchers + NoteActs + ReadCall + ReadHistory + ReadMissed {}

impl<S: CountRates + KeepWatchers + NoteActs + ReadCall + ReadHistory + ReadMissed> Annals for S {}

#[derive(Debug)]
pub struct WsLogs<S, W, R, C> {
    store: S,
    sockets: W,
    relays: R,
    clock: C,
    access: Access,
}

/// Why a console is not served.
enum Refusal {
    Said(u16, String),
    Port(PortError),
}

impl From<PortError> for Refusal {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl<S: Annals, W: WatcherSocket, R: RelayControl, C: Clock> WsLogs<S, W, R, C> {
    pub fn new(store: S, sockets: W, relays: R, clock: C, config: &LogsConfig) -> Self {
        Self { store, sockets, relays, clock, access: Access::new(config) }
    }

    /// Any status but 2xx refuses the socket; later it says nothing to anybody.
    pub async fn handle(&self, event: &RawValue) -> ApiGatewayProxyResponse {
        let Some(event) = WsEvent::read(event) else {
            tracing::error!(code = "event_unreadable");
            return answer(400);
        };
        answer(match event.kind {
            Kind::Connect => self.connect(&event),
            Kind::Disconnect => self.disconnect(&event.connection).await,
            Kind::Message => self.message(&event).await,
        })
    }

    fn connect(&self, event: &WsEvent) -> i64 {
        if self.access.lets_in(event.header("origin"), self.clock.unix_ms()) {
            return 200;
        }
        tracing::warn!(code = "console_origin_refused", connection = %event.connection);
        403
    }

    /// Relays learn of it with what they post next.
    async fn disconnect(&self, connection: &ConnectionId) -> i64 {
        if let Err(error) = self.store.forget_watcher(connection).await {
            tracing::warn!(code = "close_not_told", %connection, %error);
        }
        200
    }

    async fn message(&self, event: &WsEvent) -> i64 {
        let connection = &event.connection;
        let done = match serde_json::from_str(&event.text) {
            Ok(said) => self.obey(connection, event.address(), said).await,
            Err(_) => Err(Refusal::Said(400, "that is no message of a console's".to_owned())),
        };
        match done {
            Ok(()) => {}
            Err(Refusal::Said(status, title)) => self.refuse(connection, status, &title).await,
            Err(Refusal::Port(PortError::Gone)) => _ = self.disconnect(connection).await,
            Err(Refusal::Port(error)) => {
                tracing::error!(code = "store_failed", %connection, %error);
                self.refuse(connection, 503, "what is to be shown cannot be had right now").await;
            }
        }
        200
    }

    async fn obey(&self, id: &ConnectionId, address: Option<IpAddr>, said: FromWatcher) -> Result<(), Refusal> {
        match said {
            FromWatcher::Hello { token, since, call } => {
                let token = token.as_ref().map(|token| token.reveal().as_str());
                let admitted = self.access.admit(&self.store, token, address, self.clock.unix_ms()).await;
                let visitor = admitted.map_err(|(status, title)| Refusal::Said(status, title))?;
                self.greet(id, &visitor, call, since.as_deref().and_then(Cursor::read)).await
            }
            FromWatcher::Subscribe { since, call } => {
                let watcher = self.known(id).await?;
                self.show(Watcher { call, ..watcher }, since.as_deref().and_then(Cursor::read)).await
            }
            FromWatcher::Listen { call } => self.listen(id, address, Some(call)).await,
            FromWatcher::Unlisten => self.listen(id, address, None).await,
            FromWatcher::Ping => {
                self.known(id).await?;
                self.store.watcher_seen(id, self.clock.unix_ms()).await?;
                Ok(self.tell(id, &ToWatcher::Pong).await?)
            }
        }
    }

    async fn greet(
        &self,
        connection: &ConnectionId,
        visitor: &Visitor,
        call: Option<CallSid>,
        since: Option<Cursor>,
    ) -> Result<(), Refusal> {
        let (now_ms, role) = (self.clock.unix_ms(), visitor.role);
        self.tell(connection, &ToWatcher::Hello { role, cursor: since.unwrap_or(Cursor(now_ms)) }).await?;
        tracing::info!(code = "console_watches", %connection, ?role);
        let watcher = Watcher {
            connection: connection.clone(),
            role,
            name: visitor.name().cloned().unwrap_or_default(),
            until_ms: visitor.pass.as_ref().map(|pass| pass.until_ms),
            call,
            listens: None,
            asked_at_ms: now_ms,
            seen_at_ms: now_ms,
        };
        self.show(watcher, since).await
    }

    async fn show(&self, watcher: Watcher, since: Option<Cursor>) -> Result<(), Refusal> {
        let (connection, only) = (watcher.connection.clone(), watcher.call.clone());
        let now = Cursor(self.keep(watcher).await?);
        let mut missed = replay::missed(&self.store, only.as_ref(), since).await?;
        while !missed.frames.is_last() {
            if let Some(frame) = missed.frames.next(None) {
                self.sockets.tell(&connection, &frame).await?;
            }
        }
        self.sockets.tell(&connection, &missed.frames.last(now, missed.truncated)).await?;
        Ok(())
    }

    /// Listening in is for operators, and the audit tells of it.
    async fn listen(&self, id: &ConnectionId, address: Option<IpAddr>, to: Option<CallSid>) -> Result<(), Refusal> {
        let watcher = self.known(id).await?;
        let allowed = to.is_none() || watcher.role >= Role::Operator;
        if let Some(call) = &to {
            let who = Who { role: Some(watcher.role), name: &watcher.name, address };
            let act = ("call.listen", Some(call.to_string()));
            note(&self.store, who, act, if allowed { 200 } else { 403 }, self.clock.unix_ms()).await;
        }
        if !allowed {
            let problem = ToWatcher::Problem { status: 403, title: "listening in is for operators" };
            return Ok(self.tell(id, &problem).await?);
        }
        self.keep(Watcher { listens: to, ..watcher }).await?;
        Ok(())
    }

    /// Who has said hello, and may still be here.
    async fn known(&self, connection: &ConnectionId) -> Result<Watcher, Refusal> {
        let watcher = self.store.watcher(connection).await?;
        let watcher = watcher.ok_or_else(|| Refusal::Said(401, "say hello first".to_owned()))?;
        if watcher.has_expired(self.clock.unix_ms()) {
            return Err(Refusal::Said(401, shared::console::Denied::Expired.to_string()));
        }
        Ok(watcher)
    }

    /// With what it wants from now on, and so that relays learn of it. Returns when that was.
    async fn keep(&self, watcher: Watcher) -> PortResult<u64> {
        let now_ms = self.clock.unix_ms();
        self.store.keep_watcher(&Watcher { asked_at_ms: now_ms, seen_at_ms: now_ms, ..watcher }).await?;
        let relays = self.store.relays().await?;
        let told = relays.iter().filter(|relay| relay.alive(now_ms)).map(|relay| async move {
            if let Err(error) = self.relays.send(relay, &Control::Watchers).await {
                // It reads the list by itself in some seconds.
                tracing::debug!(relay = %relay.id, %error, "a relay was not told of a console");
            }
        });
        join_all(told).await;
        Ok(now_ms)
    }

    async fn tell(&self, connection: &ConnectionId, what: &ToWatcher<'_>) -> PortResult<()> {
        let json = serde_json::to_string(what).map_err(|_| PortError::Corrupt("a message".to_owned()))?;
        self.sockets.tell(connection, &json).await
    }

    /// Says why, and closes the socket.
    async fn refuse(&self, connection: &ConnectionId, status: u16, title: &str) {
        let told = self.tell(connection, &ToWatcher::Refused { status, title }).await;
        let closed = self.sockets.dismiss(connection).await;
        if let Some(error) = told.and(closed).err().filter(|error| *error != PortError::Gone) {
            tracing::warn!(code = "refusal_not_told", %connection, %error);
        }
    }
}

#[cfg(test)]
mod tests;
