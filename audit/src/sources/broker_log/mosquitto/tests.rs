//! Lines of real brokers, and lines that clients with odd names make them write.

use super::super::{ClientEvent, Teller, What, draft};
use super::*;
use crate::line::{Format, encode};
use proptest::prelude::*;
use watchkeeper_core::broker::clients::Clients;

const CAME: What = What::Changed(Change::Connected, Cause::Accepted);

fn gone(cause: Cause) -> What {
    What::Changed(Change::Disconnected, cause)
}

fn refused(cause: Cause) -> What {
    What::Changed(Change::Refused, cause)
}

/// Reads lines as one log, each with its date in front.
fn read(lines: &[&str]) -> Vec<ClientEvent> {
    let mut reader = Reader::default();
    lines.iter().filter_map(|line| reader.read(format!("1795244568: {line}\n").as_bytes())).collect()
}

fn one(line: &str) -> ClientEvent {
    let mut events = read(&[line]);
    assert_eq!(events.len(), 1, "{line}: {events:?}");
    events.remove(0)
}

fn check(line: &str, what: What, client: &str, place: &str) {
    let event = one(line);
    let found = match (&event.ip, event.port) {
        (Some(ip), Some(port)) => format!("{ip}:{port}"),
        (ip, _) => ip.as_deref().unwrap_or_default().to_owned(),
    };
    assert_eq!((event.what, &*found), (what, place), "{line}");
    assert_eq!(event.client.as_deref().unwrap_or_default(), client, "{line}");
    assert_eq!(event.at, Some(Wall(1_795_244_568_000_000)));
}

#[test]
fn the_lines_of_2_0_are_read() {
    check("Client dev-clean disconnected.", gone(Cause::ByClient), "dev-clean", "");
    check("Client dev-will closed its connection.", gone(Cause::Closed), "dev-will", "");
    check("Client d has exceeded timeout, disconnecting.", gone(Cause::KeepAlive), "d", "");
    check("Client d already connected, closing old connection.", gone(Cause::TakenOver), "d", "");
    check("Client d disconnected due to protocol error.", gone(Cause::ProtocolError), "d", "");
    check("Client d disconnected due to oversize packet.", gone(Cause::Oversize), "d", "");
    check("Client d been disconnected by administrative action.", gone(Cause::Administrative), "d", "");
    check("Client d disconnected: Connection reset by peer.", gone(Cause::Network), "d", "");
    check("Bad socket read/write on client d: Invalid arguments", gone(Cause::Network), "d", "");
    check("Client <unknown> disconnected, not authorised.", refused(Cause::NotAuthorized), "", "");
    check("Client 10.0.0.7 disconnected, not authorised.", refused(Cause::NotAuthorized), "", "10.0.0.7");
    check("Client <unknown> closed its connection.", refused(Cause::BeforeConnect), "", "");
    check(
        "Client connection from 1.2.3.4 denied: max_connections exceeded.",
        refused(Cause::MaxConnections),
        "",
        "1.2.3.4",
    );
    check("Client connection from 1.2.3.4 failed: error:14094416.", refused(Cause::Tls), "", "1.2.3.4");
    check("Outgoing messages are being dropped for client dev 5.", What::Dropping, "dev 5", "");
    check("Expiring client d due to timeout.", What::Expired, "d", "");
}

#[test]
fn the_lines_of_2_1_are_read() {
    check("Client d [127.0.0.1:48285] disconnected.", gone(Cause::ByClient), "d", "127.0.0.1:48285");
    check("Client d [::1:5] disconnected: connection closed by client.", gone(Cause::Closed), "d", "::1:5");
    check("Client d [h:5] disconnected: exceeded timeout.", gone(Cause::KeepAlive), "d", "h:5");
    check("Client d [h:5] disconnected: not authorised.", refused(Cause::NotAuthorized), "d", "h:5");
    check("Client d [h:5] disconnected: client banned.", refused(Cause::Banned), "d", "h:5");
    check(
        "Client d [h:5] disconnected: bad username or password.",
        refused(Cause::BadCredentials),
        "d",
        "h:5",
    );
    check(
        "Client d [h:5] disconnected: used disallowed feature (QoS).",
        gone(Cause::NotSupported),
        "d",
        "h:5",
    );
    let new = "Client d [h:5] disconnected: a new reason.";
    assert_eq!(read(&["mosquitto version 2.1.2 running", new])[0].what, gone(Cause::Other));
    assert_eq!(one(new).client.as_deref(), Some("d [h:5]"), "not known to be 2.1");
    check(
        "Client 1.2.3.4 [1.2.3.4:5] disconnected: protocol error.",
        refused(Cause::ProtocolError),
        "",
        "1.2.3.4:5",
    );
    assert_eq!(read(&["Client d negotiated TLSv1.3 cipher TLS_AES_256_GCM_SHA384"]), []);
}

