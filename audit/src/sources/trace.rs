//! What a record says of a message of a command stream beyond what people read: hashes of its ids and of the message,
//! so that after a kill the program knows from its log what it has not saved. A trace that was changed is none; it must
//! tell nothing of a payload but what the record tells anyway.

use crate::mask::Mask;
use crate::record::{Draft, Key};
use std::fmt::Write as _;
use watchkeeper_core::exchange::{Ids, Request, Response, Said};

/// A message of a command stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// A hash of the whole message.
    pub print: u64,
    /// What it says.
    pub said: Said,
}

/// The record of a message with its trace, and with the id and the name that the configuration finds in it.
#[must_use]
pub fn traced(draft: Draft, trace: &Trace, mask: &Mask) -> Draft {
    let (ids, name) = match &trace.said {
        Said::Nothing => return draft,
        Said::Request(request) => (&request.ids, &*request.command),
        Said::Response(response) => (&response.ids, ""),
    };
    let draft = draft.text(Key::CmdId, &mask.text(&ids.shown)).text(Key::Cmd, &mask.text(name));
    draft.text(Key::Fingerprint, &write(trace, ids))
}

fn write(trace: &Trace, ids: &Ids) -> String {
    let mut out = format!("message:{:016x}", trace.print);
    for key in &ids.keys {
        put(&mut out, format_args!(",id:{key:016x}"));
    }
    if let Some(reply) = ids.reply {
        put(&mut out, format_args!(",reply:{reply:016x}"));
    }
    match &trace.said {
        Said::Nothing => {}
        Said::Request(request) => {
            put(&mut out, format_args!(",request:{:016x}", request.print));
            if request.is_known {
                out.push_str(",known:1");
            }
        }
        Said::Response(response) => {
            put(&mut out, format_args!(",status:{}", hex(&response.status)));
            if let Some(took) = response.device {
                put(&mut out, format_args!(",took:{took}"));
            }
        }
    }
    out
}

/// A status may be any text; as digits it stands in a fingerprint without a quote.
fn hex(text: &str) -> String {
    super::hex(text.as_bytes())
}

fn put(out: &mut String, more: std::fmt::Arguments<'_>) {
    // Nothing fails that is written to a text.
    let _ = out.write_fmt(more);
}

/// The trace of a record, from its fields; none where it has none that can be read.
pub fn read(is_request: bool, fingerprint: &str, cmd: &str, cmd_id: &str, qos: u8) -> Option<Trace> {
    let mut ids = Ids { shown: cmd_id.into(), ..Ids::default() };
    let (mut message, mut request, mut status, mut took, mut is_known) = (None, None, None, None, false);
    for part in fingerprint.split(',') {
        let (key, value) = part.split_once(':')?;
        match key {
            "message" => message = Some(number(value)?),
            "id" => ids.keys.push(number(value)?),
            "reply" => ids.reply = Some(number(value)?),
            "request" => request = Some(number(value)?),
            "known" => is_known = value == "1",
            "status" => status = Some(unhex(value)?),
            "took" => took = Some(value.parse().ok()?),
            _ => {}
        }
    }
    let said = if is_request {
        let (command, print, faults) = (cmd.into(), request?, Vec::new());
        Said::Request(Request { ids, command, is_known, print, qos, serial: 0, faults })
    } else {
        Said::Response(Response { ids, status: status?.into(), device: took, faults: Vec::new() })
    };
    Some(Trace { print: message?, said })
}

fn number(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex, 16).ok()
}

fn unhex(digits: &str) -> Option<String> {
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Format, encode, fields};
    use crate::record::{Kind, Level};
    use watchkeeper_core::time::Wall;

    fn ids() -> Ids {
        Ids { keys: vec![7, u64::MAX], shown: "c1 | x".into(), reply: Some(9) }
    }

    fn back(trace: &Trace, is_request: bool, format: Format) -> Option<Trace> {
        let draft = Draft::new(Wall(0), Level::Info, Kind::Command, "x");
        let line = encode(&traced(draft, trace, &Mask::default()), format).line(3);
        let of = |name: &str| {
            let found = fields(line.trim_end()).find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        read(is_request, &of("fingerprint"), &of("cmd"), &of("cmd_id"), 1)
    }

    #[test]
    fn what_a_record_says_of_a_message_is_read_back() {
        let command = "get status".into();
        let (is_known, print, qos, serial, faults) = (true, 5, 1, 0, Vec::new());
        let request = Request { ids: ids(), command, is_known, print, qos, serial, faults };
        let response = Response { ids: ids(), status: "ökay".into(), device: Some(12), faults: Vec::new() };
        for format in [Format::Json, Format::Pipe] {
            let asked = Trace { print: 1, said: Said::Request(request.clone()) };
            assert_eq!(back(&asked, true, format), Some(asked));
            let said = Trace { print: 2, said: Said::Response(response.clone()) };
            assert_eq!(back(&said, false, format), Some(said));
        }
    }

    #[test]
    fn what_is_no_trace_is_none() {
        for text in ["", "x", "message:1", "message:zz,request:1", "message:1,status:f", "message:1,status:ö"]
        {
            assert_eq!(read(true, text, "", "", 0), None, "{text}");
            assert_eq!(read(false, text, "", "", 0), None, "{text}");
        }
    }
}
