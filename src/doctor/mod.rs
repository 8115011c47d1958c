//! `watchkeeper doctor`: the way to each broker, step by step, with what was tried, what came back, what it means and what
//! to do. Causes, codes and words are those of a running sidecar. It publishes below a topic of its own only, takes
//! retained messages away again, and never uses the client id of a running sidecar. Nothing here may change a file.

mod came;
mod listen;
mod names;
mod publish;
mod report;
mod returning;
mod stability;
mod subscribe;
mod way;

use crate::config::{Broker, BrokerUrl, Config, Version};
use crate::ingest::reasons::Cause;
use crate::talk::Talk;
use report::{Report, Step, Verdict};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use watchkeeper_core::names::subscriptions;

/// The code of a step that ended because somebody wanted it to.
const INTERRUPTED: &str = "interrupted";

/// What is asked of it beyond the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// For each URL, all in all.
    pub(crate) timeout: Duration,
    /// Nothing is published.
    pub(crate) no_publish: bool,
    /// Connects with this client id instead of one of its own.
    pub(crate) client_id: Option<String>,
    /// JSON instead of text.
    pub(crate) json: bool,
    /// The text is coloured.
    pub(crate) colours: bool,
}

/// One way to one broker, and what is known of it so far.
struct Patient<'a, 'o> {
    config: &'a Config,
    broker: &'a Broker,
    url: &'a BrokerUrl,
    wishes: &'a Wishes,
    /// The longest wait for one answer.
    limit: Duration,
    id: String,
    /// Where it publishes.
    topic: String,
    report: &'a RefCell<Report>,
    told: &'a Told<'o>,
    /// A retained message of ours is at the broker.
    retained: Cell<bool>,
    /// The highest quality of service that the broker takes, 1 at most.
    qos: Cell<u8>,
    /// The version that it speaks, once that is known: MQTT 5.
    v5: Cell<bool>,
    /// The longest that it turned a client id away which had been there before.
    waited: Cell<Duration>,
}

/// Where the steps are told as they are done.
type Told<'a> = RefCell<&'a mut dyn Write>;

/// Looks at every URL of every broker; true: no step failed.
pub(crate) async fn run(config: &Config, wishes: &Wishes, out: &mut dyn Write) -> anyhow::Result<bool> {
    let told: Told<'_> = RefCell::new(out);
    let mut reports = Vec::new();
    for broker in &config.brokers {
        for url in &broker.urls {
            if !reports.iter().any(Report::is_interrupted) {
                reports.push(examine(config, wishes, (broker, url), &told).await?);
            }
        }
    }
    let ok = reports.iter().all(|report| report.ok);
    let out = told.into_inner();
    if wishes.json {
        let whole = serde_json::json!({ "ok": ok, "version": env!("CARGO_PKG_VERSION"), "brokers": reports });
        serde_json::to_writer_pretty(&mut *out, &whole)?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{}",
            if ok { "Every step is good." } else { "Not every step is good: see FAIL above." }
        )?;
    }
    Ok(ok)
}

async fn examine(
    config: &Config,
    wishes: &Wishes,
    (broker, url): (&Broker, &BrokerUrl),
    told: &Told<'_>,
) -> anyhow::Result<Report> {
    let report = Report::new(&broker.name, &url.to_string());
    if !wishes.json {
        report.print_head(wishes.colours, &mut *told.borrow_mut())?;
    }
    let report = RefCell::new(report);
    let random = random()?;
    let patient = Patient {
        config,
        broker,
        url,
        wishes,
        limit: broker.connect_timeout.min(wishes.timeout),
        id: wishes.client_id.clone().unwrap_or_else(|| format!("watchkeeper-doctor-{random}")),
        topic: format!("watchkeeper/doctor/{random}"),
        report: &report,
        told,
        retained: Cell::new(false),
        qos: Cell::new(1),
        v5: Cell::new(broker.version != Version::V311),
        waited: Cell::default(),
    };
    tokio::select! {
        done = tokio::time::timeout(wishes.timeout, patient.examine()) => {
            if done.is_err() {
                patient.returning();
                patient.add(late(wishes.timeout));
            }
        }
        () = interrupted() => {
            patient.add(stopped());
        }
    }
    if patient.retained.get() {
        patient.tidy().await;
    }
    Ok(report.into_inner())
}

/// Somebody wants it to end. Where signals cannot be heard they end it as they do any program.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn stopped() -> Step {
    let step = Step::tried("time", "examine to the end").got("a signal to stop");
    step.is(Verdict::Failed, Some(INTERRUPTED), "the steps above are all that was done", "examine again")
}

fn late(timeout: Duration) -> Step {
    let text = format!("the examination took longer than {}s", timeout.as_secs_f64());
    Step::tried("time", "examine within --timeout").got(text).is(
        Verdict::Failed,
        Some("timeout"),
        "the steps above are all that was done",
        "give more time with --timeout, or see which step above was slow",
    )
}

impl Patient<'_, '_> {
    fn add(&self, step: Step) -> bool {
        if !self.wishes.json {
            // Whoever does not read any more learns the end from the exit status.
            let _ = step.print(self.wishes.colours, &mut *self.told.borrow_mut());
        }
        self.report.borrow_mut().add(step)
    }

    /// A step that failed for this cause: what came back, and the words that health has for it.
    fn failed(&self, step: Step, cause: &Cause) -> Step {
        let failure = cause.failure(&self.url.to_string(), self.limit);
        let step = if step.got.is_empty() { step.got(came::came(cause, self.limit)) } else { step };
        step.is(Verdict::Failed, Some(failure.reason), failure.summary, failure.cure)
    }

    /// The filters that a sidecar asks for.
    fn filters(&self) -> Vec<String> {
        subscriptions(self.config.streams.iter().map(|stream| &stream.pattern))
    }

    /// All steps, and what was noticed on the way.
    async fn examine(&self) {
        self.steps().await;
        self.returning();
    }

    /// As many as make sense.
    async fn steps(&self) {
        self.names();
        let Some((talk, ack)) = self.arrive().await else { return };
        let v5 = talk.v5;
        self.v5.set(v5);
        self.limits(&ack, v5);
        self.qos.set(ack.qos_max.unwrap_or(1).min(1));
        let Some(talk) = self.subscribe(talk).await else { return };
        let rate = self.listen(talk).await;
        let make = self.sys(v5).await;
        self.queue(rate, make);
        if self.wishes.no_publish {
            let step = Step::tried("publish", "nothing: --no-publish");
            self.add(step.is(Verdict::Skipped, None, "", ""));
        } else {
            self.round_trips(v5, &ack).await;
        }
        self.stability(v5).await;
    }

    /// A connection of its own for one step; where there is none, the step failed.
    async fn connected(&self, step: &'static str, v5: bool) -> Option<Talk> {
        self.connected_as(step, &self.id, v5).await
    }

    /// The same with another client id, so that the one before stays.
    async fn connected_as(&self, step: &'static str, id: &str, v5: bool) -> Option<Talk> {
        match self.come_back(id, v5).await {
            Ok((talk, _)) => Some(talk),
            Err(cause) => {
                let failed = self.failed(Step::tried(step, "connect again"), &cause);
                self.add(failed);
                None
            }
        }
    }
}

/// Sixteen digits that nobody else has.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 8];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}
