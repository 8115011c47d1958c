//! What is looked at is sampled, what is not is not, and everything has an end.

use super::*;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::presets;
use watchkeeper_core::rules::FleetRules;

fn now(second: u64) -> Now {
    Now { mono: Mono(second * SECOND), wall: Wall((1_777_622_400 + second.cast_signed()) * 1_000_000) }
}

fn watched() -> Vec<Watched> {
    let streams = presets::streams("plant").unwrap();
    vec![Watched::new(Fleet::new(FleetRules { streams, ..FleetRules::default() }))]
}

fn say(watched: &mut [Watched], device: &str, point: &str, value: f64, second: u64) {
    let topic = format!("plant/a/l/{device}/telemetry/{point}");
    let payload = value.to_string();
    watched[0].fleet.arrival(&Arrival::live(&topic, payload.as_bytes()), now(second));
}

#[test]
fn values_are_kept_from_the_first_look_on_and_no_more_than_so_many() {
    let (mut watched, mut recent) = (watched(), Recent::default());
    assert_eq!(recent.look(&watched, "d", 0, now(0)), None);
    for second in 1..=10 {
        say(&mut watched, "d", "x", second as f64, second);
        recent.tick(&watched, now(second));
    }
    let first = recent.look(&watched, "d", 0, now(10)).unwrap();
    assert_eq!((first.total, first.points[0].value, &*first.points[0].values), (1, 10.0, &[10.0][..]));
    for second in 11..=300 {
        say(&mut watched, "d", "x", second as f64, second);
        recent.tick(&watched, now(second));
        // Nothing was said since, so there is nothing to sample.
        recent.tick(&watched, now(second));
    }
    let later = recent.look(&watched, "d", 0, now(300)).unwrap();
    let expected: Vec<f64> = (181..=300).map(f64::from).collect();
    assert_eq!(later.points[0].values, expected);
    assert_eq!(later.span, Some((now(181).wall, now(300).wall)));
}

#[test]
fn a_point_that_comes_later_takes_no_values_of_another() {
    let (mut watched, mut recent) = (watched(), Recent::default());
    say(&mut watched, "d", "x", 1.0, 1);
    recent.look(&watched, "d", 0, now(1)).unwrap();
    say(&mut watched, "d", "y", 5.0, 2);
    recent.tick(&watched, now(2));
    say(&mut watched, "d", "y", 6.0, 3);
    let looked = recent.look(&watched, "d", 0, now(3)).unwrap();
    let shown: Vec<(&str, &[f64])> = looked.points.iter().map(|one| (&*one.name, &*one.values)).collect();
    assert_eq!(shown, [("x", &[1.0, 1.0, 1.0][..]), ("y", &[5.0, 6.0][..])]);
}

#[test]
fn devices_that_nobody_looks_at_any_more_make_room() {
    let (mut watched, mut recent) = (watched(), Recent::default());
    for n in 0..DEVICES_MAX + 3 {
        say(&mut watched, &format!("d{n}"), "x", 1.0, 1);
        recent.look(&watched, &format!("d{n}"), 0, now(2 + n as u64)).unwrap();
    }
    assert_eq!(recent.devices.len(), DEVICES_MAX);
    assert!(recent.devices.iter().all(|one| &*one.id != "d0"));
    watched[0].fleet.forget("d10");
    recent.tick(&watched, now(30));
    assert_eq!(recent.devices.len(), DEVICES_MAX - 1);
    recent.tick(&watched, now(700));
    assert!(recent.devices.is_empty());
}

#[test]
fn many_points_come_page_by_page() {
    let (mut watched, mut recent) = (watched(), Recent::default());
    for n in 0..120 {
        say(&mut watched, "d", &format!("x{n:03}"), f64::from(n), 1);
    }
    let places = |from| {
        let looked = Recent::default().look(&watched, "d", from, now(2)).unwrap();
        (looked.from, looked.points.len(), looked.points[0].value)
    };
    assert_eq!((places(0), places(50), places(77)), ((0, 50, 0.0), (50, 50, 50.0), (50, 50, 50.0)));
    assert_eq!(places(usize::MAX), (100, 20, 100.0));
    assert_eq!(recent.look(&watched, "d", 100, now(3)).unwrap().total, 120);
}
