//! One text buffer and one byte chunk that serve all frames of a socket: after the first few, writing a frame
//! allocates nothing, because the chunk is taken back once the socket is done with it.

use bytes::{Bytes, BytesMut};

#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
    chunk: BytesMut,
}

impl Scratch {
    /// What `write` wrote. It is UTF-8: it comes out of a `String`.
    pub fn frame(&mut self, write: impl FnOnce(&mut String)) -> Bytes {
        self.text.clear();
        write(&mut self.text);
        self.chunk.extend_from_slice(self.text.as_bytes());
        self.chunk.split().freeze()
    }
}
