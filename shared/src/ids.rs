//! One type per kind of name, so that a call is never looked up by a stream's id.
//!
//! All of them are [`ByteString`]s: cloning counts a reference, and an id read out of a frame is a slice of
//! that frame. Whoever keeps an id longer than the frame calls [`detached`](CallSid::detached).

use std::fmt;

use bytestring::ByteString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[schemars(with = "String")] ByteString);

        impl $name {
            pub fn new(text: impl Into<ByteString>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// A copy that does not keep the frame alive in which this id arrived.
            pub fn detached(&self) -> Self {
                Self(ByteString::from(self.as_str()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    )*};
}

ids! {
    /// Twilio's name of a call: `CA` and 32 hex digits.
    CallSid,
    /// Twilio's name of a conference: `CF` and 32 hex digits.
    ConferenceSid,
    /// Twilio's name of a number of the account's: `PN` and 32 hex digits.
    NumberSid,
    /// Twilio's name of one media stream of a call: `MZ` and 32 hex digits.
    StreamSid,
    /// API Gateway's name of a WebSocket, base64-like and often ending in `=`.
    ConnectionId,
    /// The model's name of a conversation item.
    ItemId,
    /// The model's name of a response.
    ResponseId,
    /// The model's name of a tool call (`call_…`).
    ToolCallId,
    /// Our name of a command to the model; its errors quote it.
    EventId,
    /// Our name of a relay process: new with each start, so a restarted relay is another relay.
    RelayId,
    /// The name of an agent: how to answer.
    AgentId,
    /// Our name of an uploaded piece of hold music: of what it sounds like, so that the same sound has the same name.
    MusicId,
    /// Our name of a file on its way to us: a random one.
    UploadId,
}

/// Which of a call's sockets to the model: counted from 1, over all relays that hold the call one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SocketNumber(pub u32);

impl SocketNumber {
    pub const FIRST: Self = Self(1);

    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SocketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
