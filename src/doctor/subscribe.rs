//! What the broker says of its own limits, and what it says to each filter. Nothing here may publish.

use super::Patient;
use super::report::{Step, Verdict};
use crate::ingest::reasons::{Cause, suback_cure, suback_meaning};
use crate::talk::Talk;
use crate::talk::wire::ConnAck;
use std::fmt::Write;
use std::time::Instant;

impl Patient<'_, '_> {
    /// From CONNACK; MQTT 3.1.1 tells nothing.
    pub(super) fn limits(&self, ack: &ConnAck, v5: bool) {
        let step = Step::tried("limits", "read CONNACK");
        if !v5 {
            let means = "what this broker allows is found out by the steps below";
            let step = step.got("MQTT 3.1.1 tells no limits");
            self.add(step.is(Verdict::Note, None, means, ""));
            return;
        }
        let step = step.got(told(ack));
        // A sidecar asks for all of them at once.
        let ours = subscribe_bytes(&self.filters());
        if let Some(most) = ack.packet_max.filter(|most| (*most as usize) < ours) {
            self.add(self.failed(step, &Cause::PacketTooLarge(ours, most as usize)));
            return;
        }
        let step = match (ack.no_wildcards, ack.qos_max, ack.packet_max) {
            (true, _, _) => step.is(
                Verdict::Warning,
                Some("no_wildcards"),
                "the broker takes no filter with + or #",
                "name every topic in the streams",
            ),
            (_, Some(0), _) => step.is(
                Verdict::Warning,
                Some("qos_limited"),
                "the broker delivers at quality of service 0 only: messages may be lost, and the audit log cannot know",
                "raise the broker's highest quality of service to 1",
            ),
            (_, _, Some(bytes)) if (bytes as usize) < self.broker.payload_bytes_max => step.is(
                Verdict::Note,
                None,
                format!("devices cannot send more than {bytes} bytes, less than payload_bytes_max"),
                "",
            ),
            _ if ack.no_retain => {
                step.is(Verdict::Note, None, "the broker keeps no retained messages", "")
            }
            _ if ack.no_shared => step.is(Verdict::Note, None, "the broker has no shared subscriptions", ""),
            _ => step,
        };
        self.add(step);
    }

    /// Every filter that the sidecar asks for. None: the connection broke.
    pub(super) async fn subscribe(&self, mut talk: Talk) -> Option<Talk> {
        for filter in self.filters() {
            let began = Instant::now();
            let step = Step::tried("subscribe", format!("SUBSCRIBE {filter} at QoS 1"));
            let answer = talk.subscribe(&filter, 1, self.limit).await;
            let step = step.took(began.elapsed());
            match answer {
                Ok(code @ 0..=2) => {
                    let step = step.got(format!("{filter} granted at QoS {code}"));
                    self.add(match code {
                        0 => step.is(
                            Verdict::Warning,
                            Some("qos_limited"),
                            "messages may be lost on the way, and nobody can know",
                            "let this user subscribe at quality of service 1",
                        ),
                        _ => step,
                    });
                }
                Ok(code) => {
                    let meaning = suback_meaning(code);
                    let step = step.got(format!("{filter} refused with {code:#04x}, {meaning}"));
                    let means = "what is sent below this filter is not watched";
                    self.add(step.is(
                        Verdict::Failed,
                        Some("filter_refused"),
                        means,
                        suback_cure(&filter, code),
                    ));
                }
                Err(cause) => {
                    self.add(self.failed(step, &cause));
                    return None;
                }
            }
        }
        Some(talk)
    }
}

/// SUBSCRIBE of MQTT 5 with these filters: type, length, packet id, no properties, and each with its length and options.
fn subscribe_bytes(filters: &[String]) -> usize {
    let rest = 3 + filters.iter().map(|filter| filter.len() + 3).sum::<usize>();
    1 + 1 + [128, 16_384, 2_097_152].iter().filter(|limit| rest >= **limit).count() + rest
}

/// The limits in one line.
fn told(ack: &ConnAck) -> String {
    let mut got = String::new();
    let mut tell = |name: &str, value: Option<u64>, otherwise: &str| {
        let value = value.map_or_else(|| otherwise.to_owned(), |value| value.to_string());
        let _ = write!(got, "{}{name} {value}", if got.is_empty() { "" } else { ", " });
    };
    tell("in flight", ack.receive_max.map(u64::from), "65535");
    tell("packet bytes", ack.packet_max.map(u64::from), "unlimited");
    tell("highest QoS", Some(ack.qos_max.unwrap_or(2).into()), "");
    tell("keep-alive", ack.keep_alive.map(u64::from), "as asked");
    got
}
