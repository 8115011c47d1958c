//! Answers: their status, what the device says it took, and whether everything is there that an answer must have.
//! Nothing here may ask whose answer it is.

use super::{FAULTS_MAX, Fault, Heard, Response, kept};
use crate::decode::{Is, Leaf};
use crate::path::Path;
use crate::time::Micros;

/// The members that every answer calls so; `execution_time` is in milliseconds.
const STATUS: &str = "status";
const EXECUTION_TIME: &str = "execution_time";

impl Heard<'_> {
    /// What an answer says.
    pub(super) fn response(&self) -> Response {
        let mut faults = Vec::new();
        if self.document.root().is_some_and(|root| root.is() != Is::Object) {
            faults.push(Fault::NotObject);
        }
        let ids = self.ids(Some(self.arrival.topic), &mut faults);
        let status = self.status(&mut faults);
        let device = self.device(&mut faults);
        if self.document.root().is_some() {
            self.members(&mut faults);
        }
        faults.truncate(FAULTS_MAX);
        Response { ids, status, device, faults }
    }

    fn status(&self, faults: &mut Vec<Fault>) -> Box<str> {
        let Some(said) = self.document.member(STATUS).filter(|said| said.is() != Is::Null) else {
            return "none".into();
        };
        let known = self.rules.statuses.iter().find(|known| ***known == *said.raw() && said.is() == Is::Text);
        if let Some(known) = known {
            return known.clone();
        }
        faults.push(match said.is() {
            Is::Text => Fault::Value { member: STATUS.into(), value: kept(said.raw()) },
            _ => Fault::Type { member: STATUS.into(), expected: "text" },
        });
        "other".into()
    }

    /// What the device says it took.
    fn device(&self, faults: &mut Vec<Fault>) -> Option<Micros> {
        /// Nothing takes longer than a year.
        const LONGEST: f64 = 365.0 * 86_400e3;
        let said = self.document.member(EXECUTION_TIME).filter(|said| said.is() != Is::Null)?;
        let Some(millis) = said.number() else {
            faults.push(Fault::Type { member: EXECUTION_TIME.into(), expected: "number" });
            return None;
        };
        if !(0.0..=LONGEST).contains(&millis) {
            let within = (Some(0.0), Some(LONGEST));
            faults.push(Fault::Range { member: EXECUTION_TIME.into(), value: millis, within });
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within a year")]
        Some((millis * 1e3).round() as Micros)
    }

    /// What must be there, and what it must be: a date as text or number, and `data` as an object.
    fn members(&self, faults: &mut Vec<Fault>) {
        for path in &self.rules.required {
            let name = || path.to_string().trim_start_matches("$.").into();
            let Some(found) = self.document.find(path) else {
                faults.push(Fault::Missing(name()));
                continue;
            };
            if let Some(expected) = wrong_type(path, found) {
                faults.push(Fault::Type { member: name(), expected });
            }
        }
    }
}

/// What a member of this name should be, where it is something else. The status has been judged already.
fn wrong_type(path: &Path, found: Leaf<'_>) -> Option<&'static str> {
    let is = |name: &str| *path == Path::member(name);
    match found.is() {
        Is::Object if is("data") => None,
        _ if is("data") => Some("object"),
        Is::Text | Is::Number(_) if is("timestamp") => None,
        _ if is("timestamp") => Some("date"),
        Is::Null if is(STATUS) => Some("text"),
        _ => None,
    }
}
