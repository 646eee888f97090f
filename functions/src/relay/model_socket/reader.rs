//! Reads and decodes, so that a delta of a megabyte keeps no driver from its other work.

use bytes::Bytes;
use bytestring::ByteString;
use futures_util::StreamExt as _;
use futures_util::stream::SplitStream;
use shared::model::Severity;
use shared::session::ModelLoss;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Ends, FromModel, Socket, Stamped, closed, loss};
use crate::relay::metrics::label;

/// So many useless frames in a row, and it is not the model that is talking to us.
const MOST_GARBAGE: u32 = 20;

/// Reads until the socket is lost, and says why.
pub(super) async fn run(
    ends: &Ends,
    mut stream: SplitStream<Socket>,
    events: &mpsc::Sender<Stamped<FromModel>>,
) -> ModelLoss {
    let mut garbage = 0;
    while garbage < MOST_GARBAGE {
        let message = match tokio::time::timeout(2 * ends.settings.ping_every, stream.next()).await {
            Err(_) => return loss("silent", Severity::Retry),
            Ok(None) => return closed(ends, None),
            Ok(Some(Err(error))) => return broken(ends, &error),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Text(text) => match decode(ends, text) {
                Some(event) => {
                    garbage = 0;
                    if events.send(event).await.is_err() {
                        return loss("dropped", Severity::Benign);
                    }
                }
                None => garbage += 1,
            },
            Message::Binary(_) => {
                garbage += 1;
                count_fault(ends, "binary");
            }
            Message::Close(frame) => return closed(ends, frame.as_ref()),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    loss("garbage", Severity::Retry)
}

fn decode(ends: &Ends, text: Utf8Bytes) -> Option<Stamped<FromModel>> {
    ends.metrics.model_frames.inc();
    let stamped = |event| Stamped::now(FromModel::Event(event));
    match ByteString::try_from(Bytes::from(text)).map_err(|_| None).and_then(|f| ends.dialect.decode(&f).map_err(Some))
    {
        Ok(event) => Some(stamped(event)),
        Err(error) => {
            // What serde says of a frame may quote it, and a frame may quote the caller.
            tracing::debug!(call = %ends.sid, ?error, "a frame of the model's was not understood");
            count_fault(ends, "garbage");
            None
        }
    }
}

fn count_fault(ends: &Ends, kind: &'static str) {
    ends.metrics.model_faults.get_or_create(&label(kind)).inc();
}

fn broken(ends: &Ends, error: &Error) -> ModelLoss {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => closed(ends, None),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => loss("too_long", Severity::Retry),
        _ => {
            tracing::warn!(call = %ends.sid, %error, "the model broke the WebSocket protocol");
            loss("protocol", Severity::Retry)
        }
    }
}
