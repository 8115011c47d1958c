//! The configured filters: white space, slashes at the ends, empty levels. Such a filter is allowed, and matches nothing
//! that a device means to send. Nothing here may connect.

use super::Patient;
use super::report::{Step, Verdict};
use watchkeeper_core::diagnose::topic;

impl Patient<'_, '_> {
    pub(super) fn names(&self) {
        let mut odd = false;
        for stream in &self.config.streams {
            let filter = stream.pattern.as_str();
            let (faults, meant) = topic(filter, [&stream.pattern]);
            let faults: Vec<&str> =
                faults.iter().filter(|fault| fault.is_odd()).map(|fault| fault.says()).collect();
            if faults.is_empty() {
                continue;
            }
            odd = true;
            let next =
                meant.map_or_else(String::new, |meant| format!("it was meant as `{meant}`, most likely"));
            let step = Step::tried("names", format!("stream {}: `{filter}`", stream.name));
            self.add(step.is(Verdict::Warning, Some("odd_filter"), faults.join("; "), next));
        }
        if !odd {
            let count = self.config.streams.len();
            self.add(
                Step::tried("names", "read the filters").got(format!("{count} filters, none of them odd")),
            );
        }
    }
}
