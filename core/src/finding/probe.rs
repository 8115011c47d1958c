//! What becomes true of our own messages there and back, and of the session that we leave and come back to.

use crate::time::{Micros, seconds};

/// An edge of the probe of one broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Probing {
    /// It failed so often in a row that it is no accident.
    Failed {
        /// In one word.
        reason: Box<str>,
        /// Why, in a sentence.
        summary: Box<str>,
        /// Rounds in a row.
        rounds: u64,
    },
    /// A round in which everything came back.
    Restored {
        /// Since the first round that failed.
        after: Micros,
    },
    /// A message went out, or was acknowledged, and did not come back.
    Lost {
        /// Quality of service of the first that is missing.
        qos: u8,
        /// How many, of this round.
        count: u64,
        /// Nothing else of the round came back either: what drops all that this user sends may be an access rule.
        is_all: bool,
    },
    /// For some rounds nothing was lost.
    Delivers,
    /// A session that was left was not kept, or something of what had waited for it is missing, twice there or out of order.
    SessionFailed {
        /// In one word.
        reason: Box<str>,
        /// Why, in a sentence.
        summary: Box<str>,
        /// Messages that are missing.
        lost: u64,
    },
    /// It was kept, and everything was there.
    SessionSound,
    /// A retained message did not come to whoever subscribed after it, or without its mark, or could not be taken away again;
    /// so often in a row that it is no accident.
    RetainedFailed {
        /// In one word.
        reason: Box<str>,
        /// Why, in a sentence.
        summary: Box<str>,
        /// Rounds in a row.
        rounds: u64,
    },
    /// It came with its mark, and was gone when it was taken away.
    RetainedSound,
    /// What failed is over, because the broker says, or shows by hanging up, that it keeps none.
    RetainedNone,
}

impl Probing {
    /// One sentence for people.
    pub fn details(&self) -> String {
        match self {
            Self::Failed { summary, rounds, .. } => {
                format!("the probe failed {rounds} times in a row: {summary}")
            }
            Self::Restored { after } => {
                format!("the probe's messages come back again, after {:.1} s", seconds(*after))
            }
            Self::Lost { count, is_all: true, .. } => format!(
                "the broker took the probe's messages and brought back none ({count} are missing): it drops in silence what this \
                 user may not publish or read below watchkeeper/probe/, or it loses messages"
            ),
            Self::Lost { qos, count: 1, .. } => {
                format!("a message of the probe at QoS {qos} was taken by the broker and did not come back")
            }
            Self::Lost { qos, count, .. } => {
                format!(
                    "{count} messages of the probe, the first at QoS {qos}, were taken by the broker and did not come back"
                )
            }
            Self::Delivers => "the probe loses no message any more".to_owned(),
            Self::SessionFailed { summary, .. } => {
                format!("the session of the probe is not sound: {summary}")
            }
            Self::SessionSound => {
                "the session of the probe is kept, and nothing that waited is missing".to_owned()
            }
            Self::RetainedFailed { summary, rounds, .. } => {
                format!("the retained message of the probe failed {rounds} times in a row: {summary}")
            }
            Self::RetainedSound => {
                "the retained message of the probe is kept and taken away again".to_owned()
            }
            Self::RetainedNone => {
                "the broker keeps no retained messages now, so that none of the probe can fail".to_owned()
            }
        }
    }

    /// The event's name in records and metrics.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "probe_failed",
            Self::Restored { .. } => "probe_restored",
            Self::Lost { .. } => "probe_lost",
            Self::Delivers => "probe_delivers",
            Self::SessionFailed { .. } => "session_probe_failed",
            Self::SessionSound => "session_probe_sound",
            Self::RetainedFailed { .. } => "probe_retained_failed",
            Self::RetainedSound => "probe_retained_sound",
            Self::RetainedNone => "probe_retained_none",
        }
    }
}
