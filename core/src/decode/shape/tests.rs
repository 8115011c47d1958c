//! Reading by a shape must yield what the full reading yields, on documents that fit, nearly fit, or do not.

use super::*;
use crate::decode::{Bounds, Plan};
use crate::presets;
use crate::rules::StreamRules;
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { depth_max: 64, points_max: 1024 };

/// What was read, with every piece of text resolved.
fn told(out: &Decoded, payload: &str) -> String {
    let member = |member: Member| match member {
        Member::Text(text) => format!("text {:?}", out.text(payload, text)),
        Member::Number(number, text) => format!("number {number} {:?}", out.text(payload, text)),
        other => format!("{other:?}"),
    };
    let points: Vec<String> = out
        .points
        .iter()
        .map(|point| {
            format!("{:?} {:?} {}", out.text(payload, point.name), point.value, member(point.status))
        })
        .collect();
    let claims: Vec<String> =
        out.claims.iter().map(|claim| format!("{} {}", claim.parent, member(claim.member))).collect();
    format!(
        "{} {} {} {points:?} {claims:?} {} {} {:?} {}",
        member(out.device_id),
        member(out.timestamp),
        member(out.sequence),
        out.points_refused,
        out.points_seen,
        out.session,
        out.metrics.len()
    )
}

/// Reads the documents one after another as those of one topic, and each by itself; true when a shape was used.
fn check(rules: &StreamRules, documents: &[String]) -> bool {
    let plan = Plan::new(rules);
    let (mut shapes, mut habit) = (Shapes::default(), Habit::default());
    let (mut again, mut anew) = (Decoded::default(), Decoded::default());
    let mut used = false;
    for document in documents {
        let known = habit.is_known();
        let by_shape = again.read_again(document.as_bytes(), &plan, BOUNDS, &mut shapes, &mut habit);
        used |= known && habit.misses == 0;
        let full = anew.read(document.as_bytes(), &plan, BOUNDS);
        assert_eq!(by_shape, full, "{document}");
        if full.is_ok() {
            assert_eq!(told(&again, document), told(&anew, document), "{document}");
        }
    }
    used
}

fn temperature() -> StreamRules {
    presets::streams("plant").unwrap().swap_remove(0)
}

