//! Packets there and back, and bytes that are none.

use super::*;

#[test]
fn what_is_written_can_be_read() {
    for v5 in [false, true] {
        for qos in 0..3 {
            let message = Message {
                topic: "a/b".into(),
                payload: vec![7; 300],
                qos,
                retain: qos == 1,
                pkid: if qos == 0 { 0 } else { 9 },
            };
            let mut bytes = publish(v5, &message);
            bytes.extend([0xd0, 0]);
            assert_eq!(take(&mut bytes).unwrap().unwrap().message(v5), Some(message));
            assert_eq!(bytes, [0xd0, 0]);
        }
    }
}

#[test]
fn what_is_retained_expires_where_the_version_has_a_word_for_it() {
    let publish = |v5, retain, payload: &[u8]| {
        let payload = payload.to_vec();
        super::publish(v5, &Message { topic: "a".into(), payload, qos: 0, retain, pkid: 0 })
    };
    assert_eq!(publish(true, true, b"x"), [0x31, 10, 0, 1, b'a', 5, 2, 0, 0, 0, 120, b'x']);
    assert_eq!(publish(true, true, b""), [0x31, 4, 0, 1, b'a', 0], "what takes it away stays nowhere");
    assert_eq!(publish(true, false, b"x"), [0x30, 5, 0, 1, b'a', 0, b'x']);
    assert_eq!(publish(false, true, b"x"), [0x31, 4, 0, 1, b'a', b'x']);
}

#[test]
fn a_connack_tells_its_limits() {
    let properties =
        [&[0x21, 0, 20, 0x27, 0, 1, 0, 0, 0x28, 0, 0x1f, 0, 2, b'n', b'o'][..], &[0x24, 1]].concat();
    let body = [&[0x20, 3 + 17, 0, 0x87, 17], &properties[..]].concat();
    let ack = take(&mut body.clone()).unwrap().unwrap().connack().unwrap();
    assert_eq!((ack.code, ack.receive_max, ack.packet_max), (0x87, Some(20), Some(65_536)));
    assert_eq!((ack.reason.as_deref(), ack.no_wildcards, ack.qos_max), (Some("no"), true, Some(1)));
    assert_eq!(take(&mut vec![0x20, 2, 1, 5]).unwrap().unwrap().connack().unwrap().code, 5);
}

#[test]
fn no_bytes_whatever_are_a_panic() {
    let mut seed = 7_u64;
    for _ in 0..20_000 {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed.to_be_bytes()[0]
        };
        let length = usize::from(next() % 24);
        let mut bytes: Vec<u8> = (0..length).map(|_| next()).collect();
        while let Ok(Some(packet)) = take(&mut bytes) {
            let _ = (packet.connack(), packet.ack(), packet.suback(true), packet.message(true));
        }
    }
}

#[test]
fn a_session_is_kept_as_each_version_says_it() {
    let connect = |v5, session| super::connect(v5, "id", None, 60, session);
    assert_eq!(connect(false, Session::Passing)[9], 2);
    assert_eq!(connect(false, Session::Kept(9))[9], 0);
    assert_eq!(connect(true, Session::Passing)[9..13], [2, 0, 60, 0]);
    assert_eq!(connect(true, Session::Kept(9))[9..18], [0, 0, 60, 5, 0x11, 0, 0, 0, 9]);
    assert!(take(&mut vec![0x20, 2, 1, 0]).unwrap().unwrap().connack().unwrap().resumed);
}
