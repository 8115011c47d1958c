//! Why a message counts as bad: the closed set, and sets of it. Values may be added, never reused.

use serde::{Deserialize, Serialize};

/// One reason. The order is that of the published list; state files store the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Reason {
    /// Not JSON.
    Json,
    /// Not UTF-8.
    Encoding,
    /// A member that a check needs is absent.
    MissingField,
    /// A member has another type than it must have.
    Type,
    /// A value outside its range.
    Range,
    /// A status that is not in the list.
    Status,
    /// Fewer points than there must be.
    TooFewPoints,
    /// A member contradicts the points.
    CrossCheck,
    /// Made too long ago.
    StaleTimestamp,
    /// Made in the future.
    FutureTimestamp,
    /// No date.
    BadTimestamp,
    /// Larger than `payload_bytes_max`.
    Oversize,
    /// Nested deeper than `json_depth_max`.
    Depth,
    /// A topic with spaces, empty levels, leading or trailing `/`, control characters or bytes that are no text.
    Topic,
    /// A request that breaks its rules.
    RequestInvalid,
    /// A response that breaks its rules.
    ResponseInvalid,
    /// No protobuf.
    Protobuf,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 17] = [
        Reason::Json,
        Reason::Encoding,
        Reason::MissingField,
        Reason::Type,
        Reason::Range,
        Reason::Status,
        Reason::TooFewPoints,
        Reason::CrossCheck,
        Reason::StaleTimestamp,
        Reason::FutureTimestamp,
        Reason::BadTimestamp,
        Reason::Oversize,
        Reason::Depth,
        Reason::Topic,
        Reason::RequestInvalid,
        Reason::ResponseInvalid,
        Reason::Protobuf,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Json => "json",
            Reason::Encoding => "encoding",
            Reason::MissingField => "missing_field",
            Reason::Type => "type",
            Reason::Range => "range",
            Reason::Status => "status",
            Reason::TooFewPoints => "too_few_points",
            Reason::CrossCheck => "cross_check",
            Reason::StaleTimestamp => "stale_timestamp",
            Reason::FutureTimestamp => "future_timestamp",
            Reason::BadTimestamp => "bad_timestamp",
            Reason::Oversize => "oversize",
            Reason::Depth => "depth",
            Reason::Topic => "topic",
            Reason::RequestInvalid => "request_invalid",
            Reason::ResponseInvalid => "response_invalid",
            Reason::Protobuf => "protobuf",
        }
    }

    /// The same for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Reason::Json => "not JSON",
            Reason::Encoding => "not UTF-8",
            Reason::MissingField => "a member is missing",
            Reason::Type => "a value of another type",
            Reason::Range => "a value out of range",
            Reason::Status => "an unknown status",
            Reason::TooFewPoints => "too few points",
            Reason::CrossCheck => "a member contradicts the points",
            Reason::StaleTimestamp => "made too long ago",
            Reason::FutureTimestamp => "made in the future",
            Reason::BadTimestamp => "its timestamp is no date",
            Reason::Oversize => "too large",
            Reason::Depth => "nested too deep",
            Reason::Topic => "an odd topic",
            Reason::RequestInvalid => "a request that breaks its rules",
            Reason::ResponseInvalid => "a response that breaks its rules",
            Reason::Protobuf => "not protobuf",
        }
    }
}

/// The reasons of one message, each at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u32);

impl Reasons {
    /// Adds one.
    pub fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u32;
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is in.
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    /// Those that are in, in order.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}

impl From<Reason> for Reasons {
    fn from(reason: Reason) -> Self {
        let mut reasons = Reasons::default();
        reasons.add(reason);
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_each_reason_once_and_in_order() {
        let mut reasons = Reasons::default();
        for reason in [Reason::Topic, Reason::Json, Reason::Topic] {
            reasons.add(reason);
        }
        assert_eq!(reasons.iter().collect::<Vec<_>>(), [Reason::Json, Reason::Topic]);
        assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
    }
}
