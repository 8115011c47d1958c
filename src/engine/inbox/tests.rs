//! The queue against a model that counts what waits one by one, and what is said of what was shed.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::HashMap;
use watchkeeper_core::presets;
use watchkeeper_core::rules::Kind;
use watchkeeper_core::time::SECOND;

const TELEMETRY: &str = "plant/a/l/flood/telemetry/t";
const COMMAND: &str = "plant/a/l/d/command/request";

fn inbox() -> (Inbox, crate::own::Own) {
    let own = crate::own::Own::new().unwrap();
    let streams = presets::streams("plant").unwrap();
    let rules = FleetRules { broker: "main".into(), streams, ..FleetRules::default() };
    (Inbox::new(&own, &rules, Rc::default(), Arc::default()), own)
}

fn message(topic: &str, payload: Bytes, at: Mono) -> Inbound {
    Inbound {
        topic: Bytes::copy_from_slice(topic.as_bytes()),
        payload,
        qos: 0,
        retain: false,
        dup: false,
        at,
        response_topic: None,
        correlation: None,
        user_properties: Vec::new(),
        pkid: 0,
    }
}

/// Whether it was admitted.
fn offer(inbox: &Inbox, topic: &str, bytes: usize) -> bool {
    let before = inbox.toll.shed();
    inbox.offer(message(topic, Bytes::from(vec![0; bytes]), Mono(1)), false);
    inbox.toll.shed() == before
}

fn fill(inbox: &Inbox, topic: &str) -> u64 {
    (0..100_000).find(|_| !offer(inbox, topic, 0)).expect("it is bounded")
}

#[test]
fn where_messages_were_shed_is_marked_once_and_in_its_place() {
    let (inbox, _own) = inbox();
    let large = ROOM.bytes - 1024;
    for (topic, bytes, admitted) in
        [("t", 0, true), ("t", large, true), ("t", large, false), ("t", 0, false), ("u", 0, true)]
    {
        assert_eq!(offer(&inbox, topic, bytes), admitted, "{topic} {bytes}");
    }
    assert_eq!(inbox.shed(Mono(2)), (2, Some(Mono(1))));
    let kinds = std::iter::from_fn(|| inbox.pop());
    let kinds: Vec<bool> = kinds.map(|item| matches!(item, Item::Shed(_))).collect();
    assert_eq!(kinds, [false, false, true, false]);
}

#[test]
fn what_is_no_telemetry_finds_room_when_telemetry_does_not() {
    let (inbox, own) = inbox();
    // So many topics flood that nothing is left.
    let mut shed = 0;
    for round in 0..40 {
        for n in 0..2000 {
            shed += u64::from(!offer(&inbox, &format!("plant/a/l/d{n}/telemetry/t"), 0));
        }
        assert!(round < 35 || shed > 0);
    }
    assert!(!offer(&inbox, TELEMETRY, 0) || inbox.shares.borrow().messages() < ROOM.messages);
    let commands = (0..2000).filter(|_| offer(&inbox, COMMAND, 100)).count();
    assert_eq!(commands, 2000);
    let of = |kind| own.shed.with_label_values(&["main", kind]).get();
    assert_eq!((of("command"), of("unmatched")), (0, 0));
    assert_eq!(of("telemetry"), inbox.shed(Mono(1)).0);
    assert_eq!(own.refused.with_label_values(&["main", "messages"]).get(), of("telemetry"));
    // The reserve is bounded and fair as well.
    let more = fill(&inbox, COMMAND);
    assert!(more < 40_000 && of("command") == 1, "{more}");
    assert!(offer(&inbox, "plant/a/l/other/alarm/active", 10), "one who floods leaves room");
}

#[test]
fn one_that_floods_does_not_push_the_others_out() {
    let (inbox, _own) = inbox();
    let alone = fill(&inbox, TELEMETRY);
    assert!((52_000..55_000).contains(&alone), "{alone}");
    for n in 0..300 {
        for _ in 0..10 {
            assert!(offer(&inbox, &format!("plant/a/l/q{n}/telemetry/t"), 0), "{n}");
        }
        assert!(!offer(&inbox, TELEMETRY, 0));
    }
    // Bytes are shared as messages are.
    let (inbox, _own) = self::inbox();
    let large = (0..300).find(|_| !offer(&inbox, TELEMETRY, 1 << 20)).unwrap();
    assert!((52..55).contains(&large), "{large}");
    assert!(offer(&inbox, "plant/a/l/q/telemetry/t", 1 << 20));
}

#[test]
fn one_that_floods_over_many_topics_is_still_one() {
    let (inbox, _own) = inbox();
    let mut topics = (0..100_000).map(|n| format!("plant/a/l/flood/telemetry/{n}"));
    let alone = topics.position(|topic| !offer(&inbox, &topic, 0)).expect("it is bounded");
    assert!((52_000..55_000).contains(&alone), "{alone}");
    for n in 0..300 {
        for _ in 0..10 {
            assert!(offer(&inbox, &format!("plant/a/l/q{n}/telemetry/t"), 0), "{n}");
        }
        assert!(!offer(&inbox, &topics.next().unwrap(), 0));
    }
    // With so much from others there is less left than it has already; what it answers is heard.
    for n in 0..7_000 {
        assert!(offer(&inbox, &format!("plant/a/l/p{}/telemetry/t", n % 700), 0), "{n}");
    }
    let answers = (0..500).filter(|_| offer(&inbox, "plant/a/l/flood/command/response", 100)).count();
    assert_eq!(answers, 500);
}

