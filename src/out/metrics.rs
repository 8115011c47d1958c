//! `GET /metrics`: what concerns ourselves, then the fleet's part as the engine writes it, piece by piece. The
//! whole exposition must never be held in memory: a large fleet's has tens of megabytes.

use super::{ANSWER_WITHIN, Desk, Shared, accept, audit_families, intake_families, own_families, process};
use crate::clock;
use crate::out::problem::Problem;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use prometheus::Gauge;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use watchkeeper_core::sample::{Desc, Exposition, Writer};
use watchkeeper_core::time::{Mono, seconds};

/// A client that does not take a piece within this is cut off.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Labels of our own are broker names and reasons; none is near this.
const LABEL_BYTES_MAX: usize = 256;

pub(super) static BUILD_INFO: Desc =
    Desc::gauge("watchkeeper_build_info", "Version and revision of the program; always 1.");
pub(super) static COMPLETE: Desc = Desc::gauge(
    "watchkeeper_exposition_complete",
    "Whether the engine answered this scrape; 0: the families of the fleet are missing.",
);

/// Answers a scrape.
pub(crate) async fn get(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let shared = &desk.shared;
    let Ok(permit) = Arc::clone(&shared.scrapes).try_acquire_owned() else {
        return Problem::unavailable(
            "too many scrapes run at once; scrape less often or from fewer places, or give each more time",
        )
        .into_response();
    };
    let timed =
        Timed { started: clock::mono(), gauge: shared.subject.own.scrape_duration.clone(), _permit: permit };
    let exposition = accept::exposition(&headers);
    let asked = tokio::time::timeout(ANSWER_WITHIN, shared.subject.engine.exposition(exposition)).await;
    let fleet = asked.ok().and_then(Result::ok);
    let own = own_part(shared, exposition, fleet.is_some());
    let kind = [(header::CONTENT_TYPE, accept::content_type(exposition)), (header::VARY, "accept")];
    (kind, Body::from_stream(pieces(Scrape { own, fleet, end: end(exposition), timed }))).into_response()
}

/// The families that concern ourselves.
fn own_part(shared: &Shared, exposition: Exposition, complete: bool) -> Bytes {
    let mut writer = Writer::new(exposition, LABEL_BYTES_MAX);
    let subject = &shared.subject;
    writer.family(&BUILD_INFO);
    let labels = [("version", subject.version), ("revision", subject.revision)];
    writer.sample(BUILD_INFO.name, "", &labels, 1.0);
    writer.family(&COMPLETE);
    writer.sample(COMPLETE.name, "", &[], f64::from(u8::from(complete)));
    own_families::write(&subject.own.registry.gather(), &mut writer);
    if let Some(status) = subject.audit.status() {
        audit_families::write(&status, subject.audit.proved(), clock::wall(), &mut writer);
    }
    let links = subject.brokers.iter().filter_map(|link| Some((&*link.name, link.audit.as_ref()?)));
    intake_families::write(&links.collect::<Vec<_>>(), &mut writer);
    process::write(&mut writer);
    writer.buffer.into()
}

fn end(exposition: Exposition) -> Option<Bytes> {
    let mut writer = Writer::new(exposition, LABEL_BYTES_MAX);
    writer.finish();
    (!writer.buffer.is_empty()).then(|| writer.buffer.into())
}

/// A scrape under way.
struct Scrape {
    own: Bytes,
    fleet: Option<mpsc::Receiver<Bytes>>,
    end: Option<Bytes>,
    timed: Timed,
}

/// Holds the place among the scrapes, and notes the duration when the last piece is gone or the client is.
struct Timed {
    started: Mono,
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.gauge.set(seconds(clock::mono().since(self.started)));
    }
}

/// The pieces as a body. A task of its own passes them on, because a client that does not read must not keep the
/// place of others: when a piece is not taken in time, the task ends, and with it the producer and the body.
fn pieces(scrape: Scrape) -> impl Stream<Item = io::Result<Bytes>> {
    let (send, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        let Scrape { own, fleet, end, timed } = scrape;
        tokio::select! {
            _ = pass(own, fleet, end, &send) => {}
            // The client is gone, and nobody waits for the engine any more.
            () = send.closed() => {}
        }
        drop(timed);
    });
    // Fused, because the compressor asks once more after the end.
    stream::unfold(taken, async |mut taken| Some((taken.recv().await?, taken))).fuse()
}

/// The client is gone, or too slow.
struct Gone;

async fn pass(
    own: Bytes,
    fleet: Option<mpsc::Receiver<Bytes>>,
    end: Option<Bytes>,
    send: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), Gone> {
    let give = async |piece| match tokio::time::timeout(TAKEN_WITHIN, send.send(piece)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    };
    give(Ok(own)).await?;
    if let Some(mut fleet) = fleet {
        loop {
            match fleet.recv().await {
                Some(piece) if piece.is_empty() => break,
                Some(piece) => give(Ok(piece)).await?,
                // Half a text must not look like a whole one: the body is broken off.
                None => return give(Err(io::Error::other("the engine stopped in mid-scrape"))).await,
            }
        }
    }
    match end {
        Some(end) => give(Ok(end)).await,
        None => Ok(()),
    }
}
