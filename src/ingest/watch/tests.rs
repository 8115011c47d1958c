//! The deadlines as a table of moments: what is due when, and what is never held against the broker.

use super::*;

const LIMIT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(300);

fn at(seconds: u64) -> Mono {
    Mono(seconds * SECOND)
}

fn up() -> Watch {
    let mut watch = Watch::new(LIMIT, IDLE, at(0));
    watch.subscribing(at(0));
    watch.subscribed(at(0));
    watch
}

#[test]
fn connack_and_suback_have_a_deadline_each() {
    let mut watch = Watch::new(LIMIT, IDLE, at(0));
    assert_eq!(watch.check(at(9)), None);
    assert_eq!(watch.check(at(10)), Some(Due::Over(Silence::Connack)));
    watch.subscribing(at(5));
    assert_eq!(watch.check(at(14)), None);
    assert_eq!(watch.check(at(15)), Some(Due::Over(Silence::Suback)));
}

#[test]
fn while_a_resumed_session_brings_its_backlog_suback_may_be_late_but_not_for_ever() {
    let mut watch = Watch::new(LIMIT, IDLE, at(0));
    watch.subscribing(at(1));
    for second in 2..300 {
        watch.message(at(second));
        assert_eq!(watch.check(at(second)), None, "{second}");
    }
    assert_eq!(watch.next(), at(301));
    assert_eq!(watch.check(at(301)), Some(Due::Over(Silence::Suback)));
    let mut watch = Watch::new(LIMIT, IDLE, at(0));
    watch.subscribing(at(1));
    watch.message(at(4));
    assert_eq!(watch.check(at(13)), None);
    assert_eq!(watch.check(at(14)), Some(Due::Over(Silence::Suback)));
}

#[test]
fn a_silent_broker_is_asked_twice_and_then_given_up() {
    let mut watch = up();
    assert_eq!(watch.check(at(1)), None);
    assert_eq!(watch.check(at(2)), Some(Due::Ask));
    watch.asked(at(2));
    assert_eq!(watch.check(at(6)), None);
    assert_eq!(watch.check(at(7)), Some(Due::Verify));
    watch.verifying(at(7));
    assert_eq!(watch.check(at(11)), None);
    assert_eq!(watch.check(at(12)), Some(Due::Over(Silence::Frozen)));
}

#[test]
fn any_packet_is_an_answer() {
    let mut watch = up();
    watch.asked(at(2));
    watch.heard(at(3));
    assert_eq!(watch.check(at(4)), None);
    assert_eq!(watch.check(at(5)), Some(Due::Ask));
}

#[test]
fn a_late_answer_tells_since_when_the_broker_stood_still() {
    let mut watch = up();
    watch.heard(at(1));
    watch.asked(at(3));
    assert_eq!(watch.heard(Mono(3 * SECOND + SECOND / 2)), None);
    watch.asked(at(6));
    assert_eq!(watch.heard(at(8)), Some(Mono(3 * SECOND + SECOND / 2)));
    assert_eq!(watch.heard(at(9)), None, "nothing was asked");
}

#[test]
fn a_broker_that_is_deaf_to_unsubscribe_is_asked_by_subscribe_and_more_rarely() {
    let mut watch = up();
    watch.asked(at(2));
    watch.verifying(at(7));
    watch.heard(at(7));
    watch.subscribed(at(7));
    assert_eq!(watch.check(at(16)), None);
    assert_eq!(watch.check(at(17)), Some(Due::Verify));
    watch.verifying(at(17));
    assert_eq!(watch.check(at(27)), Some(Due::Over(Silence::Frozen)));
    watch.subscribed(at(18));
    watch.answered();
    assert_eq!(watch.check(at(18)), Some(Due::Ask));
}

#[test]
fn a_subscription_without_messages_is_verified() {
    let mut watch = up();
    watch.heard(at(299));
    assert_eq!(watch.check(at(300)), Some(Due::Verify));
    watch.verifying(at(300));
    watch.heard(at(309));
    assert_eq!(watch.check(at(309)), None);
    assert_eq!(watch.check(at(310)), Some(Due::Over(Silence::Idle)));
    watch.subscribed(at(310));
    watch.heard(at(310));
    assert_eq!(watch.check(at(311)), None);
}

#[test]
fn our_own_sleep_is_not_held_against_the_broker() {
    let mut watch = up();
    watch.asked(at(2));
    watch.forgive(60 * SECOND);
    assert_eq!(watch.check(at(66)), None);
    assert_eq!(watch.check(at(67)), Some(Due::Verify));
}

#[test]
fn a_farewell_takes_a_second_at_most() {
    let mut watch = up();
    watch.leaving(at(50));
    assert_eq!(watch.check(at(51)), Some(Due::Over(Silence::Farewell)));
}
