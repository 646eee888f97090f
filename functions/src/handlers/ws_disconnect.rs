//! `$disconnect` of both WebSocket APIs: best effort on the gateway's side, so nothing depends on it alone.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use serde_json::value::RawValue;
use shared::ports::{Connections, PortResult, ReadCall, RelayFrames, Relays};

use super::ws_event::{Stage, WsEvent, answer};

#[derive(Debug)]
pub struct WsDisconnect<S, R> {
    store: S,
    relays: R,
}

impl<S: Connections + ReadCall + Relays, R: RelayFrames> WsDisconnect<S, R> {
    pub fn new(store: S, relays: R) -> Self {
        Self { store, relays }
    }

    pub async fn handle(&self, event: &RawValue) -> ApiGatewayProxyResponse {
        let Some(event) = WsEvent::read(event) else {
            tracing::error!(code = "event_unreadable");
            return answer(200);
        };
        let closed = match event.stage {
            Stage::Call => self.caller(&event).await,
            Stage::Control => self.store.control_closed(&event.connection).await,
        };
        match closed {
            Ok(()) => {
                tracing::info!(code = "connection_closed", connection = %event.connection, close = event.close_code)
            }
            Err(error) => tracing::warn!(code = "close_not_told", connection = %event.connection, %error),
        }
        answer(200)
    }

    async fn caller(&self, event: &WsEvent) -> PortResult<()> {
        match self.store.connection_closed(&event.connection).await? {
            Some(binding) => {
                // The call may have gone to another relay since.
                let lease = self.store.lease(&binding.call).await?;
                let relay = lease.map_or(binding.address, |lease| lease.address);
                self.relays.closed(&event.connection, &relay).await
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
