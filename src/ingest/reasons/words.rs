//! Causes for people: one sentence, and what to do next. The same words stand in health, in the log and in `doctor`.

use super::{Cause, is_lookup};
use crate::ingest::status::Failure;
use std::io::ErrorKind;
use std::time::Duration;

impl Cause {
    /// For people: `place` is where we tried, `limit` the time-out that was in force.
    pub(crate) fn failure(&self, place: &str, limit: Duration) -> Failure {
        Failure { reason: self.reason(), summary: self.summary(place, limit), cure: self.cure().to_owned() }
    }

    fn summary(&self, place: &str, limit: Duration) -> String {
        let within = format!("within {}s", limit.as_secs_f64());
        match self {
            Cause::Io(_, text) if !is_lookup(text) => format!("{place}: {text}"),
            Cause::Io(_, text) | Cause::Dns(text) => format!("{place}: the host name is not found: {text}"),
            Cause::Socket(_, text) => format!("{place}: the socket cannot be opened: {text}"),
            Cause::Closed => format!("{place} closed the connection"),
            Cause::KeepAlive => format!("{place} did not answer a ping within the keep-alive"),
            Cause::ConnectTimeout => format!("{place} did not accept a connection {within}"),
            Cause::Silent => format!("{place} accepted the connection and then said nothing {within}"),
            Cause::SubackTimeout => format!("{place} did not answer SUBSCRIBE {within}"),
            Cause::Frozen => {
                format!("{place} holds the connection open but said nothing {within} of being asked")
            }
            Cause::Idle => format!("{place} did not confirm the silent subscription {within}"),
            Cause::Version => format!("{place} refuses this version of MQTT"),
            Cause::Credentials => format!("{place} refuses the user name or the password"),
            Cause::NotAuthorized => format!("{place} does not let this client in"),
            Cause::ClientId => format!("{place} refuses the client id"),
            Cause::TakenOver => format!("{place} gave our client id to another client"),
            Cause::Thrown => format!("{place} lets us in and hangs up on us again and again"),
            Cause::Unavailable(text) => format!("{place} is not available: {text}"),
            Cause::HungUp(text) => format!("{place} disconnected us: {text}"),
            Cause::Protocol(text) => format!("{place} does not speak MQTT as expected: {text}"),
            Cause::NotMqtt(text) => match looks_like(text) {
                Some(kind) => format!("{place} does not speak MQTT, it is {kind}: it answers «{text}»"),
                None => format!("{place} does not speak MQTT: it answers «{text}»"),
            },
            Cause::BadFilter => "a topic filter is not valid, so SUBSCRIBE was not sent".to_owned(),
            Cause::PacketTooLarge(ours, most) => {
                format!("{place} takes packets of {most} bytes at most, and our SUBSCRIBE has {ours}")
            }
            Cause::Backlog => {
                format!("{place} sends more than the audit log takes; it was left, and will send it again")
            }
            Cause::Tls(fault) => fault.summary(place),
            Cause::TlsPort => format!("{place} speaks TLS at this port, and we spoke plainly"),
            Cause::Http(code) => format!("{place} is an HTTP server: it answers with HTTP {code}"),
            Cause::WebSocket(text) => format!("{place} opens no websocket: {text}"),
            Cause::WebSocketProtocol => format!("{place} opens a websocket, but not for MQTT"),
            Cause::Files(text, _) => format!("{place} cannot be reached by TLS: {text}"),
        }
    }

