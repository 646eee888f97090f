//! What answering Twilio asks of the table, said once.

use shared::ports::{CountRates, Placements, ReadAgents, ReadCall, ReadHistory, Tokens, WaitingLine, WriteCall};

pub trait FrontDesk:
    ReadAgents + ReadCall + WriteCall + ReadHistory + Tokens + CountRates + Placements + WaitingLine
{
}

impl<S> FrontDesk for S where
    S: ReadAgents + ReadCall + WriteCall + ReadHistory + Tokens + CountRates + Placements + WaitingLine
{
}
