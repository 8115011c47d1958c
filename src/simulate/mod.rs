//! A fleet of devices against any broker, with faults and a truth file that says exactly what was sent.
//!
//! `plan` decides, `device` and `payload` say, `send` carries, `truth` accounts. The first three are pure: only `send`
//! and `commands` may wait or touch a network, and nothing in here may know how a watcher judges what it sees.

mod commands;
mod device;
mod fault;
mod link;
mod payload;
mod plan;
mod point;
mod rng;
mod send;
mod truth;

pub(crate) use device::POINTS_MIN;
pub(crate) use fault::FaultCounts;
pub(crate) use send::run;
pub(crate) use truth::Truth;

use device::{Device, Habits};
use plan::{Frame, Plan};
use rng::Rng;
use secrecy::SecretString;
use std::time::Duration;
use watchkeeper_core::time::micros;

/// Rounds after which the faults of an endless run come again.
pub(crate) const PERIOD: u64 = 30;
/// How long a pausing device says nothing: longer than the shortest time after which a device counts as offline.
const PAUSE: Duration = Duration::from_secs(40);
/// Devices of one line of a plant, and lines of one area.
const PER_LINE: usize = 10;

/// Everything that a run is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Host name or address; an IPv6 address in brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// User name and password.
    pub(crate) credentials: Option<(String, SecretString)>,
    /// Devices; at least 1.
    pub(crate) devices: usize,
    /// Points per device; at least `POINTS_MIN`.
    pub(crate) points: usize,
    /// Between two messages of a device; 0: as fast as it goes.
    pub(crate) interval: Duration,
    /// Share of the interval by which a message may be off at random; at most 0.04.
    pub(crate) jitter: f64,
    /// Messages per device; none: until `duration` or for ever.
    pub(crate) messages: Option<u64>,
    /// The longest that the run takes.
    pub(crate) duration: Option<Duration>,
    /// 0 or 1.
    pub(crate) qos: u8,
    /// Messages carry the retain flag.
    pub(crate) retain: bool,
    /// Messages per second of the whole fleet; none: as the interval says.
    pub(crate) rate: Option<f64>,
    /// The same seed gives the same fleet and the same faults.
    pub(crate) seed: u64,
    /// First level of every topic.
    pub(crate) prefix: String,
    /// Connections that the devices share; a device stays on one.
    pub(crate) connections: usize,
    /// What goes wrong.
    pub(crate) faults: FaultCounts,
    /// Devices answer commands.
    pub(crate) respond: bool,
    /// Commands that a backend sends.
    pub(crate) commands: u64,
}

/// A run could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulateError {
    /// Fewer faults, or more messages.
    #[error(transparent)]
    DoesNotFit(#[from] plan::DoesNotFit),
    /// Start the broker, or correct address or credentials.
    #[error("no connection to {broker}: {why}")]
    Connect {
        /// Host and port.
        broker: String,
        /// As the client says it.
        why: String,
    },
    /// Set an interval.
    #[error("{0} need an interval: with `--interval 0` there is no schedule to be off")]
    NeedsInterval(&'static str),
}

/// Whether the faults of these settings fit into the run; `run` says the same, once it is too late to ask.
#[cfg_attr(not(test), expect(dead_code, reason = "for the test that every demo's faults fit"))]
pub(crate) fn check(settings: &Settings) -> Result<(), SimulateError> {
    settings.fleet().map(drop)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 1883,
            credentials: None,
            devices: 10,
            points: 60,
            interval: Duration::from_secs(10),
            jitter: 0.0,
            messages: None,
            duration: None,
            qos: 1,
            retain: false,
            rate: None,
            seed: 1,
            prefix: "plant".into(),
            connections: 8,
            faults: FaultCounts::default(),
            respond: false,
            commands: 0,
        }
    }
}

impl Settings {
    /// Host and port, for people.
    pub(crate) fn broker(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Messages per device, as far as the settings limit them; none: the faults come again every `PERIOD` rounds.
    pub(crate) fn rounds(&self) -> Option<u64> {
        let by_time = self.duration.and_then(|duration| {
            let rounds = duration.as_nanos().div_ceil(self.interval.as_nanos().max(1));
            (!self.interval.is_zero()).then_some(u64::try_from(rounds).unwrap_or(u64::MAX))
        });
        match (self.messages, by_time) {
            (Some(messages), Some(by_time)) => Some(messages.min(by_time)),
            (messages, by_time) => messages.or(by_time),
        }
    }

    /// The fleet with its faults; the same for the same settings.
    fn fleet(&self) -> Result<Vec<Device>, SimulateError> {
        let faults = &self.faults;
        if self.interval.is_zero() && faults.late + faults.early + faults.pausing_devices > 0 {
            return Err(SimulateError::NeedsInterval("late, early and pausing devices"));
        }
        let rounds = self.rounds();
        let pause = PAUSE.as_micros().div_ceil(self.interval.as_micros().max(1));
        let frame = Frame {
            devices: self.devices,
            // At worst every point above the minimum reports nothing.
            points: self.points.min(POINTS_MIN),
            rounds: rounds.unwrap_or(PERIOD),
            endless: rounds.is_none(),
            pause_rounds: u64::try_from(pause).unwrap_or(u64::MAX).max(5),
        };
        let plan = Plan::new(faults, &frame, self.seed)?;
        let interval = micros(self.interval);
        let habits = Habits { interval, jitter: self.jitter, rounds, points: self.points };
        let device = |(n, plan)| {
            let name = format!("tempcontroller{:02}", n + 1);
            let (line, area) = (n / PER_LINE % PER_LINE + 1, n / (PER_LINE * PER_LINE) + 1);
            let topic = format!("{}/area{area}/line{line}/{name}/telemetry/temperature", self.prefix);
            // The devices begin one after the other within an interval, so that the broker sees no bursts; and
            // not at 0, so that an early message has somewhere to go.
            let origin = interval / 2 + interval * n as u64 / self.devices as u64;
            Device::new(name, topic, plan, habits, origin, Rng::new(self.seed, n as u64))
        };
        Ok(plan.devices.into_iter().enumerate().map(device).collect())
    }
}
