//! Sparkplug B against what its specification demands.

use super::*;
use crate::decode::testing::Payload;

fn node(bench: &mut Bench, what: &str, payload: &Payload) {
    let at = bench.at + 1.0;
    bench.hear(at, &Arrival::live(&format!("spBv1.0/G/{what}/E"), &payload.bytes));
}

fn device(bench: &mut Bench, what: &str, payload: &Payload) {
    let at = bench.at + 1.0;
    bench.hear(at, &Arrival::live(&format!("spBv1.0/G/{what}/E/D"), &payload.bytes));
}

/// An edge node with a device, both born.
fn born(session: u64) -> Bench {
    let mut bench = bench();
    birth(&mut bench, session);
    bench.log();
    bench
}

fn birth(bench: &mut Bench, session: u64) {
    let own = Payload::new().seq(0).long("bdSeq", None, 4, session).int("speed", Some(1), 3, 100);
    node(bench, "NBIRTH", &own.boolean("Node Control/Rebirth", false));
    device(bench, "DBIRTH", &Payload::new().seq(1).double("temp", Some(2), 21.5).text("serial", "A7"));
}

fn lost(bench: &Bench) -> Option<u64> {
    bench.roster("G/E").sequence.counts().map(|counts| counts.lost)
}

#[test]
fn births_data_and_commands() {
    let mut bench = born(3);
    assert_eq!(states(&bench), ["G/E online", "G/E/D online"]);
    assert_eq!(
        (points(&bench, "G/E"), points(&bench, "G/E/D")),
        (vec!["speed=100".into()], vec!["temp=21.5".into()])
    );
    // By the alias alone, with the type that the birth told.
    node(&mut bench, "NDATA", &Payload::new().seq(2).int("", Some(1), 0, (-5i32).cast_unsigned()));
    device(&mut bench, "DDATA", &Payload::new().seq(3).double("", Some(2), 22.0));
    node(&mut bench, "NCMD", &Payload::new().boolean("Node Control/Rebirth", true));
    device(&mut bench, "DCMD", &Payload::new().double("temp", None, 30.0));
    assert_eq!(
        (points(&bench, "G/E"), points(&bench, "G/E/D")),
        (vec!["speed=-5".into()], vec!["temp=22".into()])
    );
    assert_eq!(bench.fleet.stats.aliases_unknown, 0);
    // Values come when they change: nobody is late, and nobody is gone.
    bench.look(90_000.0);
    assert_eq!(states(&bench), ["G/E online", "G/E/D online"]);
    assert_eq!((bench.log(), errors(&bench)), (vec![], vec![]));
}

#[test]
fn one_sequence_counts_the_node_and_its_devices() {
    let mut bench = born(3);
    for n in 2..600u64 {
        let payload = Payload::new().seq(n % 256).double("x", None, n as f64);
        if n % 3 == 0 { node(&mut bench, "NDATA", &payload) } else { device(&mut bench, "DDATA", &payload) }
    }
    assert_eq!((lost(&bench), bench.log()), (Some(0), vec![]));
    assert!(bench.roster("G/E/D").sequence.counts().is_none(), "the numbers are the node's");
    // 600 % 256 = 88 is next; three are missing.
    device(&mut bench, "DDATA", &Payload::new().seq(91));
    bench.look(bench.at + 10.0);
    assert_eq!(lost(&bench), Some(3));
    let log = bench.log();
    assert!(log.len() == 1 && log[0].ends_with("G/E gap"), "{log:?}");
}

#[test]
fn a_birth_begins_the_sequence_anew() {
    let mut bench = born(3);
    for n in 2..50 {
        node(&mut bench, "NDATA", &Payload::new().seq(n));
    }
    // A rebirth in the same session keeps its number; nothing is lost and nothing began anew.
    birth(&mut bench, 3);
    node(&mut bench, "NDATA", &Payload::new().seq(2));
    bench.look(bench.at + 10.0);
    assert_eq!((lost(&bench), bench.log()), (Some(0), vec![]));
}

#[test]
fn the_death_of_a_node_takes_its_devices_along_and_a_birth_brings_them_back() {
    let mut bench = born(3);
    let begin = bench.at;
    node(&mut bench, "NDEATH", &Payload::new().long("bdSeq", None, 4, 3));
    bench.look(begin + 20.0);
    assert_eq!(states(&bench), ["G/E offline will", "G/E/D offline parent"]);
    assert_eq!(
        bench.log(),
        [format!("{} G/E offline", begin + 6.0), format!("{} G/E/D offline", begin + 6.0)]
    );
    birth(&mut bench, 4);
    assert_eq!(states(&bench), ["G/E online", "G/E/D online"]);
    device(&mut bench, "DDEATH", &Payload::new().seq(2));
    bench.look(begin + 60.0);
    assert_eq!(states(&bench), ["G/E online", "G/E/D offline will"]);
}

