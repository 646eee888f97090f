//! Encodes into one reused buffer and writes: feed all that is ready, flush once.

use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use shared::model::ModelCommand;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::{Ends, Socket, Stamped};
use crate::relay::metrics::Direction;
use crate::relay::scratch::Scratch;

const BATCH: usize = 64;
/// A model that takes nothing for this long is gone, whatever TCP says.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Writes until the driver drops the socket or the socket breaks; the reader reports the latter.
pub(super) async fn run(
    ends: Ends,
    mut sink: SplitSink<Socket, Message>,
    mut commands: mpsc::Receiver<Stamped<ModelCommand>>,
) {
    if let Err(error) = write(&ends, &mut sink, &mut commands).await {
        tracing::debug!(call = %ends.sid, %error, "writing to the model ended");
    }
    let _closed_already = tokio::time::timeout(Duration::from_secs(1), sink.close()).await;
}

async fn write(
    ends: &Ends,
    sink: &mut SplitSink<Socket, Message>,
    commands: &mut mpsc::Receiver<Stamped<ModelCommand>>,
) -> Result<(), Error> {
    let mut scratch = Scratch::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut pings = tokio::time::interval(ends.settings.ping_every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            taken = commands.recv_many(&mut batch, BATCH) => {
                if taken == 0 {
                    return Ok(());
                }
                in_time(write_batch(ends, sink, &mut scratch, &batch)).await?;
                batch.clear();
            }
            _ = pings.tick() => in_time(sink.send(Message::Ping(Bytes::new()))).await?,
        }
    }
}

async fn write_batch(
    ends: &Ends,
    sink: &mut SplitSink<Socket, Message>,
    scratch: &mut Scratch,
    batch: &[Stamped<ModelCommand>],
) -> Result<(), Error> {
    for command in batch {
        let frame = scratch.frame(|out| ends.dialect.encode(&command.value, out));
        let text = Utf8Bytes::try_from(frame).map_err(|error| Error::Utf8(error.to_string()))?;
        sink.feed(Message::Text(text)).await?;
    }
    sink.flush().await?;
    let written = Instant::now();
    for command in batch {
        if matches!(command.value, ModelCommand::AppendAudio(_)) {
            ends.metrics.added(Direction::ToModel, written.duration_since(command.at));
        }
    }
    Ok(())
}

async fn in_time(write: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let timely = tokio::time::timeout(WRITE_TIMEOUT, write).await;
    timely.unwrap_or_else(|_| Err(Error::Io(std::io::ErrorKind::TimedOut.into())))
}
