//! What the API asks of its stores, said once.

use shared::ports::{
    EraseCalls, EraseRecordings, OpenMailbox, ReadAgents, ReadAudit, ReadCall, ReadHistory, ReadRecording, WriteAgents,
};

/// The table.
pub trait Records: EraseCalls + ReadAgents + ReadCall + ReadHistory + ReadAudit + OpenMailbox + WriteAgents {}

impl<S> Records for S where S: EraseCalls + ReadAgents + ReadCall + ReadHistory + ReadAudit + OpenMailbox + WriteAgents {}

/// The bucket's recordings.
pub trait Shelf: ReadRecording + EraseRecordings {}

impl<B: ReadRecording + EraseRecordings> Shelf for B {}
