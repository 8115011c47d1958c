//! There and back again: messages at each quality of service, a retained one, and a large one, all below a topic of its own
//! that nobody else knows. What is retained is taken away again, whatever happened. Nothing here may publish elsewhere.

use super::Patient;
use super::listen::MOMENT;
use super::report::{Step, Verdict};
use crate::ingest::connack;
use crate::ingest::reasons::{Cause, suback_cure, suback_meaning};
use crate::talk::Talk;
use crate::talk::wire::{ConnAck, Message};
use std::time::{Duration, Instant};

/// Messages for one quality of service.
const MESSAGES: u32 = 100;
/// And no longer than this.
const LONGEST: Duration = Duration::from_secs(3);

impl Patient<'_, '_> {
    pub(super) async fn round_trips(&self, v5: bool, ack: &ConnAck) {
        let Some(mut talk) = self.connected("round trip", v5).await else { return };
        let filter = format!("{}/#", self.topic);
        match talk.subscribe(&filter, 2, self.limit).await {
            Ok(0..=2) => {}
            Ok(code) => {
                let step = Step::tried("round trip", format!("SUBSCRIBE {filter} at QoS 2"));
                let step = step.got(format!("refused with {code:#04x}, {}", suback_meaning(code)));
                let means = "what is published below it cannot be seen to come back";
                let next = format!("{}, or examine with --no-publish", suback_cure(&filter, code));
                self.add(step.is(Verdict::Warning, Some("round_trip_refused"), means, next));
                return;
            }
            Err(cause) => {
                self.add(self.failed(Step::tried("round trip", format!("SUBSCRIBE {filter}")), &cause));
                return;
            }
        }
        for qos in 0..=ack.qos_max.unwrap_or(2).min(2) {
            match self.round_trip(&mut talk, qos).await {
                Went::Through => {}
                Went::Nowhere => return,
                Went::Cut => {
                    let Some(next) = self.connected("round trip", v5).await else { return };
                    talk = next;
                    if let Err(cause) = talk.subscribe(&filter, 1, self.limit).await {
                        self.add(
                            self.failed(Step::tried("round trip", format!("SUBSCRIBE {filter}")), &cause),
                        );
                        return;
                    }
                }
            }
        }
        if !ack.no_retain {
            self.retained(&mut talk, v5).await;
        }
        self.large(talk, ack).await;
    }

    fn message(&self, name: &str, payload: Vec<u8>, qos: u8) -> Message {
        Message { topic: format!("{}/{name}", self.topic), payload, qos, retain: false, pkid: 0 }
    }

    /// A hundred messages at one quality of service.
    async fn round_trip(&self, talk: &mut Talk, qos: u8) -> Went {
        let began = Instant::now();
        let (mut sent, mut times, mut extra) = (0_u32, Vec::new(), 0_u32);
        let step = Step::tried(
            "round trip",
            format!("publish up to {MESSAGES} messages at QoS {qos} and take them back"),
        );
        while sent < MESSAGES && began.elapsed() < LONGEST {
            let at = Instant::now();
            let payload = format!("{sent}").into_bytes();
            sent += 1;
            match talk.publish(self.message(&format!("qos{qos}"), payload.clone(), qos), self.limit).await {
                Ok(code @ 0x80..) => {
                    self.add(may_not(step, format!("refused with {code:#04x}, {}", connack::meaning(code))));
                    return Went::Nowhere;
                }
                Ok(_) => {}
                // Without a word for it brokers hang up on what they have not, and on the first of it.
                Err(Cause::Closed) if qos == 2 && times.is_empty() && !talk.v5 => {
                    self.add(has_not(step.took(began.elapsed())));
                    return Went::Cut;
                }
                Err(cause) => {
                    self.add(self.failed(step, &cause));
                    return Went::Nowhere;
                }
            }
            match self.returned(talk, &payload, &mut extra).await {
                Ok(true) => times.push(at.elapsed()),
                Ok(false) if times.is_empty() => {
                    let got = "it was taken, and nothing came back within a second".to_owned();
                    self.add(may_not(step.took(began.elapsed()), got));
                    return Went::Nowhere;
                }
                Ok(false) => {}
                Err(cause) => {
                    self.add(self.failed(step, &cause));
                    return Went::Nowhere;
                }
            }
        }
        self.add(judged(step.took(began.elapsed()), qos, sent, times, extra));
        Went::Through
    }