#[test]
fn a_stale_death_is_none() {
    let mut bench = born(3);
    birth(&mut bench, 4);
    node(&mut bench, "NDEATH", &Payload::new().long("bdSeq", None, 4, 3));
    node(&mut bench, "NDEATH", &Payload::new());
    bench.look(bench.at + 20.0);
    assert_eq!(states(&bench), ["G/E online", "G/E/D online"]);
    assert_eq!(bench.fleet.stats.stale_departures, 2);
}

#[test]
fn an_alias_is_what_the_last_birth_says() {
    let mut bench = born(3);
    node(&mut bench, "NBIRTH", &Payload::new().seq(0).long("bdSeq", None, 4, 4).int("level", Some(1), 3, 7));
    node(&mut bench, "NDATA", &Payload::new().seq(1).int("", Some(1), 0, 8));
    assert_eq!(points(&bench, "G/E"), ["level=8", "speed=100"]);
    // Nobody said what 9 is.
    node(&mut bench, "NDATA", &Payload::new().seq(2).int("", Some(9), 3, 1));
    assert_eq!(bench.fleet.stats.aliases_unknown, 1);
    assert_eq!(points(&bench, "G/E"), ["alias:9=1", "level=8", "speed=100"]);
    assert_eq!(errors(&bench), [""; 0]);
}

#[test]
fn what_a_node_said_is_no_matter_of_the_next_message() {
    let mut bench = born(3);
    let document = |n: u32| format!(r#"{{"timestamp":"2026-11-21T06:31:0{n}Z","level":{n}.5}}"#);
    for n in 0..6 {
        // From the third on it is read by what was learned of it.
        node(&mut bench, "NDATA", &Payload::new().seq(2 + u64::from(n)).int("", Some(1), 0, 7));
        let at = bench.at + 1.0;
        bench.say(at, "tank/values", &document(n));
        // Nor of one that is too large to be read.
        node(&mut bench, "NDATA", &Payload::new().seq(8 + u64::from(n)).int("", Some(1), 0, 7));
        let large = vec![b'x'; bench.fleet.rules().limits.payload_bytes_max + 1];
        bench.hear(at + 1.0, &Arrival::live("tank/values", &large));
    }
    assert_eq!((bench.fleet.stats.aliases_unknown, points(&bench, "tank")), (0, vec!["level=5.5".into()]));
}

#[test]
fn aliases_and_sessions_survive_our_restart() {
    let mut bench = born(3).restart();
    bench.fleet.link_up(now(100.0));
    bench.at = 100.0;
    device(&mut bench, "DDATA", &Payload::new().seq(77).double("", Some(2), 25.0));
    assert_eq!(points(&bench, "G/E/D"), ["temp=25"]);
    node(&mut bench, "NDEATH", &Payload::new().long("bdSeq", None, 4, 2));
    node(&mut bench, "NDEATH", &Payload::new().long("bdSeq", None, 4, 3));
    bench.look(120.0);
    assert_eq!(bench.fleet.stats.stale_departures, 1);
    assert_eq!(states(&bench), ["G/E offline will", "G/E/D offline parent"]);
}

#[test]
fn data_before_any_birth_is_heard() {
    let mut bench = bench();
    device(&mut bench, "DDATA", &Payload::new().seq(9).double("", Some(2), 25.0));
    assert_eq!(states(&bench), ["G/E unknown", "G/E/D online"]);
    assert_eq!((points(&bench, "G/E/D"), lost(&bench)), (vec!["alias:2=25".into()], Some(0)));
}

#[test]
fn the_state_of_a_host_has_a_moment() {
    let mut bench = bench();
    let say = |bench: &mut Bench, payload: &str| say(bench, &[("spBv1.0/STATE/scada", payload)]);
    say(&mut bench, r#"{"online":true,"timestamp":2000}"#);
    say(&mut bench, r#"{"online":false,"timestamp":1000}"#);
    bench.look(20.0);
    assert_eq!(states(&bench), ["STATE/scada online"], "that will is of a connection before");
    say(&mut bench, r#"{"online":false,"timestamp":2000}"#);
    bench.look(40.0);
    assert_eq!(states(&bench), ["STATE/scada offline will"]);
}

#[test]
fn what_is_no_sparkplug_is_an_error_of_its_device() {
    let mut bench = bench();
    for bytes in
        [&b"{\"json\":1}"[..], b"\x12\xFF\xFF\xFF\xFF\x0F", b"\x0A", b"\x12\x04\x0A\x02\xC3\x28", &[0xFF; 40]]
    {
        bench.hear(bench.at + 1.0, &Arrival::live("spBv1.0/G/NDATA/E", bytes));
    }
    assert_eq!(errors(&bench), ["sparkplug_node_data 5"]);
}
