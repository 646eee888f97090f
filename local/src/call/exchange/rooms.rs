//! Conferences: who is in which, when it begins, and when it is over for everybody.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::sync::watch;

use super::{Exchange, Orders, lock};
use crate::call::dial::fresh_sid;
use crate::call::form::Identity;
use crate::call::twiml::{Callback, Conference};

/// By their names. One that is over is not there any more.
#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<BTreeMap<String, watch::Sender<Room>>>);

impl Rooms {
    /// What became of the room.
    fn without(&self, seat: &Seat) -> Room {
        let mut rooms = lock(&self.0);
        seat.room.send_modify(|room| {
            room.inside.retain(|call| *call != seat.call);
            room.over |= seat.ends || room.inside.is_empty();
        });
        let room = seat.room.borrow().clone();
        // Another may have begun under the same name.
        if room.over && rooms.get(&seat.name).is_some_and(|other| other.same_channel(&seat.room)) {
            rooms.remove(&seat.name);
        }
        room
    }
}

#[derive(Debug, Clone, Default)]
struct Room {
    sid: String,
    /// Their calls.
    inside: Vec<String>,
    /// Somebody is there with whom it begins, if they are not alone.
    may_begin: bool,
    begun: bool,
    /// Who were there at the same time.
    most: usize,
    over: bool,
    /// Of the first who asked to be told.
    callback: Callback,
}

/// Why somebody is in a conference no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Left {
    Told,
    HungUp,
    /// It ended with somebody else.
    Over,
}

impl Left {
    fn reason(self) -> &'static str {
        match self {
            Self::Told => "participant_updated_via_api",
            Self::HungUp => "participant_hung_up",
            Self::Over => "moderator_ended_conference",
        }
    }
}

/// Somebody's place.
#[derive(Debug)]
pub(in crate::call) struct Seat {
    room: watch::Sender<Room>,
    name: String,
    call: String,
    ends: bool,
}

impl Seat {
    /// How many there were at the same time, at most.
    pub(in crate::call) fn most(&self) -> usize {
        self.room.borrow().most
    }

    pub(in crate::call) fn conference_sid(&self) -> String {
        self.room.borrow().sid.clone()
    }

    /// Two are there, with one of whom it begins.
    pub(in crate::call) fn begun(&self) -> impl Future<Output = ()> + use<> {
        let mut room = self.room.subscribe();
        async move { _ = room.wait_for(|room| room.begun).await }
    }

    /// Until it is over, something else is to be done, or `until` is over, which is hanging up.
    pub(in crate::call) async fn stay(&self, orders: &mut Orders, until: impl Future<Output = ()>) -> Left {
        let mut room = self.room.subscribe();
        tokio::select! {
            biased;
            () = orders.arrive() => Left::Told,
            _ = room.wait_for(|room| room.over) => Left::Over,
            () = until => Left::HungUp,
        }
    }
}

impl Exchange {
    pub(in crate::call) fn join(&self, conference: &Conference, call: &str) -> Seat {
        let mut rooms = lock(&self.0.rooms.0);
        let room = rooms
            .entry(conference.name.clone())
            .or_insert_with(|| watch::Sender::new(Room { sid: fresh_sid("CF"), ..Room::default() }));
        room.send_modify(|room| {
            room.inside.push(call.to_owned());
            room.most = room.most.max(room.inside.len());
            room.may_begin |= conference.begins;
            room.begun |= room.may_begin && room.inside.len() > 1;
            if room.callback.url.is_none() {
                room.callback = conference.callback.clone();
            }
        });
        Seat { room: room.clone(), name: conference.name.clone(), call: call.to_owned(), ends: conference.ends }
    }

    /// Whose calls are in it. `None`: there is no such conference, or it is over.
    pub(super) fn inside(&self, sid: &str) -> Option<Vec<String>> {
        let rooms = lock(&self.0.rooms.0);
        rooms.values().find(|room| room.borrow().sid == sid).map(|room| room.borrow().inside.clone())
    }

    /// Everybody leaves it. False: there is no such conference.
    pub(super) fn end_room(&self, sid: &str) -> bool {
        let mut rooms = lock(&self.0.rooms.0);
        let name = rooms.iter().find(|(_, room)| room.borrow().sid == sid).map(|(name, _)| name.clone());
        let room = name.and_then(|name| rooms.remove(&name));
        room.inspect(|room| room.send_modify(|room| room.over = true)).is_some()
    }

    /// The others are told, and whoever asked for it.
    pub(in crate::call) async fn leave(&self, seat: Seat, identity: &Identity, left: Left) {
        let room = self.0.rooms.without(&seat);
        if room.callback.events.iter().any(|event| event == "leave") {
            let more = [
                ("StatusCallbackEvent", "participant-leave"),
                ("ConferenceSid", &room.sid),
                ("FriendlyName", &seat.name),
                ("ReasonParticipantLeft", left.reason()),
                ("EndConferenceOnExit", if seat.ends { "true" } else { "false" }),
            ];
            let status = if left == Left::HungUp { "completed" } else { "in-progress" };
            self.post(&room.callback, identity.form(status, &more)).await;
        }
    }
}
