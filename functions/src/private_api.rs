//! What functions and relays say to a relay's private listener, beside the frames themselves.
//!
//! | request | means | answers |
//! |---|---|---|
//! | `POST /frames/{connection}` | a caller's frame | 204 taken · 202 kept, the call is being taken over · 404 not mine · 409 another's by now · 421 I am another process · 423 the holder speaks · 429 too much at once · 503 not now |
//! | `DELETE /frames/{connection}` | the connection is closed | 204 · 404 |
//! | `DELETE /sockets/{connection}` | close this caller's socket | 204 · 410 · 502 |
//! | `POST /calls/{sid}/yield` | give up a call; the body is the lease that was lost | 204 silent for good · 421 · 423 it works |
//! | `POST /calls/{sid}/lease` | the call is yours; the body is its lease | 204 · 421 · 503 |

/// Header names.
pub mod header {
    pub const CALL: &str = "x-call-sid";
    pub const STREAM: &str = "x-stream-sid";
    /// Which relay is meant: another process may have its address by now.
    pub const RELAY: &str = "x-relay";
    /// `1`: no other relay can have this frame.
    pub const SOLE: &str = "x-sole";
    /// [`Lost`](shared::ownership::Lost) as JSON: take the call over.
    pub const LOST: &str = "x-lost";
    /// In the answer: the fence of the lease with which the relay holds the call.
    pub const FENCE: &str = "x-fence";
}
