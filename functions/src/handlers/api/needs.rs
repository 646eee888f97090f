//! What the API asks of its stores, said once.

use shared::ports::{
    CountRates, EraseCalls, EraseRecordings, KeepPointed, NoteActs, OpenMailbox, Placements, ReadActs, ReadAgents,
    ReadAudit, ReadCall, ReadHistory, ReadRecording, SearchCalls, Tokens, WaitingLine, WriteAgents, WriteCall,
};

/// The table.
pub trait Records:
    CountRates
    + EraseCalls
    + KeepPointed
    + NoteActs
    + OpenMailbox
    + Placements
    + ReadActs
    + ReadAgents
    + ReadAudit
    + ReadCall
    + ReadHistory
    + SearchCalls
    + Tokens
    + WaitingLine
    + WriteAgents
    + WriteCall
{
}

impl<S> Records for S where
    S: CountRates
        + EraseCalls
        + KeepPointed
        + NoteActs
        + OpenMailbox
        + Placements
        + ReadActs
        + ReadAgents
        + ReadAudit
        + ReadCall
        + ReadHistory
        + SearchCalls
        + Tokens
        + WaitingLine
        + WriteAgents
        + WriteCall
{
}

/// The bucket's recordings.
pub trait Shelf: ReadRecording + EraseRecordings {}

impl<B: ReadRecording + EraseRecordings> Shelf for B {}
