//! A fleet that is too large to be looked at in one step. Nothing here may depend on the order in which series are written.

use super::*;

/// More devices than one step visits. Between any two steps one leaves and another takes its number.
#[test]
fn a_large_fleet_is_looked_at_in_steps_and_everybody_is_counted_once() {
    let expected = (0..20_000).map(|number| format!("d{}", number + 10_000).into()).collect();
    let limits = Limits { device_series_max: 3, devices_max: 30_000, ..Limits::default() };
    let rules = FleetRules { streams: vec![presets::generic()], expected, limits, ..FleetRules::default() };
    let mut watched = [Watched::new(Fleet::new(rules))];
    for number in 0..20_000 {
        say(&mut watched[0].fleet, &format!("d{number}/x"), 1, r#"{"a":1,"b":2}"#);
    }
    for bad in ["d77/x", "d9000/x", "d19999/x"] {
        say(&mut watched[0].fleet, bad, 2, "{");
    }
    let (mut walk, mut writer) = (Walk::new(), Writer::new(Exposition::Text, 128));
    let mut steps = 0;
    while walk.step(&mut watched, now(3 * SECOND), &mut writer, 1) {
        if writer.buffer.is_empty() {
            steps += 1;
            assert!(watched[0].fleet.forget(&format!("d{steps}")));
            say(&mut watched[0].fleet, &format!("new{steps}/x"), 2, r#"{"a":1,"b":2}"#);
        } else if watched[0].fleet.forget("d9000") {
            say(&mut watched[0].fleet, "in-its-place/x", 2, "{");
        }
    }
    assert_eq!(steps, 4, "20,000 devices, and as many that must exist");
    let reader = Reader::read(&String::from_utf8(writer.buffer).unwrap(), Exposition::Text);
    assert_eq!(reader.one("watchkeeper_points_tracked"), 40_000.0);
    let in_state = |state: &str| reader.series[&format!("mqtt_devices{{broker=\"\",state=\"{state}\"}}")];
    assert_eq!((in_state("online"), in_state("never_seen")), (20_000.0, 10_000.0));
    let shown = reader.of("mqtt_device_info");
    let names: Vec<&str> = shown.iter().map(|series| series.split('"').nth(3).unwrap()).collect();
    assert_eq!(names, ["d19999", "d77"], "who came in the place of one that was chosen was not chosen");
    assert_eq!(reader.one("watchkeeper_series_suppressed"), 19_997.0);
    assert_eq!(reader.one("watchkeeper_devices_tracked"), 20_000.0, "as many as there are in all states");
}
