//! Messages that come over both connections, over one, early and late: each is taken once, and in its order.

use super::ahead::OVERTAKEN;
use super::*;
use bytes::Bytes;
use tokio::sync::Notify;
use watchkeeper_core::exchange::Said;
use watchkeeper_core::fleet::Missed;

fn message(print: u64) -> Inbound {
    Inbound {
        topic: Bytes::from_static(b"t"),
        payload: Bytes::from(print.to_string()),
        qos: 1,
        retain: false,
        dup: false,
        pkid: 0,
        response_topic: None,
        correlation: None,
        user_properties: Vec::new(),
        at: Mono(0),
    }
}

fn heard(print: u64, at: u64) -> Heard {
    let (topic, device, said) = ("t".into(), "d".into(), Said::Nothing);
    let what = Missed { stream: 0, topic, device, said };
    Heard { print, mark: print, protected: true, at: Mono(at), what }
}

struct Scene {
    twins: Twins,
    echo: Arc<Echo>,
}

impl Scene {
    fn new(logged: &Logged) -> Self {
        let echo = Arc::new(Echo::new(Arc::<Notify>::default(), None));
        echo.connected(Some(Mono(0)));
        Self { twins: Twins::new(Some(Arc::clone(&echo)), logged), echo }
    }

    /// Both are up, and neither has anything to say.
    fn settled() -> Self {
        let mut scene = Self::new(&Logged::default());
        scene.twins.up(Mono(0));
        assert!(scene.turns(QUIET).is_empty());
        scene
    }

    /// Missed ones are negative.
    fn turns(&mut self, at: u64) -> Vec<i64> {
        let turns = self.twins.turns(Mono(at)).into_iter().map(|turn| match turn {
            Turn::Missed(heard) => -heard.print.cast_signed(),
            Turn::Arrived(message) => std::str::from_utf8(&message.payload).unwrap().parse().unwrap(),
            Turn::Said(missed, _) => 1_000 + missed.device.parse::<i64>().unwrap(),
        });
        turns.collect()
    }

    /// The devices' connection goes. What it had brought and waits its turn is counted.
    fn down(&mut self) {
        self.twins.down(|message| {
            let device = std::str::from_utf8(&message.payload).unwrap().into();
            Some(Missed { stream: 0, topic: "t".into(), device, said: Said::Nothing })
        });
    }

    fn arrives(&mut self, print: u64) -> bool {
        self.twins.arrived(print, message(print)).is_some()
    }
}

#[test]
fn what_both_bring_is_taken_once_whichever_is_first() {
    let mut scene = Scene::settled();
    assert!(scene.arrives(1));
    scene.echo.push(heard(1, 2 * QUIET));
    scene.echo.push(heard(2, 2 * QUIET));
    assert!(scene.turns(2 * QUIET).is_empty());
    assert!(scene.arrives(2));
    assert!(scene.turns(9 * PATIENCE).is_empty());
}

#[test]
fn a_copy_that_comes_after_all_is_not_taken_twice_and_one_of_an_absence_is_a_message_of_its_own() {
    let mut scene = Scene::settled();
    scene.echo.push(heard(1, 2 * QUIET));
    assert_eq!(scene.turns(2 * QUIET + PATIENCE), [-1]);
    assert!(!scene.arrives(1), "it was taken as missed");
    assert!(scene.arrives(1), "and this is another");
    scene.down();
    scene.echo.push(heard(2, 3 * QUIET + PATIENCE));
    assert_eq!(scene.turns(9 * PATIENCE), [-2]);
    scene.twins.up(Mono(9 * PATIENCE));
    assert!(scene.turns(9 * PATIENCE + QUIET).is_empty());
    assert!(scene.arrives(2));
}

#[test]
fn what_was_overtaken_long_ago_is_not_expected_any_more() {
    let mut scene = Scene::settled();
    assert!(scene.arrives(1) && scene.arrives(2));
    scene.echo.push(heard(2, 2 * QUIET));
    assert!(scene.turns(2 * QUIET).is_empty());
    assert_eq!(scene.twins.saved(0, 0).ahead, [1]);
    assert!(scene.turns(OVERTAKEN).is_empty());
    assert!(scene.twins.saved(0, 0).ahead.is_empty());
}

