//! Sparkplug B 3.0: `spBv1.0/GROUP/TYPE/EDGE[/DEVICE]`. Births and deaths say who is there, one sequence of numbers from 0
//! to 255 counts all messages of an edge node and its devices, and nothing is ever due: values come when they change.
//! Nothing here may count a death of a session that is over.

use super::{means, path, status, stream, through, with_spaces};
use crate::rules::{Format, Kind, Statement, StatusRules, StreamRules};
use crate::trackers::presence::Departure;

const NODE: &str = "{group}/{edge}";
const DEVICE: &str = "{group}/{edge}/{device}";
/// As whose the points of a birth count: those of the data that follow.
const NODE_DATA: &str = "sparkplug_node_data";
const DEVICE_DATA: &str = "sparkplug_device_data";

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let gone = Statement::Gone(Departure::Will);
    let session = |what| Some(Box::new(StatusRules { session: path("$.metrics.bdSeq"), ..means(what) }));
    let mut streams = vec![
        numbered(node("sparkplug_node_birth", "NBIRTH", Kind::Presence)),
        node("sparkplug_node_death", "NDEATH", Kind::Presence),
        numbered(node(NODE_DATA, "NDATA", Kind::Telemetry)),
        node("sparkplug_node_command", "NCMD", Kind::Info),
        numbered(device("sparkplug_device_birth", "DBIRTH", Kind::Presence)),
        numbered(device("sparkplug_device_death", "DDEATH", Kind::Presence)),
        numbered(device(DEVICE_DATA, "DDATA", Kind::Telemetry)),
        device("sparkplug_device_command", "DCMD", Kind::Info),
    ];
    (streams[0].status, streams[1].status) = (session(Statement::Online), session(gone));
    (streams[4].status, streams[5].status) =
        (Some(Box::new(means(Statement::Online))), Some(Box::new(means(gone))));
    for (at, data) in [(0, NODE_DATA), (2, NODE_DATA), (4, DEVICE_DATA), (6, DEVICE_DATA)] {
        streams[at].kin.joins = Some(data.into());
    }
    streams[0].kin.sequence_begins = true;
    streams.extend([host("sparkplug_host", "spBv1.0/STATE/{host}"), old_host()]);
    with_spaces(streams)
}

fn node(name: &str, what: &str, kind: Kind) -> StreamRules {
    let filter = format!("spBv1.0/{{group}}/{what}/{{edge}}");
    StreamRules { format: Format::Sparkplug, ..stream(kind, name, &filter, NODE) }
}

fn device(name: &str, what: &str, kind: Kind) -> StreamRules {
    let filter = format!("spBv1.0/{{group}}/{what}/{{edge}}/{{device}}");
    through(NODE, StreamRules { format: Format::Sparkplug, ..stream(kind, name, &filter, DEVICE) })
}

/// Its messages carry the moment, and a number of the one sequence.
fn numbered(mut stream: StreamRules) -> StreamRules {
    stream.timestamp = path("$.timestamp");
    stream.sequence = path("$.seq");
    stream.sequence_modulus = 256;
    stream.kin.sequence_with = Some(NODE_DATA.into());
    stream
}

/// Host applications tell of themselves. Their will carries the moment of the birth, so that one that comes late is known.
fn host(name: &str, filter: &str) -> StreamRules {
    let mut stream = stream(Kind::Presence, name, filter, "STATE/{host}");
    stream.status = status(Some("$.online"), &["true"], &["false"])
        .map(|status| Box::new(StatusRules { session: path("$.timestamp"), session_grows: true, ..*status }));
    stream
}

/// As it was before version 3.
fn old_host() -> StreamRules {
    let mut stream = stream(Kind::Presence, "sparkplug_old_host", "STATE/{host}", "STATE/{host}");
    stream.status = super::only_status(&["ONLINE"], &["OFFLINE"]);
    stream
}
