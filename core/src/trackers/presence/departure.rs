//! Why a device went: a closed set, from the cause that says least to the one that says most. Nothing here may depend on
//! a make of broker.

use crate::broker::clients::Cause;
use serde::{Deserialize, Serialize};

/// Why a device went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Departure {
    /// It was silent for longer than its class allows.
    #[default]
    Silence,
    /// The device through which it speaks is gone.
    Parent,
    /// The broker says that its connection ended, and no more.
    Closed,
    /// Its status topic says so: its last will, or somebody who watches over it.
    Will,
    /// The connection broke.
    Network,
    /// What no other cause says.
    Other,
    /// It said goodbye.
    Disconnect,
    /// It was silent on its connection for longer than it had promised.
    KeepAlive,
    /// Another connection took its client id.
    TakenOver,
    /// It did not keep to the protocol or to the limits of the broker.
    Refused,
    /// An operator ended its connection.
    Kicked,
}

impl Departure {
    /// As findings, records and the API have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Parent => "parent",
            Self::Closed => "connection_closed",
            Self::Will => "will",
            Self::Network => "network",
            Self::Other => "other",
            Self::Disconnect => "disconnect",
            Self::KeepAlive => "keepalive_timeout",
            Self::TakenOver => "taken_over",
            Self::Refused => "refused",
            Self::Kicked => "kicked",
        }
    }

    /// The same for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Silence => "silent",
            Self::Parent => "what it speaks through is gone",
            Self::Closed => "its connection was closed",
            Self::Will => "its status topic or last will says so",
            Self::Network => "its connection broke",
            Self::Other => "the broker ended its connection",
            Self::Disconnect => "it said goodbye",
            Self::KeepAlive => "it did not keep its connection alive",
            Self::TakenOver => "another connection took its client id",
            Self::Refused => "it broke a rule of the protocol or a limit of the broker",
            Self::Kicked => "an operator ended its connection",
        }
    }

    /// How much it says: of several causes of one departure the last in the list is kept.
    pub(super) fn rank(self) -> u8 {
        self as u8
    }
}

impl From<Cause> for Departure {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::ByClient => Self::Disconnect,
            Cause::Closed => Self::Closed,
            Cause::KeepAlive => Self::KeepAlive,
            Cause::TakenOver => Self::TakenOver,
            Cause::Network | Cause::Tls => Self::Network,
            Cause::Administrative | Cause::Banned => Self::Kicked,
            Cause::ProtocolError | Cause::Oversize | Cause::NotSupported | Cause::Quota => Self::Refused,
            Cause::NotAuthorized | Cause::BadCredentials | Cause::BadAuthMethod | Cause::BadClientId => {
                Self::Refused
            }
            Cause::Accepted
            | Cause::Unavailable
            | Cause::MaxConnections
            | Cause::BeforeConnect
            | Cause::Other => Self::Other,
        }
    }
}