#[test]
fn the_position_moves_on_though_something_is_always_on_its_way() {
    let mut scene = Scene::settled();
    for print in 1..100 {
        assert!(scene.arrives(print));
        scene.echo.push(heard(print, 2 * QUIET));
        scene.echo.push(heard(1_000 + print, 2 * QUIET));
        assert!(scene.turns(2 * QUIET).is_empty());
        // What is behind has a mark that is not safe yet.
        scene.twins.saved(print, print);
    }
    let saved = scene.twins.saved(100, 100);
    assert_eq!(saved.next, Some(99));
    assert!(saved.taken.len() < 5, "{}", saved.taken.len());
}

#[test]
fn the_same_bytes_twice_are_two_messages() {
    let mut scene = Scene::settled();
    assert!(scene.arrives(1) && scene.arrives(1));
    for _ in 0..3 {
        scene.echo.push(heard(1, 2 * QUIET));
    }
    assert!(scene.turns(2 * QUIET).is_empty());
    assert_eq!(scene.turns(2 * QUIET + PATIENCE), [-1], "the third has no twin");
}

#[test]
fn what_was_missed_comes_before_what_arrives_after_a_connect() {
    let mut scene = Scene::new(&Logged::default());
    scene.twins.up(Mono(0));
    scene.echo.push(heard(1, 10));
    assert!(!scene.arrives(3), "it waits its turn");
    assert!(scene.turns(20).is_empty());
    for print in [2, 3, 4] {
        scene.echo.push(heard(print, 30));
    }
    assert_eq!(scene.turns(40), [-1, -2, 3], "the fourth is on its way");
    assert!(scene.arrives(4));
    assert!(scene.turns(9 * PATIENCE).is_empty());
}

#[test]
fn a_connection_that_says_nothing_holds_up_nobody_for_long() {
    let mut scene = Scene::new(&Logged::default());
    scene.echo.connected(None);
    scene.twins.up(Mono(0));
    assert!(!scene.arrives(1));
    assert!(scene.turns(AWAY - 1).is_empty());
    assert_eq!(scene.turns(AWAY), [1]);
    assert!(!scene.twins.is_logged(scene.twins.last()), "it brings it when it is back");
    // One that is there and is never quiet is waited for less long.
    scene.echo.connected(Some(Mono(AWAY)));
    scene.twins.up(Mono(AWAY));
    assert!(!scene.arrives(2));
    for at in 1..10 {
        scene.echo.push(heard(100 + at, AWAY + at * QUIET / 2));
        assert!(scene.turns(AWAY + at * QUIET / 2).is_empty());
    }
    assert_eq!(scene.turns(AWAY + CATCH_UP).last(), Some(&2));
}

#[test]
fn what_waits_its_turn_waits_on_when_the_connection_goes_again() {
    let mut scene = Scene::new(&Logged::default());
    scene.echo.connected(None);
    scene.twins.up(Mono(0));
    assert!(!scene.arrives(3), "an answer");
    scene.down();
    assert!(scene.turns(2).is_empty());
    scene.twins.up(Mono(3 * QUIET));
    assert!(!scene.arrives(4));
    assert!(scene.turns(4 * QUIET).is_empty());
    scene.echo.connected(Some(Mono(5 * QUIET)));
    for print in [1, 2, 3, 4] {
        // The request that belongs to it came while nobody was there.
        scene.echo.push(heard(print, 5 * QUIET));
    }
    assert_eq!(scene.turns(5 * QUIET), [-1, -2, 1_003, 4]);
    assert!(scene.turns(9 * PATIENCE).is_empty());
}

