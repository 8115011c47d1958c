//! State that few devices have: nothing but a null pointer for those that have none, so that a device that only sends
//! telemetry pays for telemetry.

use serde::{Deserialize, Serialize};

/// State that is made when it is first needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rare<T>(Option<Box<T>>);

impl<T: Default> Rare<T> {
    /// The state, if there is any.
    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// The state, made now if there is none.
    pub(super) fn make(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
