//! What came of a round or of a test of a session, and the words for what is wrong where no connection is to blame. Pure.

use crate::ingest::connack;
use crate::ingest::reasons::{suback_cure, suback_meaning};
use crate::ingest::status::Failure;
use std::time::Duration;
use watchkeeper_core::probe::{Tested, Verdict};

/// How long the steps of the way took; none: it did not come to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phases {
    pub(crate) dial: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) subscribe: Option<Duration>,
}

/// What came of a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) phases: Phases,
    pub(crate) verdict: Verdict,
    /// The highest quality of service that this broker has.
    pub(crate) qos_max: u8,
    /// Why it failed.
    pub(crate) failure: Option<Failure>,
}

/// What came of a test of a session.
#[derive(Clone, Debug)]
pub(crate) enum Session {
    /// It was tested.
    Tested(Tested),
    /// It could not be tested: the way to the broker failed, which is told elsewhere.
    Away(Failure),
    /// The broker does not allow it.
    Denied(Failure),
}

/// The broker refused the subscription.
pub(super) fn not_subscribed(topic: &str, code: u8) -> Failure {
    Failure {
        reason: "suback",
        summary: format!(
            "the broker refuses the subscription to {topic} ({code:#04x}, {})",
            suback_meaning(code)
        ),
        cure: format!("{}, {OR_OFF}", suback_cure(topic, code)),
    }
}

/// The broker refused a message.
pub(super) fn not_published(topic: &str, code: u8) -> Failure {
    Failure {
        reason: "publish_refused",
        summary: format!("the broker refuses messages to {topic} ({code:#04x}, {})", connack::meaning(code)),
        cure: format!("{ALLOW}, {OR_OFF}"),
    }
}

/// The broker hung up when a message at this quality of service was published.
pub(super) fn hung_up_on(qos: u8, failure: &Failure) -> Failure {
    Failure {
        reason: failure.reason,
        summary: format!("{}, after a message at QoS {qos}", failure.summary),
        cure: format!(
            "{}; a broker without QoS {qos} hangs up on it: leave it out of [probe] qos",
            failure.cure
        ),
    }
}

/// Some or all of what was published did not come back.
pub(super) fn not_back(topic: &str, verdict: &Verdict, within: Duration) -> Failure {
    let missing: Vec<String> = verdict.lost().map(|qos| format!("QoS {qos}")).collect();
    let (missing, within) = (missing.join(" and "), within.as_secs_f64());
    let summary = format!("what was published to {topic} at {missing} did not come back within {within} s");
    if !verdict.is_nothing_back() {
        return Failure { reason: "messages_lost", summary, cure: LIMITS.to_owned() };
    }
    Failure {
        reason: "messages_lost",
        summary: format!(
            "{summary}, and nothing else either: it is not allowed and dropped in silence, or it is lost"
        ),
        cure: format!(
            "{ALLOW}: some brokers drop in silence what is not allowed; where it is allowed, {LIMITS}; {OR_OFF}"
        ),
    }
}

/// The broker keeps no retained messages, as it `says` in words: nothing that anybody has to repair.
pub(super) fn not_kept(says: &str) -> Failure {
    Failure {
        reason: "retained_unsupported",
        summary: format!("the broker {says}"),
        cure: format!("nothing, unless something relies on them; {RETAINED_OFF} no longer asks for it"),
    }
}

/// The broker hung up on the retained message, whatever that means.
pub(super) fn hung_up_on_retained(failure: &Failure) -> Failure {
    Failure {
        reason: "retained_hung_up",
        summary: format!("the broker hangs up on a retained message: {}", failure.summary),
        cure: format!(
            "see the broker's log; in MQTT 3.1.1 that is how a broker that keeps none says so: {RETAINED_OFF} no longer asks for it"
        ),
    }
}

/// It took longer than all of it may.
pub(super) fn not_in_time(topic: &str, within: Duration) -> Failure {
    let within = within.as_secs_f64();
    Failure {
        reason: "retained_slow",
        summary: format!("a retained message to {topic} did not come and go within {within} s"),
        cure: format!("see the load and the log of the broker, or leave it out with {RETAINED_OFF}"),
    }
}