#[test]
fn what_is_saved_is_what_the_state_knows() {
    let mut scene = Scene::settled();
    assert_eq!(scene.twins.saved(0, 7), Logged { next: Some(7), ..Logged::default() });
    assert!(scene.arrives(1) && scene.arrives(2));
    scene.echo.push(heard(1, 2 * QUIET));
    assert!(scene.turns(2 * QUIET).is_empty());
    let logged = scene.twins.saved(1, 9);
    assert_eq!(logged, Logged { next: Some(7), taken: vec![1], ahead: vec![2] });
    assert_eq!(scene.twins.saved(1, 9), Logged { next: Some(9), taken: vec![], ahead: vec![2] });
    // Somebody waits for its twin: its record may be any, so that the place stays.
    scene.echo.push(heard(5, 3 * QUIET));
    assert!(scene.turns(3 * QUIET).is_empty());
    assert_eq!(scene.twins.saved(5, 20).next, Some(9));

    let mut scene = Scene::new(&logged);
    scene.echo.push(heard(2, 1));
    scene.echo.push(heard(3, 1));
    assert_eq!(scene.turns(PATIENCE + 1), [-3], "the second was known before");
}

#[test]
fn what_waits_its_turn_is_not_saved_as_taken() {
    let mut scene = Scene::new(&Logged { next: Some(3), ..Logged::default() });
    scene.echo.connected(None);
    scene.twins.up(Mono(0));
    assert!(!scene.arrives(1));
    assert_eq!(scene.twins.saved(0, 9), Logged { next: Some(3), ..Logged::default() });
}

#[test]
fn what_is_remembered_is_bounded_and_nothing_is_invented() {
    let mut scene = Scene::settled();
    let all = AHEAD_MAX as u64 + 100;
    for print in 0..all {
        assert!(scene.arrives(print));
    }
    assert_eq!(scene.twins.ahead.prints().count(), AHEAD_MAX);
    for print in 0..all {
        scene.echo.push(heard(print, 2 * QUIET));
        if print % 1000 == 0 {
            assert!(scene.turns(2 * QUIET).is_empty());
        }
    }
    assert!(scene.turns(9 * PATIENCE).is_empty());
}

#[test]
fn while_it_catches_up_the_order_is_that_of_the_connection_that_missed_nothing() {
    let mut scene = Scene::new(&Logged::default());
    scene.echo.connected(None);
    scene.twins.up(Mono(0));
    assert!(!scene.arrives(7), "its publisher sends it twice, and this is the second time");
    scene.down();
    scene.twins.up(Mono(9));
    assert!(!scene.arrives(8) && !scene.arrives(9));
    scene.echo.connected(Some(Mono(10)));
    for print in [5, 7, 6, 8] {
        scene.echo.push(heard(print, 10));
    }
    assert_eq!(scene.turns(10), [-5, 1_007, -6, 8], "the ninth may be of later than what comes next");
    for print in [4, 9, 3] {
        scene.echo.push(heard(print, 11));
    }
    assert_eq!(scene.turns(11), [-4, 9], "the third is on its way");
    assert!(scene.arrives(3));
}

#[test]
fn what_the_other_connection_brings_first_keeps_its_place_among_those_that_wait() {
    let mut scene = Scene::new(&Logged::default());
    scene.twins.up(Mono(0));
    for print in [1, 2, 3] {
        scene.echo.push(heard(print, 10));
    }
    assert!(scene.turns(10).is_empty());
    assert!(!scene.arrives(2));
    assert_eq!(scene.turns(11), [-1, 2]);
    assert!(scene.arrives(3));
    assert!(scene.turns(9 * PATIENCE).is_empty());
}

#[test]
fn what_comes_without_a_promise_says_nothing_of_the_order() {
    let mut scene = Scene::new(&Logged::default());
    scene.twins.up(Mono(0));
    assert!(!scene.arrives(2));
    let live = |print| Heard { protected: false, ..heard(print, 10) };
    scene.echo.push(live(3));
    scene.echo.push(live(2));
    assert!(scene.turns(10).is_empty(), "what was queued for it may still come");
    assert!(!scene.arrives(3));
    scene.echo.push(heard(1, 11));
    assert!(scene.turns(11).is_empty());
    assert_eq!(scene.turns(11 + QUIET), [-1, 2, 3]);
}
