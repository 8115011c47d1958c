//! What comes in a few seconds: how much, with what clock, and what the broker tells of itself; and what that means for an
//! outage. Nothing here may publish.

use super::Patient;
use super::report::{Step, Verdict};
use super::way::SHORT;
use crate::clock;
use crate::ingest::reasons::suback_meaning;
use crate::talk::Talk;
use crate::talk::wire::Message;
use std::time::{Duration, Instant};
use watchkeeper_core::broker::dialects;
use watchkeeper_core::diagnose::topic;
use watchkeeper_core::topics::is_odd;

/// Messages of one look; more tell nothing new.
const MESSAGES_MAX: usize = 20_000;
/// A clock that is off by less is right.
const SKEW_MAX: f64 = 5.0;

/// What a queue holds for one client where nobody changed it: make, messages, and the setting.
const QUEUES: &[(&str, u64, &str)] = &[
    ("mosquitto", 1000, "max_queued_messages"),
    ("emqx", 1000, "mqtt.max_mqueue_len"),
    ("vernemq", 1000, "max_offline_messages"),
    ("flashmq", 1000, "max_qos_msg_pending_per_client"),
    ("nanomq", 2048, "mqtt.max_mqueue_len"),
    ("rmqtt", 1000, "max_mqueue_len"),
    ("hivemq", 1000, "queued-messages max-queue-size"),
];

impl Patient<'_, '_> {
    /// Listens to the fleet for three seconds.
    /// Messages a second.
    pub(super) async fn listen(&self, mut talk: Talk) -> f64 {
        let began = Instant::now();
        let (mut live, mut retained) = (Vec::new(), 0_u32);
        while let Some(left) = SHORT.checked_sub(began.elapsed()).filter(|_| live.len() < MESSAGES_MAX) {
            match talk.message(left).await {
                Ok(Some(message)) if message.retain => retained += 1,
                Ok(Some(message)) => live.push((message, clock::wall().0)),
                Ok(None) => break,
                Err(cause) => {
                    let step = Step::tried("listen", "listen to the filters for three seconds");
                    self.add(self.failed(step.took(began.elapsed()), &cause));
                    return 0.0;
                }
            }
        }
        let took = began.elapsed();
        let rate = live.len() as f64 / took.as_secs_f64().max(0.001);
        let step = Step::tried("listen", "listen to the filters for three seconds").took(took);
        let step = step.got(format!("{} messages, {rate:.1} a second, and {retained} retained", live.len()));
        self.add(if live.is_empty() {
            let next =
                "wait, or see whether the filters are those of the fleet: watchkeeper check shows them";
            step.is(Verdict::Note, None, "no device spoke in that time", next)
        } else {
            step
        });
        talk.leave().await;
        self.odd_topics(&live);
        self.clock(&live);
        rate
    }

    fn odd_topics(&self, live: &[(Message, i64)]) {
        let Some((odd, _)) = live.iter().find(|(message, _)| is_odd(&message.topic)) else { return };
        let (faults, meant) = topic(&odd.topic, self.config.streams.iter().map(|stream| &stream.pattern));
        let faults: Vec<&str> = faults.iter().map(|fault| fault.says()).collect();
        let next = meant.map_or_else(String::new, |meant| format!("`{meant}` was meant, most likely"));
        let step = Step::tried("topics", "read the topics of live messages").got(format!("`{}`", odd.topic));
        self.add(step.is(Verdict::Warning, Some("odd_topic"), faults.join("; "), next));
    }

    /// Against what devices write into their messages; MQTT itself tells no time.
    fn clock(&self, live: &[(Message, i64)]) {
        let mut skews: Vec<f64> = live
            .iter()
            .filter_map(|(message, at)| Some(told(&message.payload)? - *at as f64 / 1e6))
            .collect();
        skews.sort_by(f64::total_cmp);
        let step = Step::tried("clock", "compare this machine's clock with the times in live messages");
        let Some(median) = skews.get(skews.len() / 2) else {
            let step = step.got("no message had a time in it");
            self.add(step.is(Verdict::Skipped, None, "", ""));
            return;
        };
        let step = step.got(format!("{median:+.1} s, the median of {} messages", skews.len()));
        self.add(if median.abs() <= SKEW_MAX {
            step
        } else {
            step.is(
                Verdict::Warning,
                Some("clock"),
                "this machine's clock or those of the devices are wrong; ages of messages and certificates are judged by ours",
                "let this machine and the devices take the time from one NTP server",
            )
        });
    }