#[test]
fn gaps_name_the_topics_and_the_last_moment_and_are_bounded() {
    let (inbox, _own) = inbox();
    let shed = |topic: &str, at| inbox.toll.note(Sort::Of(Kind::Telemetry), topic.as_bytes(), Mono(at));
    assert!(shed("a", 1));
    assert!(!shed("b", 2) && !shed("a", 3));
    assert!(!shed(&"x".repeat(300), 4));
    inbox.toll.close();
    assert!(shed("c", 5));
    let gap = inbox.toll.pay();
    let expected = [("a", 3), ("b", 2)].map(|(topic, at)| (topic.as_bytes().into(), Mono(at)));
    assert_eq!((gap.topics, gap.others), (HashMap::from(expected), Some(Mono(4))));
    assert!(!shed("c", 6), "the last gap grows until its turn comes");
    assert_eq!(inbox.toll.pay().topics.len(), 1);
    assert!(shed("c", 7), "then it is another");
    for n in 0..70_000 {
        shed(&n.to_string(), 8);
    }
    let gap = inbox.toll.pay();
    assert_eq!((gap.topics.len(), gap.others), (65_536, Some(Mono(8))));
}

#[test]
fn it_is_told_once_a_minute_and_is_over_soon_after_the_last() {
    let (inbox, _own) = inbox();
    let at = |seconds: u64| Mono(seconds * SECOND);
    assert_eq!((inbox.toll.to_tell(at(0)), inbox.shed(at(0)).1), (None, None));
    let mut told = Vec::new();
    for second in 1..=100 {
        inbox.toll.note(Sort::Unmatched, b"t", at(second));
        told.extend(inbox.toll.to_tell(at(second)).map(|count| (second, count)));
    }
    assert_eq!(told, [(1, 1), (61, 60)]);
    assert_eq!(inbox.toll.to_tell(at(121)), Some(39));
    assert_eq!(inbox.toll.to_tell(at(999)), None);
    assert_eq!(inbox.shed(at(105)).1, Some(at(1)));
    assert_eq!(inbox.shed(at(111)), (100, None));
    inbox.toll.note(Sort::Unmatched, b"t", at(200));
    assert_eq!(inbox.shed(at(200)), (101, Some(at(200))));
}

#[test]
fn a_queue_that_is_empty_again_holds_on_to_nothing() {
    let (inbox, _own) = inbox();
    fill(&inbox, TELEMETRY);
    while inbox.pop().is_some() {}
    assert!(inbox.items.borrow().capacity() <= 2 * KEPT_ITEMS);
    let shares = inbox.shares.borrow();
    assert_eq!((shares.messages(), shares.bytes()), (0, 0));
    drop(shares);
    assert!(offer(&inbox, TELEMETRY, 0), "recovery is immediate");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Runs of one device that floods, of others, and of the engine, which takes what waits.
    #[test]
    fn bounds_hold_counts_add_up_and_the_quiet_lose_nothing(
        steps in prop::collection::vec((0_u8..4, 1_usize..4000, 0_usize..3), 1..60),
    ) {
        let (inbox, own) = inbox();
        let (mut sent, mut taken, mut waiting, mut bytes) = (0_u64, 0_u64, 0_usize, 0_usize);
        let (mut quiet, mut quiet_shed) = (HashMap::<usize, usize>::new(), 0);
        for (what, times, size) in steps {
            let size = [0, 100, 30_000][size];
            for n in 0..times {
                if what == 3 {
                    match inbox.pop() {
                        Some(Item::Message(message)) => {
                            taken += 1;
                            waiting -= 1;
                            bytes -= self::bytes(&message);
                            let topic = std::str::from_utf8(&message.topic).unwrap();
                            if let Some(n) = topic.strip_prefix("quiet/") {
                                *quiet.get_mut(&n.parse::<usize>().unwrap()).unwrap() -= 1;
                            }
                        }
                        Some(_) => {}
                        None => break,
                    }
                    continue;
                }
                // A quiet one has two messages waiting at most.
                let n = n % 500;
                let is_quiet = what == 0 && quiet.get(&n).copied().unwrap_or(0) < 2;
                let topic = if is_quiet { format!("quiet/{n}") } else { TELEMETRY.to_owned() };
                let size = if is_quiet { 10 } else { size };
                sent += 1;
                if offer(&inbox, &topic, size) {
                    waiting += 1;
                    bytes += topic.len() + size;
                    if is_quiet {
                        *quiet.entry(n).or_default() += 1;
                    }
                } else {
                    quiet_shed += usize::from(is_quiet);
                }
            }
            prop_assert!(waiting <= ROOM.messages && bytes <= ROOM.bytes);
            let shares = inbox.shares.borrow();
            prop_assert_eq!((shares.messages(), shares.bytes()), (waiting, bytes));
        }
        let refused = own.refused.with_label_values(&["main", "messages"]).get();
        prop_assert_eq!(sent, taken + waiting as u64 + refused);
        prop_assert_eq!(quiet_shed, 0);
    }
}
