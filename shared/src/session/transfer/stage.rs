//! How far a transfer is: what the journal holds of it.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::agent::TransferTarget;
use crate::redact::Pii;
use crate::time::CallTime;
use crate::transfer::TransferFailure;

use super::legs::Legs;

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
    /// One; or several, who are called at the same time.
    #[serde(alias = "target", deserialize_with = "one_or_several")]
    pub(super) targets: Vec<TransferTarget>,
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
    /// The caller hears music and somebody is being called; or somebody has come, and others are still being called.
    Calling(Legs),
    Returning {
        errand: u32,
        /// For each target; or one that goes for all.
        #[serde(deserialize_with = "one_or_several")]
        why: Vec<TransferFailure>,
        tries: u32,
    },
}

impl Stage {
    /// The caller has left the stream, or is about to because we asked for it.
    pub(super) fn is_away(&self) -> bool {
        !matches!(self, Self::Due | Self::Parting)
    }

    /// What it waits for was asked for by this errand.
    pub(super) fn awaits(&self, number: u32) -> bool {
        match self {
            Self::Due | Self::Parting => false,
            Self::Dialling { errand, .. } | Self::Parking { errand } | Self::Returning { errand, .. } => {
                *errand == number
            }
            Self::Calling(legs) => legs.is_one(number),
        }
    }
}

impl Transfer {
    /// Whom to, with this word before the last of them.
    pub(super) fn whom(&self, word: &str) -> String {
        let names: Vec<&str> = self.targets.iter().map(|target| whom(&target.name)).collect();
        match &names[..] {
            [others @ .., last] if !others.is_empty() => format!("{} {word} {last}", others.join(", ")),
            names => names.concat(),
        }
    }

    /// Why not: for a note with each reason's name, and as it may be told.
    pub(super) fn in_words(&self, why: &[TransferFailure]) -> (String, String) {
        match why {
            [] => self.in_words(&[TransferFailure::Failed]),
            [why] => (format!("{} ({})", why.explanation(), why.name()), why.explanation().to_owned()),
            several => {
                let each = self.targets.iter().zip(several);
                let told: Vec<String> = each
                    .map(|(target, why)| format!("{}: {} ({})", target.name, why.explanation(), why.name()))
                    .collect();
                let told = told.join("; ");
                (told.clone(), format!("nobody took the call ({told})"))
            }
        }
    }

    pub(super) fn is_to_several(&self) -> bool {
        self.targets.len() > 1
    }
}

/// Builds that knew one only wrote it without a list.
fn one_or_several<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<T> {
        Several(Vec<T>),
        One(T),
    }
    Ok(match Written::deserialize(from)? {
        Written::Several(several) => several,
        Written::One(one) => vec![one],
    })
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

pub(super) fn announcement(whom: &str) -> String {
    format!("Tell the caller in one short sentence that you are putting them through to {whom} now. Ask nothing.")
}
