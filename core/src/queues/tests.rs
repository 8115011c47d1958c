//! Stories of queues: readings at moments, and the edges they must give.

use super::*;
use crate::finding::Queueing;
use crate::time::{Mono, Now, SECOND};

mod over;

fn at(seconds: u64) -> Now {
    Now { mono: Mono(seconds * SECOND), wall: Wall(1_000_000_000 + i64::try_from(seconds * SECOND).unwrap()) }
}

/// Readings of one client, each with its second, and what was found: second and event.
struct Scene {
    board: Board,
    found: Vec<(u64, Queueing)>,
    facts: Facts,
}

impl Scene {
    fn new() -> Self {
        Self { board: Board::new(["api"], Rules::default(), 10), found: Vec::new(), facts: Facts::default() }
    }

    fn read(&mut self, second: u64, change: impl FnOnce(&mut Queue)) -> &mut Self {
        let mut queue = Queue { client_id: "c".into(), depth: Some(0), ..Queue::default() };
        change(&mut queue);
        let reading = Reading { queues: vec![queue], ..Reading::default() };
        let facts = self.facts;
        let found = self.board.reading(0, &reading, &|_| facts, at(second));
        self.found.extend(found.into_iter().map(|edge| (second, edge)));
        self
    }

    fn events(&self) -> Vec<(u64, &'static str)> {
        self.found.iter().map(|(second, edge)| (*second, edge.event())).collect()
    }

    fn shown(&mut self, second: u64) -> ShownQueue {
        self.board.shown(at(second)).queues.remove(0)
    }
}

#[test]
fn a_queue_is_high_at_four_fifths_and_cleared_at_three() {
    let mut scene = Scene::new();
    for (step, depth) in [100, 790, 800, 900, 700, 601, 600, 790, 800].into_iter().enumerate() {
        scene.read(30 * step as u64, |queue| {
            queue.depth = Some(depth);
            queue.limit_messages = Some(1000);
        });
    }
    let events: Vec<_> = scene.events().into_iter().filter(|(_, event)| *event != "queue_growing").collect();
    assert_eq!(events, [(60, "queue_high"), (180, "queue_cleared"), (240, "queue_high")]);
    let shown = scene.shown(240);
    assert_eq!((shown.share, shown.high_water), (Some(0.8), Some((900, at(90).wall))));
}

#[test]
fn a_queue_that_will_be_full_within_an_hour_grows_until_it_will_not_within_two() {
    let mut scene = Scene::new();
    for minute in 0..30 {
        scene.read(60 * minute, |queue| {
            queue.depth = Some(minute.min(19) * 24);
            queue.limit_messages = Some(1000);
        });
    }
    assert_eq!(
        scene.events(),
        [(300, "queue_growing"), (1500, "queue_settled")],
        "measured over five minutes"
    );
}

#[test]
fn a_queue_that_stays_though_its_client_is_there_and_misses_nothing_is_stuck() {
    let mut scene = Scene::new();
    let still = |scene: &mut Scene, from: u64, to: u64, depth: u64| {
        for second in (from..to).step_by(30) {
            scene.read(second, |queue| {
                queue.depth = Some(depth);
                queue.connected = Some(true);
            });
        }
    };
    still(&mut scene, 0, 700, 7);
    assert_eq!(scene.events(), [(600, "queue_stuck")]);
    still(&mut scene, 700, 760, 3);
    assert_eq!(scene.events()[1], (700, "queue_moves"));
    // Messages are missing: they are not delivered, which is another matter.
    scene.found.clear();
    for second in (760..4000).step_by(60) {
        scene.facts.lost += 1;
        still(&mut scene, second, second + 60, 3);
    }
    assert!(scene.events().iter().all(|(_, event)| *event != "queue_stuck"), "{:?}", scene.events());
}

#[test]
fn what_waited_is_drained_after_the_return_and_its_time_is_told() {
    let mut scene = Scene::new();
    let mut read = |second, depth, connected| {
        scene.read(second, |queue| {
            queue.depth = Some(depth);
            queue.connected = Some(connected);
        });
    };
    read(0, 0, true);
    read(30, 40, false);
    read(60, 50, false);
    read(90, 20, true);
    read(120, 0, true);
    let drained = scene.found.pop().unwrap();
    let turn = crate::finding::QueueTurn::Drained { count: 50, took: 60 * SECOND, in_order: None };
    assert_eq!((drained.0, drained.1.turn), (120, turn));
    assert_eq!(scene.events(), []);
}

#[test]
fn what_is_drained_between_two_looks_took_the_time_between_them_at_most() {
    let mut scene = Scene::new();
    for (second, depth, connected) in [(0, 9, false), (30, 0, true)] {
        scene.read(second, |queue| {
            queue.depth = Some(depth);
            queue.connected = Some(connected);
        });
    }
    assert_eq!(scene.events(), [(30, "queue_drained")]);
    let details = scene.found[0].1.details();
    assert!(details.contains("9 messages that had waited were taken within 30 s"), "{details}");
}

