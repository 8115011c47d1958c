//! What is not so, or no longer: a queue that moves, and one of which nobody tells any more.

use super::*;

#[test]
fn a_queue_that_moves_is_not_stuck_however_deep_it_stays() {
    type Change = fn(&mut Queue, u64);
    let moves: [(&str, Change); 4] = [
        ("the oldest is another", |queue, second| {
            queue.oldest = Some(Wall(i64::try_from(second).unwrap()));
        }),
        ("in flight", |queue, second| queue.inflight = Some(second / 60 % 3)),
        ("dropped", |queue, second| queue.dropped = Some(second / 60)),
        ("up and down", |queue, second| queue.depth = Some(7 + second / 60 % 3)),
    ];
    for (name, change) in moves {
        let mut scene = Scene::new();
        for second in (0..4000).step_by(60) {
            scene.read(second, |queue| {
                queue.depth = Some(7);
                queue.connected = Some(true);
                change(queue, second);
            });
        }
        let events = scene.events();
        assert!(events.iter().all(|(_, event)| *event != "queue_stuck"), "{name}: {events:?}");
    }
}

#[test]
fn what_was_found_of_a_client_is_over_when_its_source_tells_of_it_no_longer() {
    let mut scene = Scene::new();
    for second in (0..4000).step_by(60) {
        scene.read(second, |queue| {
            queue.depth = Some(900 + second / 600);
            queue.limit_messages = Some(1000);
            // Back and away: it flaps.
            queue.connected = Some(second > 1200 || second % 120 == 0);
        });
    }
    let open = ["queue_high", "queue_growing", "queue_stale", "queue_stuck", "queue_flapping"];
    let events = scene.events();
    let is_found = |name: &str| events.iter().any(|(_, event)| *event == name);
    assert!(["queue_high", "queue_stale", "queue_stuck"].into_iter().all(is_found), "{events:?}");
    let mut balance: Vec<&str> = Vec::new();
    let gone = scene.board.reading(0, &Reading::default(), &|_| Facts::default(), at(4000));
    for (_, edge) in &scene.found {
        match edge.event() {
            "queue_cleared" => balance.retain(|event| *event != "queue_high"),
            "queue_settled" => balance.retain(|event| *event != "queue_growing"),
            "queue_fresh" => balance.retain(|event| *event != "queue_stale"),
            "queue_moves" => balance.retain(|event| *event != "queue_stuck"),
            "queue_steady" => balance.retain(|event| *event != "queue_flapping"),
            event => balance.extend(open.contains(&event).then_some(event)),
        }
    }
    let ends: Vec<&str> = gone.iter().map(Queueing::event).collect();
    assert!(!balance.is_empty());
    assert_eq!(ends.len(), balance.len(), "{balance:?} was true, {ends:?} was ended");
    assert!(ends.contains(&"queue_cleared") && ends.contains(&"queue_fresh"), "{ends:?}");
    assert!(gone[0].details().contains("tells of this client no longer"), "{}", gone[0].details());
    assert!(scene.board.reading(0, &Reading::default(), &|_| Facts::default(), at(4060)).is_empty());
    assert_eq!(scene.board.shown(at(4060)).near_limit_count, 0);
}

#[test]
fn what_one_source_found_is_over_when_another_takes_over() {
    let mut board = Board::new(["strong", "weak"], Rules::default(), 10);
    let reading = |limit| Reading {
        queues: vec![Queue {
            client_id: "c".into(),
            depth: Some(90),
            limit_messages: Some(limit),
            ..Queue::default()
        }],
        ..Reading::default()
    };
    let none = |_: &str| Facts::default();
    let said = |found: Vec<Queueing>| -> Vec<(String, &'static str)> {
        found.iter().map(|edge| (edge.source.to_string(), edge.event())).collect()
    };
    assert_eq!(said(board.reading(1, &reading(100), &none, at(0))), [("weak".to_owned(), "queue_high")]);
    let over = board.reading(0, &reading(1000), &none, at(1));
    assert_eq!(said(over), [("weak".to_owned(), "queue_cleared")]);
}
