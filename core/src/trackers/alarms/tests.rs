//! Alarms that come, change, are acknowledged and go, and those that do so too often.

use crate::presets;
use crate::rules::FleetRules;
use crate::testing::Bench;

fn bench() -> Bench {
    Bench::new(FleetRules { streams: presets::streams("plant").unwrap(), ..FleetRules::default() })
}

fn alarm(bench: &mut Bench, at: f64, level: &str, payload: &str) {
    bench.say(at, &format!("p/d/alarm/{level}"), payload);
}

fn said(bench: &mut Bench, at: f64, transition: &str, priority: &str) {
    let payload = format!(
        r#"{{"alarm_type":"HIGH_TEMP","point_id":5,"point_name":"Point_5","priority":"{priority}","state_transition":"{transition}","temperature":95.5,"threshold":85}}"#
    );
    alarm(bench, at, "active", &payload);
}

fn active(bench: &Bench) -> Vec<String> {
    let shown = |alarm: &super::Alarm| {
        let seen = if alarm.is_acknowledged { " seen" } else { "" };
        format!("{} {} {}{seen}", alarm.kind, alarm.point, alarm.priority)
    };
    bench.roster("d").alarms.active().map(shown).collect()
}

#[test]
fn an_alarm_comes_changes_is_acknowledged_and_goes() {
    let mut bench = bench();
    said(&mut bench, 1.0, "NORMAL->HIGH", "HIGH");
    assert_eq!(active(&bench), ["HIGH_TEMP 5 HIGH"]);
    said(&mut bench, 2.0, "NORMAL->HIGH", "HIGH");
    said(&mut bench, 3.0, "HIGH->ACKNOWLEDGED", "HIGH");
    said(&mut bench, 3.5, "HIGH->ACKNOWLEDGED", "HIGH");
    assert_eq!(active(&bench), ["HIGH_TEMP 5 HIGH seen"]);
    said(&mut bench, 4.0, "HIGH->HIGH_HIGH", "CRITICAL");
    assert_eq!(active(&bench), ["HIGH_TEMP 5 CRITICAL"]);
    said(&mut bench, 11.0, "HIGH_HIGH->NORMAL", "LOW");
    said(&mut bench, 12.0, "HIGH_HIGH->NORMAL", "LOW");
    assert!(active(&bench).is_empty());
    assert_eq!(
        bench.details("alarm"),
        [
            "1 alarm_raised: HIGH_TEMP at 5, priority HIGH: active (NORMAL->HIGH)",
            "3 alarm_acknowledged: HIGH_TEMP at 5, priority HIGH: acknowledged",
            "4 alarm_changed: HIGH_TEMP at 5, priority CRITICAL, which was HIGH: still active (HIGH->HIGH_HIGH)",
            "11 alarm_cleared: HIGH_TEMP at 5, priority CRITICAL: over after 10.0 s",
        ]
    );
    let counts = &bench.fleet.stats.tally.alarms;
    let of = |priority: &str| format!("{:?}", counts[&("HIGH_TEMP".into(), priority.into())]);
    assert_eq!(of("HIGH"), r#"{"acknowledged": 1, "raised": 1}"#);
    assert_eq!(of("CRITICAL"), r#"{"changed": 1, "cleared": 1}"#);
}

#[test]
fn the_topic_names_the_state_where_the_payload_does_not() {
    let mut bench = bench();
    let payload = r#"{"alarm_type":"DOOR","priority":2}"#;
    alarm(&mut bench, 1.0, "active", payload);
    alarm(&mut bench, 2.0, "acknowledged", payload);
    alarm(&mut bench, 3.0, "cleared", payload);
    alarm(&mut bench, 4.0, "cleared", r#"{"alarm_type":"NEVER_SEEN"}"#);
    alarm(&mut bench, 5.0, "acknowledged", r#"{"alarm_type":"OLD"}"#);
    alarm(&mut bench, 6.0, "active", "{}");
    alarm(&mut bench, 6.0, "active", "{");
    let mut log = bench.log();
    log.retain(|line| line.contains("alarm"));
    let expected = [
        "1 d alarm_raised",
        "2 d alarm_acknowledged",
        "3 d alarm_cleared",
        "5 d alarm_acknowledged",
        "6 d alarm_raised",
    ];
    assert_eq!(log, expected);
    assert_eq!(active(&bench), ["OLD  none seen", "unknown  none"]);
}

#[test]
fn alarms_are_told_apart_by_id_or_by_what_and_where() {
    let mut bench = bench();
    let raise = |bench: &mut Bench, rest: &str| {
        alarm(bench, 1.0, "active", &format!(r#"{{"alarm_type":"T",{rest}}}"#));
    };
    raise(&mut bench, r#""alarm_id":"A1","point_id":1"#);
    raise(&mut bench, r#""alarm_id":"A2","point_id":1"#);
    raise(&mut bench, r#""point_id":2"#);
    raise(&mut bench, r#""point_id":3"#);
    assert_eq!(active(&bench).len(), 4);
    alarm(&mut bench, 2.0, "cleared", r#"{"alarm_id":"A2"}"#);
    alarm(&mut bench, 2.0, "cleared", r#"{"alarm_type":"T","point_id":3}"#);
    alarm(&mut bench, 2.0, "cleared", r#"{"alarm_type":"T","alarm_id":"A9","point_id":2}"#);
    assert_eq!(active(&bench), ["T 1 none"]);
}

#[test]
fn an_alarm_that_comes_and_goes_is_said_to_flap_once_until_it_is_still() {
    for looks in [&[100.0, 700.0, 900.0, 1400.0][..], &[5000.0]] {
        let mut bench = bench();
        for at in (0..10).map(f64::from) {
            said(&mut bench, 10.0 + 60.0 * at, "NORMAL->HIGH", "HIGH");
            said(&mut bench, 40.0 + 60.0 * at, "HIGH->NORMAL", "HIGH");
        }
        for at in looks {
            bench.look(*at);
        }
        bench.look(6000.0);
        let flapping = [
            "190 alarm_flapping: HIGH_TEMP at 5, priority HIGH: raised 4 times within 180 s",
            "1180 alarm_steady: HIGH_TEMP at 5, priority HIGH: no longer comes and goes",
        ];
        let mut found = bench.details("alarm_");
        found.retain(|line| line.contains("flapping") || line.contains("steady"));
        assert_eq!(found, flapping, "{looks:?}");
        said(&mut bench, 7000.0, "NORMAL->HIGH", "HIGH");
        assert_eq!(bench.details("alarm_").len(), 1, "it begins anew");
    }
}

#[test]
fn a_device_has_room_for_so_many_alarms_and_those_that_are_over_give_way() {
    let mut bench = bench();
    let turn = |bench: &mut Bench, level: &str, n: u32| {
        alarm(bench, 1.0, level, &format!(r#"{{"alarm_type":"T","point_id":{n}}}"#));
    };
    for n in 0..100 {
        turn(&mut bench, "active", n);
    }
    assert_eq!((active(&bench).len(), bench.fleet.stats.tally.alarms_refused), (super::ALARMS_MAX, 36));
    turn(&mut bench, "cleared", 7);
    turn(&mut bench, "active", 200);
    assert_eq!((active(&bench).len(), bench.fleet.stats.tally.alarms_refused), (super::ALARMS_MAX, 36));
}

#[test]
fn active_alarms_outlive_a_restart_of_ours() {
    let mut bench = bench();
    said(&mut bench, 1.0, "NORMAL->HIGH", "HIGH");
    let mut bench = bench.restart();
    bench.fleet.link_up(crate::testing::now(100.0));
    bench.log();
    said(&mut bench, 101.0, "NORMAL->HIGH", "HIGH");
    said(&mut bench, 102.0, "HIGH->NORMAL", "HIGH");
    assert_eq!(bench.details("alarm").len(), 1, "it was active and is over");
}
