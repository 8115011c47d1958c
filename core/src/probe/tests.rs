//! What a round makes of what came, and what rounds make true.

use super::*;
use crate::time::SECOND;

const MS: Micros = 1000;

#[test]
fn only_the_very_message_of_this_round_is_back() {
    let mut round = Round::new(7);
    let (first, mine) = round.next(0, Mono(0));
    round.taken(first);
    let at = Mono(5 * MS);
    assert_eq!(round.hear(&payload(8, 0), false, at), Heard::Stray, "of another round, or another sidecar");
    assert_eq!(round.hear(&mine, true, at), Heard::Stray, "from the broker's memory");
    for stranger in [&b"\xff\xfe"[..], b"", b"watchkeeper-probe", b"watchkeeper-probe 0000000000000007 00"] {
        assert_eq!(round.hear(stranger, false, at), Heard::Stray);
    }
    assert_eq!(round.hear(&payload(7, 1), false, at), Heard::Stray, "not sent yet");
    assert!(!round.is_back(first));
    assert_eq!(round.hear(&mine, false, at), Heard::Back(first));
    assert_eq!(round.hear(&mine, false, at), Heard::Again);
    let verdict = round.end(false);
    assert_eq!(verdict.fates, [(0, Fate::Back(5 * MS))]);
    assert_eq!((verdict.duplicates, verdict.strays), ([1, 0, 0], 7));
    assert!(verdict.is_back(0) && !verdict.is_back(1), "what was not sent is not back");
}

#[test]
fn what_the_broker_took_and_did_not_bring_is_lost_and_coming_late_does_not_help() {
    let mut round = Round::new(1);
    let (first, payload) = round.next(1, Mono(0));
    round.taken(first);
    round.give_up(first);
    assert_eq!(round.hear(&payload, false, Mono(9 * SECOND)), Heard::Late);
    let (second, _) = round.next(2, Mono(0));
    // Not acknowledged: nobody can know whether the broker had it.
    round.give_up(second);
    let verdict = round.clone().end(false);
    assert_eq!(verdict.fates, [(1, Fate::Lost), (2, Fate::Failed)]);
    assert_eq!(verdict.lost().collect::<Vec<_>>(), [1]);
    assert_eq!(round.end(true).lost().count(), 0, "a connection that broke is no loss");
}

#[test]
fn where_the_broker_refuses_nothing_is_lost_at_quality_of_service_0() {
    let mut round = Round::new(1);
    let (first, _) = round.next(0, Mono(0));
    round.taken(first);
    round.give_up(first);
    let (second, _) = round.next(1, Mono(0));
    round.refused(second);
    assert_eq!(round.end(false).fates, [(0, Fate::Failed), (1, Fate::Failed)]);
}

fn rounds(history: &mut History, fates: &[Fate]) -> Vec<&'static str> {
    let mut said = Vec::new();
    for (second, fate) in (0_u64..).zip(fates) {
        let verdict = Verdict { fates: vec![(1, *fate)], ..Verdict::default() };
        let why = (!verdict.is_back(1)).then_some(("lost", "nothing came back"));
        let found = history.round(&verdict, why, Mono(second * SECOND));
        said.extend(found.iter().map(Probing::event));
    }
    said
}

#[test]
fn three_failures_in_a_row_are_said_once_and_their_end_as_well() {
    use Fate::{Back, Failed, Lost};
    let mut history = History::default();
    assert!(rounds(&mut history, &[Failed, Failed, Back(1), Failed, Failed]).is_empty());
    assert!(!history.is_failing());
    assert_eq!(rounds(&mut history, &[Failed, Failed, Failed]), ["probe_failed"]);
    assert!(history.is_failing());
    assert_eq!(rounds(&mut history, &[Back(1), Back(1)]), ["probe_restored"]);
    let mut history = History::default();
    assert_eq!(rounds(&mut history, &[Lost, Back(1), Lost, Back(1), Back(1)]), ["probe_lost"]);
    assert!(history.is_losing());
    assert_eq!(rounds(&mut history, &[Back(1), Back(1)]), ["probe_delivers"]);
    // A broker that is away neither loses nor delivers.
    assert_eq!(rounds(&mut history, &[Lost, Failed, Failed]), ["probe_lost", "probe_failed"]);
    assert!(history.is_losing());
}

#[test]
fn where_nothing_comes_back_the_first_finding_names_an_access_rule_as_well_as_a_loss() {
    use Fate::{Back, Failed, Lost};
    let first = |fates: &[Fate]| {
        let verdict = Verdict { fates: (0..).zip(fates.iter().copied()).collect(), ..Verdict::default() };
        let found = History::default().round(&verdict, Some(("messages_lost", "")), Mono(0));
        found.iter().map(Probing::details).collect::<Vec<_>>().join("\n")
    };
    for none in [&[Lost, Lost, Lost][..], &[Lost], &[Failed, Lost]] {
        let told = first(none);
        assert!(told.contains("may not publish or read") && told.contains("or it loses messages"), "{told}");
    }
    for some in [&[Back(1), Lost][..], &[Lost, Back(1), Back(1)]] {
        assert!(!first(some).contains("may not publish"), "what came back was allowed");
    }
    assert_eq!(first(&[Failed, Failed]), "");
}

#[test]
fn a_session_is_sound_when_every_number_is_there_once_and_in_order() {
    let tested = |numbers: &[u64]| {
        let mut received = Received::from(0);
        for number in numbers {
            received.hear(*number);
        }
        received.sent(4);
        Tested { is_kept: true, received }
    };
    assert!(tested(&[0, 1, 2, 3]).is_sound());
    for numbers in [&[0, 1, 2][..], &[0, 2, 1, 3], &[0, 1, 1, 2, 3], &[]] {
        assert!(!tested(numbers).is_sound(), "{numbers:?}");
    }
    assert!(!Tested { is_kept: false, ..tested(&[0, 1, 2, 3]) }.is_sound());
    let mut history = History::default();
    let why = Some(("messages_lost", "15 are missing"));
    let said = [
        history.session(None, 0),
        history.session(why, 15),
        history.session(why, 15),
        history.session(None, 0),
    ];
    let said: Vec<_> = said.iter().flatten().map(Probing::event).collect();
    assert_eq!(said, ["session_probe_failed", "session_probe_sound"]);
}
