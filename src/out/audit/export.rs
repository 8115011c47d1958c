//! `GET /api/audit/export`: records in the forms of other systems, as they are found. The log may be larger than the
//! memory, and a client slower than the disk: neither may be waited for without end.

use super::super::Desk;
use super::super::api::Pairs;
use super::super::security::Sender;
use super::question::{Parameters, Question};
use super::{Leaving, folder, place, problem, record, relayed, until_left};
use crate::audit::asked::Deed;
use crate::out::problem::Problem;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::io;
use std::ops::ControlFlow;
use tokio::sync::mpsc;
use watchkeeper_audit::export::{Form, write};
use watchkeeper_audit::search::{Limits, Search};

/// Bytes of one piece.
const PIECE: usize = 64 << 10;

/// `GET /api/audit/export`.
pub(crate) async fn get(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    query: Pairs,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(query)?;
    parameters.refuse(&["cursor", "by", "count", "step"], "leave it out")?;
    let form = form(parameters.take("format"))?;
    let question = parameters.question(None)?;
    let dir = folder(&desk.shared)?;
    let place = place(&desk.shared.audit.exports, "exports")?;
    let (pieces, taken) = mpsc::channel(2);
    let leaving = Leaving::default();
    // An export that finds nothing hands over nothing, and would not notice by itself that nobody listens.
    let limits = Limits { stop: Some(leaving.flag()), ..Limits::default() };
    tokio::task::spawn_blocking(move || {
        let Question { query, text } = question;
        let mut out = Pieces { pieces, buffer: Vec::with_capacity(PIECE) };
        let mut given = 0;
        let mut each = |line: &str| match write(form, line, crate::audit::ORIGIN, &mut out.buffer) {
            Ok(()) => {
                given += 1;
                if out.buffer.len() < PIECE { ControlFlow::Continue(()) } else { out.send() }
            }
            // A line that somebody altered: `audit verify` is who tells of it.
            Err(_) => ControlFlow::Continue(()),
        };
        let done = Search::run(&dir, &query, &limits, &mut each);
        out.end(done.map(|_| ()).map_err(|error| problem(&error)));
        drop(place);
        record(&desk, Deed::Exported, &sender, &format!("format={} {text}", form.word()), given);
    });
    let name = format!("attachment; filename=\"audit.{}\"", form.word());
    let headers = [(header::CONTENT_TYPE, kind(form).to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(until_left(relayed(taken), leaving))).into_response())
}

fn form(word: Option<String>) -> Result<Form, Problem> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(Form::Ndjson) };
    Form::from_word(&word).ok_or_else(|| {
        let known: Vec<&str> = Form::ALL.iter().map(|form| form.word()).collect();
        Problem::bad_request(format!("format: there is no such form; write one of {}", known.join(", ")))
    })
}

fn kind(form: Form) -> &'static str {
    match form {
        Form::Ndjson | Form::Ocsf | Form::Ecs | Form::Otlp => "application/x-ndjson",
        Form::Cef | Form::Syslog => "text/plain; charset=utf-8",
    }
}

/// The body, from a thread that may wait.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Pieces {
    /// Breaks when the client is gone, or too slow.
    fn send(&mut self) -> ControlFlow<()> {
        let piece = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE)));
        self.give(Ok(piece))
    }

    fn give(&self, piece: io::Result<Bytes>) -> ControlFlow<()> {
        match self.pieces.blocking_send(piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// The rest. Half an export must not look like a whole one: where the search failed, the body is broken off.
    fn end(&mut self, done: Result<(), Problem>) {
        let sent = if self.buffer.is_empty() { ControlFlow::Continue(()) } else { self.send() };
        if let (ControlFlow::Continue(()), Err(problem)) = (sent, done) {
            // Nobody listens when the client has gone meanwhile.
            let _ = self.give(Err(io::Error::other(problem.detail)));
        }
    }
}
