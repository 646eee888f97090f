//! What `twiml` and `api` say to a relay over its control channel: small JSON messages by PostToConnection.

use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::calls::Call;
use crate::ids::CallSid;
use crate::session::OperatorCommand;
use crate::transfer::News;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Control {
    /// The webhook has arrived: dial the model, the caller will follow.
    Prepare { call: Box<Call> },
    /// The carrier says that the call is over.
    CallEnded { sid: CallSid },
    /// Another agent is to answer from here on.
    ChangeAgent { sid: CallSid, agent: Box<Agent> },
    /// Somebody has come to watch, or wants to see something else: read the list.
    Watchers,
    /// What the carrier tells of a transfer.
    News {
        sid: CallSid,
        #[serde(flatten)]
        news: News,
    },
    /// What a person at the console asks of a call.
    #[serde(untagged)]
    Operator {
        sid: CallSid,
        #[serde(flatten)]
        asks: OperatorCommand,
    },
}
