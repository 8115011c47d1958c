//! A run of documents on one topic, read by what was learned of them and read in full: the same must come out.

use crate::payload::plans;
use watchkeeper_core::decode::{Bounds, Decoded, Habit, Member, Plan, Shapes};

const BOUNDS: Bounds = Bounds { depth_max: 64, points_max: 1024 };

/// Documents, each ended by a NUL; each of them comes three times, and once with each later one before it.
pub fn shapes(bytes: &[u8]) {
    let documents: Vec<&[u8]> = bytes.split(|byte| *byte == 0).take(8).collect();
    for rules in plans() {
        let plan = Plan::new(&rules);
        let (mut shapes, mut habit) = (Shapes::default(), Habit::default());
        let (mut again, mut anew) = (Decoded::default(), Decoded::default());
        for (at, document) in documents.iter().enumerate() {
            for document in documents[at..].iter().rev().chain([document, document, document]) {
                let by_shape = again.read_again(document, &plan, BOUNDS, &mut shapes, &mut habit);
                let full = anew.read(document, &plan, BOUNDS);
                assert_eq!(by_shape, full);
                if let Ok(text) = full {
                    assert_eq!(told(&again, text), told(&anew, text));
                }
            }
        }
    }
}

/// Everything that was read, with each piece of text as it is.
fn told(read: &Decoded, payload: &str) -> String {
    let member = |member: Member| match member {
        Member::Text(text) => format!("text {:?}", read.text(payload, text)),
        Member::Number(number, text) => format!("number {number} {:?}", read.text(payload, text)),
        Member::Absent | Member::Other => format!("{member:?}"),
    };
    let points = read.points.iter().map(|point| {
        format!("{:?} {:?} {}", read.text(payload, point.name), point.value, member(point.status))
    });
    let claims = read.claims.iter().map(|claim| format!("{} {}", claim.parent, member(claim.member)));
    let apart = [read.device_id, read.timestamp, read.sequence].map(member);
    let seen = (read.points_refused, read.points_seen);
    format!("{apart:?} {seen:?} {:?} {:?}", points.collect::<Vec<_>>(), claims.collect::<Vec<_>>())
}
