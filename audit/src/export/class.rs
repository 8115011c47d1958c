//! Which class of OCSF an event is, and what it does in it. Every event must have one: what is not named here is
//! told by its type.

use crate::record::Kind;

/// A class with an activity of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) uid: u32,
    pub(super) name: &'static str,
    pub(super) activity: u32,
}

pub(super) const AUTHENTICATION: u32 = 3002;
pub(super) const ENTITY: u32 = 3004;
pub(super) const NETWORK: u32 = 4001;
pub(super) const API: u32 = 6003;
pub(super) const LIFECYCLE: u32 = 6002;
pub(super) const FINDING: u32 = 2004;
pub(super) const EVENT_LOG: u32 = 1008;
/// The activity that has no number.
pub(super) const OTHER: u32 = 99;

impl Class {
    fn new(uid: u32, activity: u32) -> Self {
        let name = match uid {
            AUTHENTICATION => "Authentication",
            ENTITY => "Entity Management",
            NETWORK => "Network Activity",
            API => "API Activity",
            LIFECYCLE => "Application Lifecycle",
            EVENT_LOG => "Event Log Activity",
            _ => "Detection Finding",
        };
        Self { uid, name, activity }
    }

    /// The class of an event; `known`: the client or the user is.
    pub(super) fn of(kind: Kind, event: &str, known: bool) -> Self {
        match (kind, event) {
            (_, "client_refused") if !known => Self::new(NETWORK, 5),
            (_, "client_connected" | "client_refused") => Self::new(AUTHENTICATION, 1),
            (_, "client_disconnected" | "session_expired") => Self::new(AUTHENTICATION, 2),
            (Kind::Connection, _) => Self::new(AUTHENTICATION, OTHER),
            (Kind::Command, _) | (_, "publish_denied" | "subscribe_denied") => Self::new(API, OTHER),
            (Kind::Config, event) => Self::new(ENTITY, entity(event)),
            (Kind::System, "started") => Self::new(LIFECYCLE, 3),
            (Kind::System, "stopped") => Self::new(LIFECYCLE, 4),
            (Kind::System, event) => {
                log(event).map_or(Self::new(LIFECYCLE, OTHER), |activity| Self::new(EVENT_LOG, activity))
            }
            (Kind::Alarm | Kind::Security | Kind::Delivery | Kind::Device | Kind::Payload, event) => {
                Self::new(FINDING, finding(event))
            }
        }
    }

    pub(super) fn activity_name(self, event: &str) -> String {
        let name = match (self.uid, self.activity) {
            (AUTHENTICATION, 1) => "Logon",
            (AUTHENTICATION, 2) => "Logoff",
            (NETWORK, 5) => "Refuse",
            (LIFECYCLE, 3) => "Start",
            (LIFECYCLE, 4) => "Stop",
            (EVENT_LOG, 2) | (ENTITY, 4) => "Delete",
            (EVENT_LOG, 3) => "Export",
            (EVENT_LOG, 5) => "Rotate",
            (ENTITY, 2) => "Read",
            (ENTITY, 3) | (FINDING, 2) => "Update",
            (FINDING, 1) => "Create",
            (FINDING, 3) => "Close",
            _ => event,
        };
        name.to_owned()
    }
}

fn entity(event: &str) -> u32 {
    match event {
        "config_seen" => 2,
        "config_removed" => 4,
        _ => 3,
    }
}

/// What happens to the log itself.
fn log(event: &str) -> Option<u32> {
    match event {
        "pruned" => Some(2),
        "exported" => Some(3),
        "rotated" => Some(5),
        "searched" | "recovered" | "write_failed" | "records_dropped" | "disk_low" | "disk_full"
        | "disk_resumed" => Some(OTHER),
        _ => None,
    }
}

/// A finding begins, goes on or is over.
fn finding(event: &str) -> u32 {
    match event {
        "alarm_acknowledged" => 2,
        "alarm_cleared" | "online" | "unstuck" | "error_ratio_normal" | "mute_ended" | "forgotten" => 3,
        _ => 1,
    }
}