#[test]
fn what_is_dropped_and_what_expires_are_told_apart() {
    let mut scene = Scene::new();
    let mut read = |second, depth, dropped| {
        scene.read(second, |queue| {
            queue.depth = Some(depth);
            queue.dropped = Some(dropped);
            queue.connected = Some(false);
        });
    };
    read(0, 10, 5);
    read(30, 10, 7);
    read(60, 4, 7);
    // The session began anew: no edge.
    read(90, 0, 0);
    assert_eq!(scene.events(), [(30, "queue_dropped"), (60, "queue_expired")]);
    assert_eq!(scene.shown(90).expired, 6);
}

#[test]
fn the_oldest_is_stale_after_an_hour() {
    let mut scene = Scene::new();
    for second in (0..3700).step_by(100) {
        scene.read(second, |queue| queue.depth = Some(1));
    }
    assert_eq!(scene.events(), [(3600, "queue_stale")]);
    scene.read(3800, |queue| queue.depth = Some(0));
    assert_eq!(scene.events()[1], (3800, "queue_fresh"));
}

#[test]
fn a_client_that_is_back_five_times_in_ten_minutes_flaps() {
    let mut scene = Scene::new();
    for second in (0..3000).step_by(30) {
        let is_there = second > 300 || second % 60 == 0;
        scene.read(second, |queue| queue.connected = Some(is_there));
    }
    assert_eq!(scene.events(), [(300, "queue_flapping"), (930, "queue_steady")]);
}

#[test]
fn of_two_sources_the_stronger_one_counts_and_the_other_takes_over_when_it_no_longer_tells() {
    let mut board = Board::new(["strong", "weak"], Rules::default(), 10);
    let reading = |depth| Reading {
        queues: vec![Queue { client_id: "c".into(), depth: Some(depth), ..Queue::default() }],
        ..Reading::default()
    };
    let none = |_: &str| Facts::default();
    board.reading(1, &reading(2), &none, at(0));
    assert!(board.reading(0, &reading(9), &none, at(1)).is_empty(), "what another told is no measure");
    assert_eq!(board.shown(at(1)).queues[0].growth, None);
    let seen = |board: &mut Board| {
        let shown = board.shown(at(5));
        shown.queues.iter().map(|queue| (queue.queue.depth, queue.source.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(seen(&mut board), [(Some(9), "strong".to_owned())]);
    board.failed(0, "away".into(), at(3));
    board.failed(0, "still away".into(), at(4));
    assert_eq!(seen(&mut board), [(Some(9), "strong".to_owned())], "what it told stands");
    let error = board.shown(at(5)).sources[0].error.clone();
    assert_eq!(error, Some(("still away".to_owned(), at(3).wall)));
    board.reading(0, &Reading::default(), &none, at(6));
    assert_eq!(seen(&mut board), [(Some(2), "weak".to_owned())]);
}

#[test]
fn the_deepest_have_series_and_keep_them_for_ten_minutes() {
    let mut board = Board::new(["api"], Rules::default(), 2);
    let read = |board: &mut Board, second, depths: &[(&str, u64)]| {
        let queue = |(id, depth): &(&str, u64)| Queue {
            client_id: (*id).into(),
            depth: Some(*depth),
            ..Queue::default()
        };
        let reading = Reading { queues: depths.iter().map(queue).collect(), ..Reading::default() };
        board.reading(0, &reading, &|_| Facts::default(), at(second));
        let shown = board.shown(at(second));
        assert_eq!(shown.suppressed, depths.len() - 3, "the broker as a whole is none of them");
        let with: Vec<String> = shown
            .queues
            .iter()
            .filter(|queue| queue.has_series)
            .map(|queue| queue.queue.client_id.clone())
            .collect();
        with
    };
    assert_eq!(read(&mut board, 0, &[("", 99), ("a", 1), ("b", 2), ("d", 3)]), ["d", "b"]);
    assert_eq!(read(&mut board, 300, &[("", 99), ("a", 9), ("b", 2), ("d", 3)]), ["d", "b"]);
    assert_eq!(read(&mut board, 700, &[("", 99), ("a", 9), ("b", 2), ("d", 3)]), ["a", "d"]);
}

#[test]
fn the_number_of_clients_is_bounded() {
    let mut judge = Judge::new(Rules { clients_max: 3, ..Rules::default() });
    let mut edges = Vec::new();
    for n in 0..10 {
        let queue = Queue { client_id: format!("c{n}"), depth: Some(1), ..Queue::default() };
        judge.reading(0, &queue, Facts::default(), at(0), &mut edges);
    }
    assert_eq!(judge.refused, 7);
    assert!(judge.level("c2").is_some() && judge.level("c3").is_none());
}