/// The broker refused the retained message, or its end.
pub(super) fn retained_refused(topic: &str, code: u8) -> Failure {
    let meaning = connack::meaning(code);
    Failure {
        reason: "retained_refused",
        summary: format!("the broker refuses retained messages to {topic} ({code:#04x}, {meaning})"),
        cure: format!("{ALLOW}, or leave retained messages out with {RETAINED_OFF}"),
    }
}

/// Whoever subscribed after the retained message did not get it, or not as one.
pub(super) fn not_found(topic: &str, is_unmarked: bool, within: Duration) -> Failure {
    let within = within.as_secs_f64();
    if is_unmarked {
        return Failure {
            reason: "retained_unmarked",
            summary: format!("what was retained at {topic} comes without the mark that it was retained"),
            cure: format!(
                "see the version of the broker for known faults, or leave it out with {RETAINED_OFF}"
            ),
        };
    }
    Failure {
        reason: "retained_lost",
        summary: format!(
            "what was retained at {topic} did not come to whoever subscribed after it within {within} s"
        ),
        cure: format!(
            "see whether retained messages are switched on (retain_available in mosquitto.conf), and {ALLOW}: some brokers drop in silence what is not allowed; else leave it out with {RETAINED_OFF}"
        ),
    }
}

/// It still comes after it was taken away.
pub(super) fn still_there(topic: &str) -> Failure {
    Failure {
        reason: "retained_left",
        summary: format!("what was retained at {topic} still comes after it was taken away"),
        cure: format!(
            "see the version of the broker for known faults, and whether its nodes share what is retained; or leave it out with {RETAINED_OFF}"
        ),
    }
}

const RETAINED_OFF: &str = "[probe] retained = false";
const ALLOW: &str = "allow this user to read and to publish watchkeeper/probe/# in the broker's access rules";
const LIMITS: &str = "see the load and the log of the broker, and its limits for one client";
const OR_OFF: &str = "or switch the probe off with [probe] every = \"0\"";

/// What is wrong with a session; none: nothing.
pub(super) fn unsound(tested: &Tested, sent: u64) -> Option<Failure> {
    if tested.is_sound() {
        return None;
    }
    if !tested.is_kept {
        return Some(Failure {
            reason: "session_lost",
            summary: format!("the broker did not keep the session that was left, and {sent} messages with it"),
            cure: "let the broker keep sessions (persistent_client_expiration, session expiry, max sessions); behind a load balancer all nodes must share them".to_owned(),
        });
    }
    let received = &tested.received;
    let range = |range: &watchkeeper_core::received::Range| format!("{} to {}", range.first, range.last);
    let ranges: Vec<String> = received.missing().iter().take(5).map(range).collect();
    if received.lost() > 0 {
        let (lost, ranges) = (received.lost(), ranges.join(", "));
        return Some(Failure {
            reason: "messages_lost",
            summary: format!("of {sent} messages that waited for the session {lost} are missing: {ranges}"),
            cure: "raise what the broker keeps for a client that is away (max_queued_messages, max_queued_bytes, max_mqueue_len)".to_owned(),
        });
    }
    let (again, late) = (received.again, received.late + received.old);
    Some(Failure {
        reason: "messages_disordered",
        summary: format!(
            "of {sent} messages that waited for the session {again} came twice and {late} out of order"
        ),
        cure: "see the version of the broker for known faults, and whether its nodes share a session"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::received::Received;

    #[test]
    fn what_is_wrong_with_a_session_is_told_with_its_numbers() {
        let tested = |numbers: &[u64], is_kept| {
            let mut received = Received::from(0);
            for number in numbers {
                received.hear(*number);
            }
            received.sent(4);
            Tested { is_kept, received }
        };
        let reason =
            |numbers: &[u64], is_kept| unsound(&tested(numbers, is_kept), 4).map(|failure| failure.reason);
        assert_eq!(reason(&[0, 1, 2, 3], true), None);
        assert_eq!(reason(&[], false), Some("session_lost"));
        assert_eq!(reason(&[0, 2, 1, 3], true), Some("messages_disordered"));
        let lost = unsound(&tested(&[0, 1], true), 4).map(|failure| failure.summary);
        assert!(lost.is_some_and(|summary| summary.ends_with("2 are missing: 2 to 3")));
    }
}