fn telemetry(second: u32, temps: &[f64], status: &str) -> String {
    let points: Vec<String> = temps
        .iter()
        .enumerate()
        .map(|(at, temp)| {
            format!(r#""{at}": {{"name": "Point_{at}", "temp": {temp}, "status": "{status}"}}"#)
        })
        .collect();
    format!(
        r#"{{"timestamp": "2026-05-01T08:00:{second:02}Z", "device_id": "d-1", "sequence": {second}, "points": {{{}}}, "summary": {{"active_points": {}}}}}"#,
        points.join(", "),
        temps.len()
    )
}

#[test]
fn a_device_that_sends_one_document_is_read_by_its_shape() {
    let documents: Vec<String> =
        (0..8).map(|n| telemetry(n, &[20.0 + f64::from(n), -3.5, 1e-7, f64::from(n) / 3.0], "OK")).collect();
    assert!(check(&temperature(), &documents));
    assert!(check(&presets::generic(), &documents));
}

#[test]
fn what_is_no_point_may_change_in_a_shape() {
    let rules = presets::streams("shelly").unwrap();
    let notes = rules.iter().find(|rules| rules.points_below.is_some()).unwrap();
    let note = |n: u32| {
        format!(
            r#"{{"src":"plug-{n}","dst":"x","method":"NotifyStatus","params":{{"ts":{n}.5,"switch:0":{{"id":{n},"apower":{n}}}}}}}"#
        )
    };
    let documents: Vec<String> = (1..9).map(note).collect();
    assert!(check(notes, &documents));
}

/// Each document is of another topic and comes three times; gives what is learned in the end.
fn learned(rules: &StreamRules, documents: &[String]) -> Shapes {
    let (plan, mut shapes) = (Plan::new(rules), Shapes::default());
    let (mut again, mut anew) = (Decoded::default(), Decoded::default());
    let mut habits = vec![Habit::default(); documents.len()];
    for _ in 0..3 {
        for (document, habit) in documents.iter().zip(&mut habits) {
            again.read_again(document.as_bytes(), &plan, BOUNDS, &mut shapes, habit).unwrap();
            anew.read(document.as_bytes(), &plan, BOUNDS).unwrap();
            assert_eq!(told(&again, document), told(&anew, document), "{document}");
        }
    }
    assert!(habits.iter().all(|habit| habit.is_known() && habit.misses == 0));
    assert_eq!(shapes.shared.users(), documents.len());
    shapes
}

#[test]
fn devices_whose_documents_differ_in_what_they_say_of_themselves_share_one_shape() {
    let of = |n: u32| {
        let document = telemetry(n, &[f64::from(n), 2.5], "OK");
        document
            .replace("d-1", &format!("device {n}"))
            .replace("{\"timestamp", &format!("{{\"ip\": \"10.0.0.{n}\", \"timestamp"))
    };
    let documents: Vec<String> = (1..60).map(of).collect();
    assert_eq!(learned(&temperature(), &documents).shared.len(), 1);
    assert_eq!(learned(&presets::generic(), &documents).shared.len(), 1);
    // Of another layout, or with texts that cannot be slots.
    let odd = ["d\\u0041", "dé", "", &"x".repeat(STAMP_MAX + 1)]
        .map(|id| telemetry(1, &[1.0], "OK").replace("d-1", id));
    let shapes = learned(&presets::generic(), &[documents, odd.to_vec()].concat());
    assert_eq!(shapes.shared.len(), 5, "the empty one is as the plain ones of its layout");
}

#[test]
fn a_shape_that_nobody_has_any_more_makes_room() {
    let plan = Plan::new(&temperature());
    let (mut shapes, mut habit, mut out) = (Shapes::default(), Habit::default(), Decoded::default());
    for round in 0..40_usize {
        // Three of a kind, so that each layout is learned.
        let document = telemetry(1, &vec![1.0; 1 + round % 20], "OK");
        for _ in 0..3 {
            out.read_again(document.as_bytes(), &plan, BOUNDS, &mut shapes, &mut habit).unwrap();
        }
    }
    assert_eq!((shapes.shared.len(), shapes.shared.users()), (1, 1));
    shapes.forget(habit);
    assert_eq!((shapes.shared.len(), shapes.shared.users(), shapes.shared.bytes()), (0, 0, 0));
}

#[test]
fn what_fills_the_memory_does_not_end_the_learning() {
    let plan = Plan::new(&presets::generic());
    let (mut shapes, mut noisy, mut calm) = (Shapes::default(), Habit::default(), Habit::default());
    let mut out = Decoded::default();
    let mut read = |document: &str, habit: &mut Habit| {
        out.read_again(document.as_bytes(), &plan, BOUNDS, &mut shapes, habit).unwrap();
        (habit.is_known() && habit.misses == 0, shapes.text.len())
    };
    let steady = telemetry(1, &[1.0], "OK");
    for _ in 0..3 {
        read(&steady, &mut calm);
    }
    let long = "x".repeat(20_000);
    let mut most = 0;
    for n in 0..2000 * 16 {
        let (_, text) = read(&format!(r#"{{"e": {{"id": "{n}{long}"}}}}"#), &mut noisy);
        let is_anew = text < most;
        most = most.max(text);
        if is_anew {
            assert!(most > TEXT_MAX - 30_000 && !read(&steady, &mut calm).0, "{most}");
            for _ in 0..3 {
                read(&steady, &mut calm);
            }
            assert!(read(&steady, &mut calm).0, "it is learned again");
            return;
        }
        assert!(read(&steady, &mut calm).0, "{n}");
    }
    panic!("it never was full: {most}");
}

#[test]
fn a_document_that_changes_is_read_in_full() {
    let mut documents = vec![telemetry(1, &[1.0, 2.0], "OK"); 3];
    documents.push(telemetry(1, &[1.0, 2.0], "ERROR"));
    documents.push(telemetry(1, &[1.0, 2.0, 3.0], "OK"));
    let good = telemetry(2, &[1.0, 2.0], "OK");
    for (from, to) in [
        ("1,", "01,"),
        ("1,", "1.,"),
        ("1,", "null,"),
        ("1,", "\"1\","),
        ("1,", "-,"),
        ("1,", "1e999,"),
        ("08:00", "08\\u003a00"),
        ("08:00", "08:\u{e9}00"),
        ("}}", "}} x"),
        ("}}", "}}  "),
        ("\"sequence\": 2", "\"sequence\": 2.5"),
        ("2026-05", ""),
    ] {
        documents.push(good.clone());
        documents.push(good.replacen(from, to, 1));
    }
    assert!(check(&temperature(), &documents));
    assert!(check(&presets::generic(), &documents));
}

#[test]
fn what_never_repeats_is_learned_less_and_less() {
    let rules = temperature();
    let documents: Vec<String> = (0..600).map(|n| format!(r#"{{"k{n}": {n}}}"#)).collect();
    let plan = Plan::new(&rules);
    let (mut shapes, mut habit, mut out) = (Shapes::default(), Habit::default(), Decoded::default());
    for document in &documents {
        out.read_again(document.as_bytes(), &plan, BOUNDS, &mut shapes, &mut habit).unwrap();
    }
    assert_eq!(shapes.shared.len(), 1);
    assert!(shapes.pieces.len() < 120, "{}", shapes.pieces.len());
}

proptest! {
    #[test]
    fn any_run_of_documents_is_read_alike(
        seeds in prop::collection::vec((0_u32..4, -1e6_f64..1e6, 0_usize..40, any::<u8>()), 1..12),
    ) {
        let documents: Vec<String> = seeds
            .iter()
            .map(|(shape, value, at, byte)| {
                let temps = vec![*value; 1 + *shape as usize];
                let mut bytes = telemetry(shape * 7, &temps, "OK").into_bytes();
                // Now and then one byte is another.
                if *byte > 200 {
                    let at = at * bytes.len() / 40;
                    bytes[at] = byte / 2;
                }
                String::from_utf8_lossy(&bytes).into_owned()
            })
            .collect();
        check(&temperature(), &documents);
        check(&presets::generic(), &documents);
    }
}
