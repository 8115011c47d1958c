//! The persistence file: what a real broker wrote, what was made after its structure, and what nobody wrote.

use super::*;
use proptest::prelude::*;

/// Written by Mosquitto 2.0.11: three messages for `dev-persist`, and some that are retained.
const REAL: &[u8] = include_bytes!("../../../tests/queues/mosquitto-2.0.11-three-queued.db");

fn read(bytes: &[u8]) -> Result<Reading, Damage> {
    in_pieces(bytes, bytes.len().max(1))
}

fn in_pieces(bytes: &[u8], size: usize) -> Result<Reading, Damage> {
    let mut file = PersistenceFile::default();
    for piece in bytes.chunks(size) {
        file.feed(piece)?;
    }
    file.finish(100, Some(Wall(1)))
}

fn file(chunks: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), &[0; 4], &6_u32.to_be_bytes()].concat();
    for (kind, body) in chunks {
        bytes.extend(kind.to_be_bytes());
        bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
    }
    bytes
}

fn message(store_id: u64, payload: &[u8]) -> (u32, Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let fixed =
        [&store_id.to_le_bytes()[..], &[0; 8], &length, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 0]].concat();
    (MESSAGE, [fixed, b"pt/".to_vec(), payload.to_vec()].concat())
}

fn waiting(id: &[u8], store_id: u64, state: u8, direction: u8) -> (u32, Vec<u8>) {
    let id_length = u16::try_from(id.len()).unwrap().to_be_bytes();
    let fixed = [&store_id.to_le_bytes()[..], &[0, 1], &id_length, &[1, state, 0, direction]].concat();
    (CLIENT_MESSAGE, [fixed, id.to_vec()].concat())
}

fn client(id: &[u8]) -> (u32, Vec<u8>) {
    let id_length = u16::try_from(id.len()).unwrap().to_be_bytes();
    let fixed = [&[0; 14][..], &id_length, &[0, 0, 0, 2, 0, 0, 0, 0]].concat();
    (CLIENT, [fixed, id.to_vec(), b"me".to_vec()].concat())
}

#[test]
fn a_real_file_tells_who_waits_for_what() {
    let reading = read(REAL).unwrap();
    let queue = Queue {
        client_id: "dev-persist".into(),
        depth: Some(3),
        inflight: Some(0),
        bytes: Some(6),
        ..Queue::default()
    };
    assert_eq!(reading, Reading { as_of: Some(Wall(1)), queues: vec![queue], refused: 0 });
}

#[test]
fn the_size_of_the_pieces_changes_nothing() {
    for size in 1..70 {
        assert_eq!(in_pieces(REAL, size), read(REAL), "{size}");
    }
}

#[test]
fn what_waits_is_told_from_what_is_under_way_and_what_comes_in() {
    let bytes = file(&[
        (1, vec![0; 16]),
        message(1, b"four"),
        client(b"a"),
        client(b"idle"),
        waiting(b"a", 1, 11, 1),
        waiting(b"a", 1, 3, 1),
        waiting(b"a", 1, 11, 0),
        (77, b"of a later version".to_vec()),
        waiting(b"a", 1, 11, 1),
    ]);
    let queues = read(&bytes).unwrap().queues;
    let told: Vec<_> =
        queues.iter().map(|q| (q.client_id.as_str(), q.depth, q.inflight, q.bytes, q.oldest)).collect();
    let idle = ("idle", Some(0), Some(0), Some(0), None);
    assert_eq!(told, [("a", Some(2), Some(1), Some(8), None), idle]);
}

#[test]
fn numbers_of_mosquitto_2_1_say_when_a_message_came() {
    let (seconds, node) = (156_000_000_u64, 3_u64 << 54);
    let newer = node | (seconds + 5) << 23 | 0x63;
    let older = node | seconds << 23;
    let bytes = file(&[message(newer, b"n"), waiting(b"a", newer, 11, 1), waiting(b"a", older, 11, 1)]);
    let queue = &read(&bytes).unwrap().queues[0];
    assert_eq!(queue.oldest.map(Wall::rfc3339).as_deref(), Some("2026-10-28T06:17:53.000000Z"));
    // The size of a message that is not there is unknown, and so is the sum.
    assert_eq!((queue.depth, queue.bytes), (Some(2), None));
    let bytes = file(&[waiting(b"a", newer, 11, 1), waiting(b"a", 7, 11, 1)]);
    assert_eq!(read(&bytes).unwrap().queues[0].oldest, None, "an older message has no time");
}

#[test]
fn ids_may_be_any_bytes() {
    let bytes = file(&[client(b"a\xFF"), client(b""), waiting("\"\u{e9}\n".as_bytes(), 1, 11, 1)]);
    let queues = read(&bytes).unwrap().queues;
    let ids: Vec<_> = queues.iter().map(|queue| queue.client_id.as_str()).collect();
    assert_eq!(ids, ["\"\u{e9}\n", "", "a\\xFF"]);
}

#[test]
fn what_is_cut_foreign_newer_or_contradictory_is_told_apart() {
    assert_eq!(read(b""), Err(Damage::Cut(0)));
    assert_eq!(read(&REAL[..REAL.len() - 1]), Err(Damage::Cut(796)));
    assert_eq!(read(&REAL[..20]), Err(Damage::Cut(20)));
    assert_eq!(read(b"SQLite format 3\0 and so on and so on"), Err(Damage::Foreign));
    let mut newer = file(&[]);
    newer[22] = 7;
    assert_eq!(read(&newer), Err(Damage::Version(7)));
    let mut long = file(&[]);
    long.extend([0, 0, 0, 9, 0xFF, 0, 0, 0]);
    assert_eq!(read(&long), Err(Damage::Chunk(23)));
    let (kind, mut body) = waiting(b"a", 1, 11, 1);
    body[11] = 200;
    assert_eq!(read(&file(&[(kind, body)])), Err(Damage::Chunk(47)));
    assert_eq!(read(&file(&[(MESSAGE, vec![0; 31])])), Err(Damage::Chunk(23)));
    assert!(read(&file(&[])).unwrap().queues.is_empty());
}

#[test]
fn ten_thousand_clients_are_read_and_the_deepest_kept() {
    let mut chunks = vec![message(1, b"x")];
    for client in 0..10_000_u32 {
        let id = format!("client-{client:05}").into_bytes();
        chunks.extend((0..client % 7).map(|_| waiting(&id, 1, 11, 1)));
        chunks.push(super::tests::client(&id));
    }
    let reading = read(&file(&chunks)).unwrap();
    assert_eq!((reading.queues.len(), reading.refused), (100, 9_900));
    assert!(reading.queues.iter().all(|queue| queue.depth == Some(6)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        let _ = in_pieces(&bytes, size);
        let _ = in_pieces(&[&file(&[])[..], &bytes].concat(), size);
    }

    #[test]
    fn a_bent_file_gives_a_reading_or_a_reason(at in 0..REAL.len(), byte: u8, size in 1_usize..50) {
        let mut bytes = REAL.to_vec();
        bytes[at] = byte;
        prop_assert_eq!(in_pieces(&bytes, size), read(&bytes));
    }
}
