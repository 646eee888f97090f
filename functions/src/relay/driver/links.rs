//! Which stream is the caller's now. A stream that was replaced or lost never comes back, however late its frames.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shared::ids::{CallSid, ConnectionId, StreamSid};
use shared::session::ToCaller;
use tokio::sync::mpsc;

use crate::relay::caller_link::{CallerLink, LinkId, Parcel, open_gateway};
use crate::relay::calls::{Common, FromCaller};
use crate::relay::doors::Doors;
use crate::relay::office::Permit;

/// How long the last words may take to leave the house.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Links {
    current: Option<CallerLink>,
    retired: BTreeSet<StreamSid>,
    /// Where links report that their socket is gone.
    inbox: mpsc::Sender<FromCaller>,
    permit: Permit,
}

impl Links {
    pub(super) fn new(inbox: mpsc::Sender<FromCaller>, permit: Permit) -> Self {
        Self { current: None, retired: BTreeSet::new(), inbox, permit }
    }

    /// This stream is neither the present one nor one of the past.
    pub(super) fn is_new(&self, connection: &ConnectionId, stream: &StreamSid) -> bool {
        let is_present =
            self.current.as_ref().is_some_and(|link| matches!(&link.id, LinkId::Gateway(id) if id == connection));
        !is_present && !self.retired.contains(stream)
    }

    pub(super) fn attach_gateway<D: Doors>(
        &mut self,
        sid: &CallSid,
        connection: &ConnectionId,
        stream: &StreamSid,
        common: &Common<D>,
    ) {
        let callers = Arc::clone(&common.ports.callers);
        let metrics = Arc::clone(&common.metrics);
        let ways = (self.inbox.clone(), self.permit.clone());
        self.attach(open_gateway(sid, connection, stream, callers, ways, metrics));
    }

    /// The new stream replaces the one before it, whose socket is closed.
    pub(super) fn attach(&mut self, link: CallerLink) {
        if let Some(former) = self.current.replace(link) {
            self.permit.stream_changed();
            self.retired.insert(former.stream.clone());
            tokio::spawn(former.close(CLOSE_TIMEOUT));
        }
    }

    /// The stream that is lost with this socket, if it was the present one.
    pub(super) fn detach(&mut self, id: &LinkId) -> Option<StreamSid> {
        let link = self.current.take_if(|link| link.id == *id)?;
        self.retired.insert(link.stream.clone());
        let stream = link.stream.clone();
        link.abandon();
        Some(stream)
    }

    /// False if there is no such stream any more, or it takes nothing.
    pub(super) fn send(&self, parcel: Parcel) -> bool {
        let stream = match &parcel.message {
            ToCaller::Media { stream, .. } | ToCaller::Mark { stream, .. } | ToCaller::Clear { stream } => stream,
        };
        match &self.current {
            Some(link) if link.stream == *stream => link.send(parcel),
            Some(_) | None => false,
        }
    }

    pub(super) async fn close(&mut self) {
        if let Some(link) = self.current.take() {
            link.close(CLOSE_TIMEOUT).await;
        }
    }

    /// Writes what is left and leaves the socket to another relay.
    pub(super) async fn retire(&mut self) {
        if let Some(link) = self.current.take() {
            link.retire(CLOSE_TIMEOUT).await;
        }
    }

    /// The call is another relay's. A socket that ends here is of no use to it; one at the gateway is.
    pub(super) async fn give_way(&mut self) {
        match self.current.take() {
            Some(link) if matches!(link.id, LinkId::Direct(_)) => link.close(CLOSE_TIMEOUT).await,
            Some(link) => link.abandon(),
            None => {}
        }
    }
}