    /// Waits for this message; others are strays or copies.
    async fn returned(&self, talk: &mut Talk, payload: &[u8], extra: &mut u32) -> Result<bool, Cause> {
        let end = Instant::now() + MOMENT.min(self.limit);
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match talk.message(left).await? {
                Some(message) if message.payload == payload => return Ok(true),
                Some(_) => *extra += 1,
                None => break,
            }
        }
        Ok(false)
    }

    /// Retained, asked for by a subscription that comes after it, and taken away again.
    async fn retained(&self, talk: &mut Talk, v5: bool) {
        let began = Instant::now();
        let step = Step::tried("retained", "publish a retained message and subscribe after it");
        let mut message = self.message("retained", b"kept".to_vec(), self.qos.get());
        message.retain = true;
        self.retained.set(true);
        let put = talk.publish(message.clone(), self.limit).await;
        let found = self.found(&message.topic, v5).await;
        message.payload.clear();
        let taken = talk.publish(message, self.limit).await;
        self.retained.set(taken.is_err());
        let step = step.took(began.elapsed());
        let step = match (put, found, taken) {
            (Ok(0..=0x7f), Some(found), Ok(0..=0x7f)) if found.retain => {
                step.got("it came with the mark, and was taken away again")
            }
            (Ok(code @ 0x80..), _, _) => {
                step.got(format!("refused with {code:#04x}, {}", connack::meaning(code))).is(
                    Verdict::Warning,
                    Some("retained_refused"),
                    "this user may not publish retained messages",
                    "nothing, unless something relies on it: a sidecar does not",
                )
            }
            (Err(cause), _, _) => self.failed(step, &cause),
            (_, found, taken) => {
                let came = if found.is_some() { "it came without the mark" } else { "nothing came" };
                let away = if taken.is_ok() { "" } else { ", and it could not be taken away" };
                step.got(format!("{came}{away}")).is(
                    Verdict::Warning,
                    Some("retained_lost"),
                    "the broker does not hand a retained message to whoever subscribes after it",
                    "see whether retained messages are switched on (retain_available in mosquitto.conf)",
                )
            }
        };
        self.add(step);
    }

    /// The message for whoever subscribes late.
    async fn found(&self, topic: &str, v5: bool) -> Option<Message> {
        let mut late = self.connected_as("retained", &format!("{}-2", self.id), v5).await?;
        let granted = matches!(late.subscribe(topic, 1, self.limit).await, Ok(0..=2));
        let came = if granted { late.message(MOMENT).await.ok().flatten() } else { None };
        late.leave().await;
        came
    }

    /// Takes the retained message away where the step could not.
    pub(super) async fn tidy(&self) {
        let mut message = self.message("retained", Vec::new(), self.qos.get());
        message.retain = true;
        let taken = async {
            let (mut talk, _) = self.come_back(&self.id, self.v5.get()).await?;
            let taken = talk.publish(message.clone(), self.limit).await;
            talk.leave().await;
            taken
        };
        if taken.await.is_err() {
            let step =
                Step::tried("retained", format!("take the retained message of {} away", message.topic));
            let next = "publish an empty retained message there";
            self.add(step.is(Verdict::Warning, Some("retained_left"), "it is still at the broker", next));
        }
    }

    /// One message as large as the sidecar takes.
    async fn large(&self, mut talk: Talk, ack: &ConnAck) {
        let (size, qos) = (self.broker.payload_bytes_max.min(1 << 20), self.qos.get());
        let began = Instant::now();
        let step = Step::tried(
            "packet size",
            format!("publish {size} bytes at QoS {qos} (payload_bytes_max) and take them back"),
        );
        let too_large = |step: Step, got: String| {
            step.got(got).is(
                Verdict::Failed,
                Some("packet_too_large"),
                "devices cannot send messages as large as payload_bytes_max allows here",
                "raise the broker's limit (message_size_limit, max_packet_size in mosquitto.conf), or lower payload_bytes_max to it",
            )
        };
        if let Some(most) = ack.packet_max.filter(|most| (*most as usize) < size + 128) {
            self.add(too_large(step, format!("CONNACK allows packets of {most} bytes")));
            return talk.leave().await;
        }
        let payload = vec![b'x'; size];
        let sent = talk.publish(self.message("large", payload.clone(), qos), self.limit).await;
        let mut extra = 0;
        let step = step.took(began.elapsed());
        let step = match sent {
            Ok(code @ 0x80..) => {
                too_large(step, format!("refused with {code:#04x}, {}", connack::meaning(code)))
            }
            Err(Cause::Closed | Cause::HungUp(_) | Cause::Io(..)) => {
                too_large(step, "the broker hung up on it".to_owned())
            }
            Err(cause) => self.failed(step, &cause),
            Ok(_) => match self.returned(&mut talk, &payload, &mut extra).await {
                Ok(true) => step.got(format!("{size} bytes came back")),
                Ok(false) => too_large(step, "it was taken, and did not come back".to_owned()),
                Err(_) => too_large(step, "the broker hung up on it".to_owned()),
            },
        };
        self.add(step);
        talk.leave().await;
    }
}

/// How messages at one quality of service went.
enum Went {
    Through,
    /// They were hung up on; others may go through over another connection.
    Cut,
    /// Nothing gets through, and the rest makes no sense.
    Nowhere,
}

/// In MQTT 5 CONNACK tells it.
fn has_not(step: Step) -> Step {
    step.got("the broker hung up on the first message at QoS 2").is(
        Verdict::Warning,
        Some("qos_limited"),
        "the broker has no quality of service 2, which MQTT 3.1.1 has no word for: a device that publishes at it is cut off",
        "let devices publish at QoS 1; leave 2 out of [probe] qos",
    )
}

fn may_not(step: Step, got: String) -> Step {
    let means = "this user may not publish here; some brokers say so, others drop the message in silence";
    let next = "allow this user to publish to watchkeeper/doctor/# in the broker's access rules, or examine with --no-publish; watching alone does not need it";
    step.got(got).is(Verdict::Failed, Some("publish_refused"), means, next)
}

fn judged(step: Step, qos: u8, sent: u32, mut times: Vec<Duration>, extra: u32) -> Step {
    times.sort();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let ms = |share| at(share).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let step = step.got(format!(
        "QoS {qos}: {} of {sent} came back, {extra} twice or strays; median {:.2} ms, 95% {:.2} ms",
        times.len(),
        ms(50),
        ms(95)
    ));
    let lost = sent as usize > times.len();
    match (lost, extra, qos) {
        (true, _, 0) => step.is(
            Verdict::Warning,
            Some("messages_lost"),
            "messages at quality of service 0 were lost on the way",
            "see the load of the broker and the network",
        ),
        (true, _, _) => step.is(
            Verdict::Failed,
            Some("messages_lost"),
            "messages that the broker confirmed did not come back within a second",
            "see the load and the log of the broker",
        ),
        (_, 1.., 2) => step.is(
            Verdict::Failed,
            Some("messages_duplicated"),
            "quality of service 2 must deliver once",
            "see the version of the broker for known faults",
        ),
        _ => step,
    }
}