    /// How long an outage of ours may last before the broker drops something.
    pub(super) fn queue(&self, rate: f64, seen: Option<&'static str>) {
        let step = Step::tried("queue", "what the broker keeps for a client that is away");
        let sources = self.config.queues.sources.iter();
        let configured =
            sources.filter(|one| one.setting.broker == self.broker.name).find_map(|one| one.limit_messages);
        let make = QUEUES.iter().find(|(make, _, _)| *make == self.broker.kind || Some(*make) == seen);
        let (limit, whence) = match (configured, make) {
            (Some(limit), _) => (limit, "limit_messages of [[queues.source]]".to_owned()),
            (None, Some((make, limit, setting))) => (*limit, format!("the default of {setting} in {make}")),
            (None, None) => {
                let step = step.got("not known: set kind of the broker, or limit_messages of a source");
                self.add(step.is(Verdict::Skipped, None, "", ""));
                return;
            }
        };
        let step = step.got(format!("{limit} messages ({whence})"));
        if rate < 0.001 {
            self.add(step.is(
                Verdict::Note,
                None,
                "nothing came, so that it covers any outage by this measure",
                "",
            ));
            return;
        }
        let covers = limit as f64 / rate;
        let means = format!("at {rate:.1} messages a second it covers an outage of {covers:.0} s");
        let next = "raise it on the broker to the rate times the longest outage that must lose nothing";
        let verdict = if covers < 60.0 { Verdict::Warning } else { Verdict::Note };
        self.add(step.is(verdict, (covers < 60.0).then_some("queue_small"), means, next));
    }

    /// On a connection of its own: some brokers hang up on whoever asks. The make of the broker, where what came tells it.
    pub(super) async fn sys(&self, v5: bool) -> Option<&'static str> {
        let mut make = None;
        let dialect = dialects::named(&self.broker.kind);
        for filter in dialect.map_or(dialects::ANY, |dialect| dialect.filters) {
            let mut talk = self.connected("sys", v5).await?;
            let began = Instant::now();
            let step = Step::tried("sys", format!("SUBSCRIBE {filter} at QoS 0, and wait for a message"));
            let (step, message) = self.sys_of(&mut talk, filter, step).await;
            make = make.or(message.as_ref().and_then(make_of));
            self.add(step.took(began.elapsed()));
            talk.leave().await;
        }
        make
    }

    async fn sys_of(&self, talk: &mut Talk, filter: &str, step: Step) -> (Step, Option<Message>) {
        const HANGS_UP: &str = "the broker hangs up when asked for it";
        let (got, means) = match talk.subscribe(filter, 0, self.limit).await {
            Ok(0..=2) => match talk.message(SHORT).await {
                Ok(Some(message)) => return (step.got(format!("{} came", message.topic)), Some(message)),
                Ok(None) => (
                    format!("{filter} was granted, and nothing came within 3 s"),
                    "it is silently denied, or not published (more rarely than every 3 s)",
                ),
                Err(cause) => (format!("{filter}: {}", self.said(&cause)), HANGS_UP),
            },
            Ok(code) => (
                format!("{filter} refused with {code:#04x}, {}", suback_meaning(code)),
                "the broker's own statistics and client events are missing",
            ),
            Err(cause) => (format!("{filter}: {}", self.said(&cause)), HANGS_UP),
        };
        let next = "allow our user to read it and switch the broker's statistics on, or leave it so";
        (step.got(got).is(Verdict::Warning, Some("sys_unavailable"), means, next), None)
    }

    fn said(&self, cause: &crate::ingest::reasons::Cause) -> String {
        cause.failure(&self.url.to_string(), self.limit).summary
    }
}

/// Which of the makes with a known queue says this of itself.
fn make_of(message: &Message) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&message.payload).to_ascii_lowercase();
    let makes = QUEUES.iter().map(|(make, _, _)| *make);
    makes.into_iter().find(|make| text.starts_with(make) || message.topic.contains(make))
}

/// The time in a message, in seconds since 1970: `timestamp`, `ts` or `time`, in seconds, milliseconds or RFC 3339.
fn told(payload: &[u8]) -> Option<f64> {
    let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let time = ["timestamp", "ts", "time"].iter().find_map(|key| value.get(key))?;
    if let Some(text) = time.as_str() {
        let at: jiff::Timestamp = text.parse().ok()?;
        return Some(at.as_millisecond() as f64 / 1e3);
    }
    let number = time.as_f64()?;
    // Whoever counts since a boot tells no time of day.
    [1.0, 1e3, 1e6].iter().map(|unit| number / unit).find(|at| (1e9..1e10).contains(at))
}

/// Not a moment longer than one second is waited for what may not come.
pub(super) const MOMENT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_time_is_read_in_its_usual_forms_and_a_counter_is_none() {
        for text in
            [r#"{"timestamp":1756117800}"#, r#"{"ts":1756117800000}"#, r#"{"time":"2025-08-25T10:30:00Z"}"#]
        {
            assert!(told(text.as_bytes()).is_some_and(|at| (at - 1_756_117_800.0).abs() < 1.0), "{text}");
        }
        for text in ["{}", "7", r#"{"ts":4711}"#, r#"{"time":"noon"}"#, "\u{0}"] {
            assert_eq!(told(text.as_bytes()), None, "{text}");
        }
    }
}
