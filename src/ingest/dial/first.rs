//! The first bytes that come over a stream, kept for whoever asks what speaks there when it is not MQTT. Nothing here may
//! change or hold back a byte.

use super::{Bytes2, sniff};
use crate::ingest::reasons::Cause;
use std::io::Result;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More tells no more.
const FIRST_MAX: usize = 256;

/// What came first; shared with the stream.
#[derive(Clone, Default)]
pub(super) struct First(Arc<Mutex<Vec<u8>>>);

/// See the head of this file.
pub(super) struct Keeping {
    stream: Bytes2,
    first: First,
    /// What is still to be kept.
    room: usize,
}

impl First {
    /// What it tells, without what must not be shown.
    pub(super) fn told(&self, secrets: &[&str]) -> Option<Cause> {
        self.0.lock().ok().and_then(|first| sniff::answered(&first, secrets))
    }

    pub(super) fn of(&self, stream: Bytes2) -> Keeping {
        Keeping { stream, first: self.clone(), room: FIRST_MAX }
    }
}

impl Keeping {
    fn keep(&mut self, came: &[u8]) {
        let kept = &came[..came.len().min(self.room)];
        if !kept.is_empty()
            && let Ok(mut first) = self.first.0.lock()
        {
            first.extend(kept);
            self.room -= kept.len();
        }
    }
}

impl AsyncRead for Keeping {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.keep(buffer.filled().get(before..).unwrap_or_default());
        read
    }
}

impl AsyncWrite for Keeping {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