    fn cure(&self) -> &'static str {
        match self {
            Cause::Io(ErrorKind::ConnectionRefused, _) => "start the broker, or check host and port in `url`",
            Cause::Io(ErrorKind::TimedOut, _) | Cause::ConnectTimeout => {
                "check that the network and the firewalls let this machine reach the broker, and that the port speaks MQTT"
            }
            Cause::Io(_, text) if is_lookup(text) => LOOKUP,
            Cause::Dns(_) => LOOKUP,
            Cause::Io(..) => "check the network between this machine and the broker",
            Cause::Socket(ErrorKind::PermissionDenied, _) => {
                "let this user read and write the socket file, and pass its folder"
            }
            Cause::Socket(..) => {
                "start the broker, or check the path in `url`: in mosquitto.conf it is «listener 0 PATH»"
            }
            Cause::Closed | Cause::HungUp(_) => "see the broker's log for the reason; it may have restarted",
            Cause::KeepAlive => "check the network and the load of the broker, or raise `keep_alive`",
            Cause::Frozen => "check whether the broker's process is stopped, swapping or overloaded",
            Cause::Silent => {
                "check whether the broker's process is stopped or overloaded, and whether this port speaks what `url` says"
            }
            Cause::BadFilter => "correct the filters of the streams",
            Cause::PacketTooLarge(..) => {
                "raise the broker's limit (max_packet_size in mosquitto.conf), or write fewer and wider filters: all of them go in one packet"
            }
            Cause::SubackTimeout => "see the broker's log for the subscription, or raise `connect_timeout`",
            Cause::Idle => "see the broker's log: it lost our subscription or does not serve it any more",
            Cause::Version | Cause::Protocol(_) => {
                "check that `url` names the MQTT port, and set `version` to what the broker speaks"
            }
            Cause::NotMqtt(_) => "check the port in `url`: another service listens there",
            Cause::Credentials => "check `username` and `password_file` of this [[broker]]",
            Cause::NotAuthorized => {
                "check `username` and `password_file` of this [[broker]] (some brokers, Mosquitto among them, say so to a wrong password), \
                 then the broker's rules for this user and client id"
            }
            Cause::TakenOver => "two programs use one client id: give each sidecar a `client_id` of its own",
            Cause::Thrown => {
                "most likely two programs use one client id: give each sidecar a `client_id` of its own; else see the broker's log"
            }
            Cause::ClientId => {
                "set a `client_id` that the broker accepts: shorter, or without special characters"
            }
            Cause::Unavailable(_) => {
                "see the broker's log: it is busy, over a quota, moving or shutting down"
            }
            Cause::Backlog => {
                "see the state of the audit log, or limit what the broker has in flight for one client"
            }
            Cause::Tls(fault) => fault.cure(),
            Cause::TlsPort => "write mqtts:// (or wss://) in `url`, or name the port without TLS",
            Cause::Http(_) => {
                "name the MQTT port in `url`; behind a web server or proxy MQTT is ws:// or wss:// with its path"
            }
            Cause::WebSocket(_) => {
                "check the path in `url` (the default is /mqtt) and that the proxy passes websockets on to the broker"
            }
            Cause::WebSocketProtocol => "check the path in `url`: another service listens there",
            Cause::Files(_, cure) => cure,
        }
    }
}

/// What greets, or complains, in these words.
fn looks_like(text: &str) -> Option<&'static str> {
    const KINDS: &[(&str, &str)] = &[
        ("SSH-", "an SSH server"),
        ("220", "a mail or FTP server"),
        ("421", "a mail or FTP server"),
        ("554", "a mail server"),
        ("+OK", "a mail server (POP3)"),
        ("* OK", "a mail server (IMAP)"),
        ("-ERR", "a Redis server"),
        ("-NOAUTH", "a Redis server"),
        ("-DENIED", "a Redis server"),
        ("INFO {", "a NATS server, which has another port for MQTT"),
        ("AMQP", "a broker of AMQP"),
        ("RFB ", "a VNC server"),
        ("RTSP/", "a camera or another server of RTSP"),
        ("MySQL", "a database (MySQL or MariaDB)"),
        ("telnet", "a telnet server"),
    ];
    KINDS.iter().find(|(begins, _)| text.starts_with(begins)).map(|(_, kind)| *kind)
}

const LOOKUP: &str = "check the host name in `url`, and the name service of this machine";
