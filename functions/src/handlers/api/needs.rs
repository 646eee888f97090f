//! What the API asks of its stores, said once.

use shared::ports::{
    CountRates, EraseCalls, EraseRecordings, KeepPointed, NoteActs, OpenMailbox, ReadActs, ReadAgents, ReadAudit,
    ReadCall, ReadHistory, ReadRecording, SearchCalls, WriteAgents,
};

/// The table.
pub trait Records:
    CountRates
    + EraseCalls
    + KeepPointed
    + NoteActs
    + OpenMailbox
    + ReadActs
    + ReadAgents
    + ReadAudit
    + ReadCall
    + ReadHistory
    + SearchCalls
    + WriteAgents
{
}

impl<S> Records for S where
    S: CountRates
        + EraseCalls
        + KeepPointed
        + NoteActs
        + OpenMailbox
        + ReadActs
        + ReadAgents
        + ReadAudit
        + ReadCall
        + ReadHistory
        + SearchCalls
        + WriteAgents
{
}

/// The bucket's recordings.
pub trait Shelf: ReadRecording + EraseRecordings {}

impl<B: ReadRecording + EraseRecordings> Shelf for B {}