#[test]
fn who_came_is_told_with_address_user_and_version() {
    for (version, protocol) in [("p2", "3.1.1"), ("p1", "3.1"), ("p4", "3.1.1"), ("p3", "3.1"), ("p5", "5")] {
        let event = one(&format!(
            "New client connected from ::1:43957 as dev (x) 1 ({version}, c1, k30, u'o'brien')."
        ));
        assert_eq!(event.what, CAME);
        assert_eq!((event.ip.as_deref(), event.port), (Some("::1"), Some(43957)));
        assert_eq!((event.client.as_deref(), event.user.as_deref()), (Some("dev (x) 1"), Some("o'brien")));
        assert_eq!(event.protocol, Some(protocol));
    }
    let event = one("New bridge connected from 1.2.3.4:5 as bridge (p2, c0, k60).");
    assert_eq!((event.client.as_deref(), event.user), (Some("bridge"), None));
}

#[test]
fn a_name_that_imitates_a_line_stays_a_name() {
    for name in [
        "x closed its connection. Client y",
        "x [6.6.6.6:1] disconnected: not authorised. Client y",
        "x disconnected: not authorised",
        "x disconnected, not authorised.",
        "x (p2, c1, k60, u'root'",
        "connection from 6.6.6.6 failed: x",
        "New client connected from 6.6.6.6:1 as root (p2, c1, k60).",
        "1795244568: New client connected from 6.6.6.6:1 as root (p2, c1, k60).",
    ] {
        check(&format!("Client {name} closed its connection."), gone(Cause::Closed), name, "");
        check(&format!("Client {name} disconnected."), gone(Cause::ByClient), name, "");
        check(&format!("Client {name} [1.2.3.4:5] disconnected."), gone(Cause::ByClient), name, "1.2.3.4:5");
        let why = format!("Client {name} [1.2.3.4:5] disconnected: exceeded timeout.");
        check(&why, gone(Cause::KeepAlive), name, "1.2.3.4:5");
    }
    let log = ["mosquitto version 2.0.11 starting", "Client v [6.6.6.6:1] disconnected."];
    assert_eq!(read(&log)[0].client.as_deref(), Some("v [6.6.6.6:1]"));
    // A subscription's line begins with the name.
    assert_eq!(read(&["New client connected from 6.6.6.6:1 as root (p2, c1, k60). 1 cmd/#"]), []);
    assert_eq!(read(&["1795244568: Client x disconnected."]), []);
}

#[test]
fn a_file_without_dates_is_not_read_for_anybody_could_write_its_lines() {
    let forged = "New client connected from 6.6.6.6:1 as root 1 x (p2, c1, k60, u'root').";
    let mut topic = Reader::default();
    assert!(topic.read(b"Client d disconnected.").is_some(), "subscriptions have topics of their own");
    let mut file = Reader::of_file();
    file.learn(b"mosquitto version 2.0.11 starting");
    assert_eq!((file.read(forged.as_bytes()), file.is_undated()), (None, true));
    // A name may pretend to be a line with a date, and be the first that is seen.
    let mut file = Reader::of_file();
    assert!(file.read(format!("1795244568: {forged}").as_bytes()).is_some());
    assert_eq!(file.read(b"Client d disconnected."), None);
    assert_eq!((file.read(format!("1795244568: {forged}").as_bytes()), file.is_undated()), (None, true));
}

