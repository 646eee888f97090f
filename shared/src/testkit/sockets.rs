//! Which sockets to the model a session has asked for and not closed.

use std::collections::BTreeSet;

use crate::ids::SocketNumber;
use crate::session::Output;

#[derive(Debug, Clone, Default)]
pub struct Sockets {
    open: BTreeSet<SocketNumber>,
    last: SocketNumber,
}

impl Sockets {
    /// Follows what the session wants. Returns whether this is about the only socket, or about none.
    pub fn note(&mut self, output: &Output) -> bool {
        if let Output::DialModel(socket) = output {
            assert!(self.last < *socket, "a number is given to one socket");
            self.open.insert(*socket);
            self.last = *socket;
            assert!(self.open.len() <= 2, "one in use, and one that is to take its place: {:?}", self.open);
        }
        let alone = self.open.len() <= 1;
        if let Output::CloseModel(socket) = output {
            assert!(self.open.remove(socket), "{socket} was not open");
        }
        alone
    }

    pub fn lost(&mut self, socket: SocketNumber) {
        self.open.remove(&socket);
    }

    /// The process is gone, and all sockets with it.
    pub fn lost_all(&mut self) {
        self.open.clear();
    }

    /// The one in use, or that was.
    pub fn in_use(&self) -> SocketNumber {
        self.open.first().copied().unwrap_or(self.last)
    }

    pub fn newest(&self) -> SocketNumber {
        self.last
    }

    pub fn is_open(&self, socket: SocketNumber) -> bool {
        self.open.contains(&socket)
    }
}
