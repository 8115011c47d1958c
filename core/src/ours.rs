//! Topics on which this program speaks itself: the probe, `doctor` and `session-test`. What is said there is of no device,
//! whoever says it. Nothing that a fleet uses may be listed here.

/// Below each of these is a name that only its sender knows.
const BELOW: &[&[u8]] = &[b"watchkeeper/probe/", b"watchkeeper/doctor/", b"watchkeeper/session-test/"];

/// Where the probe with this client id publishes; its last level says what for.
pub fn probe_topic(client_id: &str, what: &str) -> String {
    // Characters that mean something in a topic may occur in a client id.
    format!("watchkeeper/probe/{}/{what}", client_id.replace(['+', '#', '/', '\0'], "_"))
}

/// True of a topic on which this program speaks.
pub fn is_ours(topic: &[u8]) -> bool {
    BELOW.iter().any(|prefix| topic.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_our_topics_is_ours_and_nothing_else() {
        for topic in
            ["watchkeeper/doctor/0a/qos1", "watchkeeper/session-test/x", &probe_topic("a/b#", "session")]
        {
            assert!(is_ours(topic.as_bytes()), "{topic}");
        }
        for topic in
            ["watchkeeper", "watchkeeper/probe", "watchkeeper/tc01/t", "a/watchkeeper/probe/x", "", "\u{e9}"]
        {
            assert!(!is_ours(topic.as_bytes()), "{topic}");
        }
        assert_eq!(probe_topic("a/+b", "round-trip"), "watchkeeper/probe/a__b/round-trip");
    }
}