#[test]
fn a_log_that_begins_its_lines_otherwise_is_learned_anew() {
    let mut reader = Reader::of_file();
    assert!(reader.read(b"1795244568: Client d disconnected.").is_some());
    let dated = b"2026-11-21T06:31:00Z: Client d disconnected.";
    let read = (0..20).filter(|_| reader.read(dated).is_some()).count();
    assert!((1..10).contains(&read), "{read}");
    assert!(reader.read(dated).unwrap().at.is_some());
}

#[test]
fn what_can_be_read_in_two_ways_is_not_told_apart() {
    let event = one("New client connected from 1.2.3.4:5 as x (p2, c1, k60, u'root') (p2, c1, k60, u'me').");
    assert_eq!((event.what, event.ip.as_deref()), (CAME, Some("1.2.3.4")));
    assert_eq!((event.client, event.user), (None, None));
    assert!(event.details.unwrap().contains("cannot be told apart"));
    let event = one("Denied PUBLISH from x (d0, q1, r0, m3, 'a (d0, q1, r0, m3, 'b', ... (1 bytes))");
    assert_eq!((event.what, event.client, event.topic), (What::Denied(Denied::Publish), None, None));
}

#[test]
fn what_was_denied_is_told() {
    let event = one("Denied PUBLISH from dev-limited (d0, q1, r0, m3, 'secret/a, it's', ... (1 bytes))");
    assert_eq!(event.what, What::Denied(Denied::Publish));
    assert_eq!(
        (event.client.as_deref(), event.topic.as_deref()),
        (Some("dev-limited"), Some("secret/a, it's"))
    );
    let events = read(&[
        "Received SUBSCRIBE from d",
        "\tfine (denied) (QoS 1)",
        "\tsecret/# (denied)",
        "\tother (denied)",
        "Sending SUBACK to d",
        "\tnobody's (denied)",
    ]);
    let denied: Vec<_> =
        events.iter().map(|event| (event.client.as_deref(), event.topic.as_deref())).collect();
    assert_eq!(denied, [(Some("d"), Some("secret/#")), (Some("d"), Some("other"))]);
}

#[test]
fn who_never_said_a_name_is_known_by_its_connection_where_that_is_certain() {
    let came = |ip: &str, port: u16| format!("New connection from {ip}:{port} on port 1883.");
    let let_in = "New client connected from 10.0.0.1:1 as d (p2, c1, k60).";
    let no = "Client <unknown> disconnected, not authorised.";
    let place = |lines: &[&str]| {
        let event = read(lines).pop().unwrap();
        (event.ip.map(String::from), event.port)
    };
    assert_eq!(
        place(&[&came("10.0.0.1", 1), let_in, &came("9.9.9.9", 7), no]),
        (Some("9.9.9.9".into()), Some(7))
    );
    assert_eq!(place(&[&came("9.9.9.9", 7), &came("9.9.9.9", 8), no]), (Some("9.9.9.9".into()), None));
    assert_eq!(place(&[&came("9.9.9.9", 7), &came("8.8.8.8", 8), no]), (None, None));
    assert_eq!(place(&[no]), (None, None));
    let by_address = "Client 9.9.9.9 disconnected, not authorised.";
    assert_eq!(
        place(&[&came("9.9.9.9", 7), &came("8.8.8.8", 8), by_address]),
        (Some("9.9.9.9".into()), Some(7))
    );
}

#[test]
fn an_old_connection_that_is_taken_over_once_more_is_no_event() {
    let left = "Client d [1.2.3.4:5] disconnected.";
    let over = "Client d [1.2.3.4:5] disconnected: session taken over.";
    assert_eq!(read(&[left, over]).len(), 1);
    assert_eq!(read(&[over]).len(), 1);
    assert_eq!(read(&[left, "New client connected from 1.2.3.4:5 as d (p4, c0, k60).", over]).len(), 3);
}

