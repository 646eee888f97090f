//! How far a transfer is: what the journal holds of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::TransferTarget;
use crate::ids::CallSid;
use crate::redact::Pii;
use crate::time::CallTime;
use crate::transfer::TransferFailure;

/// Who wanted a caller to be put through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferredBy {
    Agent,
    Caller,
    Operator,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::session) struct Transfers {
    /// Errands so far.
    pub(super) errands: u32,
    pub(super) present: Option<Transfer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Transfer {
    pub(super) target: TransferTarget,
    /// For whoever is called.
    pub(super) briefing: Pii<String>,
    /// What the model is to say before.
    pub(super) words: Option<String>,
    pub(super) since: CallTime,
    pub(super) stage: Stage,
    /// The model was given up meanwhile.
    #[serde(default)]
    pub(super) alone: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Results are still to come, or somebody speaks.
    Due,
    /// The last words are being said.
    Parting,
    /// The caller hears it ring, or is about to: `carried` once the carrier has said so.
    Dialling {
        errand: u32,
        #[serde(default)]
        carried: bool,
    },
    Parking {
        errand: u32,
    },
    /// The caller hears music, and somebody is being called.
    Calling {
        errand: u32,
        leg: Option<CallSid>,
        answered: bool,
    },
    Returning {
        errand: u32,
        why: TransferFailure,
        tries: u32,
    },
}

impl Stage {
    pub(super) fn errand(&self) -> Option<u32> {
        match self {
            Self::Due | Self::Parting => None,
            Self::Dialling { errand, .. }
            | Self::Parking { errand }
            | Self::Calling { errand, .. }
            | Self::Returning { errand, .. } => Some(*errand),
        }
    }
}

impl Transfers {
    pub(in crate::session) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn stage(&self) -> Option<&Stage> {
        self.present.as_ref().map(|transfer| &transfer.stage)
    }

    pub(super) fn set(&mut self, stage: Stage) {
        if let Some(transfer) = &mut self.present {
            transfer.stage = stage;
        }
    }

    pub(super) fn next_errand(&mut self) -> u32 {
        self.errands = self.errands.saturating_add(1);
        self.errands
    }
}

pub(super) fn whom(name: &str) -> &str {
    if name.is_empty() { "the number that was given" } else { name }
}

pub(super) fn announcement(name: &str) -> String {
    format!(
        "Tell the caller in one short sentence that you are putting them through to {} now. Ask nothing.",
        whom(name)
    )
}
