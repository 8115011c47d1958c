//! A histogram of times that is saved with its counts; its bounds belong to the program.

use crate::sample::Histogram;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// Upper bounds of the times of answers, in seconds; the limits of the usual agreements are among them.
const BOUNDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0];

/// Times of answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Times(Histogram);

type Parts = (Vec<u64>, u64, f64);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new(BOUNDS))
    }
}

impl From<Parts> for Times {
    fn from(parts: Parts) -> Self {
        let mut times = Self::default();
        times.0.restore(parts);
        times
    }
}

impl From<Times> for Parts {
    fn from(times: Times) -> Self {
        times.0.parts()
    }
}

impl Times {
    /// Counts one.
    pub fn observe(&mut self, time: Micros) {
        self.0.observe_micros(time);
    }

    /// The histogram.
    pub fn histogram(&self) -> &Histogram {
        &self.0
    }
}