#[test]
fn of_a_line_that_was_cut_only_the_beginning_is_believed() {
    let name = "n".repeat(1000);
    let long = format!("New client connected from 1.2.3.4:5 as {name} closed its connection.");
    let event = one(&long[..CUT_BYTES - 12]);
    assert_eq!((event.what, event.ip.as_deref(), event.client), (CAME, Some("1.2.3.4"), None));
    let padded = format!("Client {}", "n".repeat(CUT_BYTES - 12 - 7 - 23)) + " closed its connection.";
    assert_eq!(one(&padded).what, gone(Cause::Other));
    let whole = format!("Client {}", "n".repeat(CUT_BYTES - 12 - 8 - 23)) + " closed its connection.";
    assert_eq!(one(&whole).what, gone(Cause::Closed));
}

#[test]
fn the_recorded_logs_of_real_brokers_are_understood() {
    for (log, came, left, no, denied) in
        [(include_str!("2.0.11.log"), 18, 18, 6, 2), (include_str!("2.1.2.log"), 16, 16, 6, 2)]
    {
        let (mut reader, mut clients) = (Reader::default(), Clients::default());
        for line in log.lines() {
            if let Some(event) = reader.read(line.as_bytes()) {
                event.count(&mut clients);
                assert!(event.at.is_some());
            }
        }
        let sum =
            |change| clients.events().filter(|event| event.0 == change).map(|event| event.2).sum::<u64>();
        let counts = (sum(Change::Connected), sum(Change::Disconnected), sum(Change::Refused));
        let denials =
            clients.auth_failures().find(|failure| failure.0 == "publish_denied").map(|failure| failure.1);
        assert_eq!((counts, denials), ((came, left, no), Some(denied)));
    }
}

#[test]
fn an_event_becomes_a_record_of_its_date() {
    let line = |text: &str, later: i64| {
        let event = one(text);
        let seen = Wall(event.at.unwrap().0 + later);
        encode(&draft("main", Teller::Log, &event, seen), Format::Pipe).line(7)
    };
    assert_eq!(
        line("New client connected from 10.0.0.9:5 as dev 1 (p2, c1, k30, u'op').", 250_000),
        "2026-11-21T07:02:48.250000Z | INFO | CONNECTION | seq=7 | event=client_connected | broker=main | \
         client_id=\"dev 1\" | user=op | source_ip=10.0.0.9 | source=broker_log | source_port=5 | protocol=3.1.1\n"
    );
    assert_eq!(
        line("Client d [h:5] disconnected: client banned.", 60_000_000),
        "2026-11-21T07:02:48.000000Z | WARN | SECURITY | seq=7 | event=client_refused | broker=main | client_id=d | \
         source_ip=h | source=broker_log | reason=banned | details=\"client banned\" | \
         observed_at=2026-11-21T07:03:48.000000Z | source_port=5\n"
    );
}

proptest! {
    #[test]
    fn any_name_is_read_back_from_a_farewell(name in "[ -~é☃]{1,40}", by_address in any::<bool>()) {
        // Who is called like nobody is nobody.
        prop_assume!(!is_nobody(&name));
        let line = if by_address {
            format!("Client {name} [10.0.0.1:7] disconnected: exceeded timeout.")
        } else {
            format!("Client {name} has exceeded timeout, disconnecting.")
        };
        let event = one(&line);
        prop_assert_eq!(event.client.as_deref(), Some(&*name));
    }

    #[test]
    fn no_line_makes_it_panic_and_no_name_makes_another_event(line in "\\PC{0,60}", name in "(Client |New client connected from 1.1.1.1:1 as | disconnected\\.| closed its connection\\.|\\(p2, c1, k60\\)\\.|[a-z'(). ]){0,6}") {
        let mut reader = Reader::default();
        reader.read(line.as_bytes());
        reader.read(format!("1795244568: {line}").as_bytes());
        // A subscription's line begins with a name that anybody may choose, and is never an event.
        let subscribed = format!("1795244568: x{name} 1 a/b");
        prop_assert_eq!(reader.read(subscribed.as_bytes()), None);
        let received = format!("1795244568: Received DISCONNECT from {name}");
        prop_assert_eq!(reader.read(received.as_bytes()), None);
    }
}
