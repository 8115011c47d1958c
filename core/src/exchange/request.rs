//! Requests: the name of the command, and its parameters against the list of commands. Nothing here may keep a
//! parameter.

use super::{FAULTS_MAX, Fault, Heard, Request, hash, kept};
use crate::decode::{Document, Is, Leaf};
use crate::rules::{Known, Parameter, ParameterType};

/// The object that holds the parameters; where there is none they stand beside the name.
const PARAMETERS: &str = "parameters";

impl Heard<'_> {
    /// What a request says.
    pub(super) fn request(&self) -> Request {
        let mut faults = Vec::new();
        let is_document = self.document.root().is_some();
        if self.document.root().is_some_and(|root| root.is() != Is::Object) {
            faults.push(Fault::NotObject);
        }
        let ids = self.ids(self.arrival.response_topic, &mut faults);
        let command: Box<str> = self.words(&self.rules.name).next().map_or_else(Box::default, kept);
        let before = faults.len();
        let known = self.rules.known.iter().find(|known| known.name == command);
        if command.is_empty() {
            faults.extend(is_document.then_some(Fault::NoCommand));
        } else if !is_name(&command) {
            faults.push(Fault::BadCommand(command.clone()));
        } else if known.is_none() && !self.rules.known.is_empty() {
            faults.push(Fault::UnknownCommand(command.clone()));
        }
        let is_known = !command.is_empty() && faults.len() == before;
        parameters(self.document, known, &mut faults);
        faults.truncate(FAULTS_MAX);
        let print = hash(&[self.arrival.payload]);
        Request { ids, command, is_known, print, qos: self.arrival.qos, serial: 0, faults }
    }
}

/// Letters and digits of any script, and what stands between words; nothing that a shell or a query would take for
/// more than a word.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || " _-.:/@#".contains(c))
}

fn parameters(document: Document<'_>, known: Option<&Known>, faults: &mut Vec<Fault>) {
    let given = document.member(PARAMETERS).filter(|given| given.is() != Is::Null);
    if given.is_some_and(|given| given.is() != Is::Object) {
        return faults.push(Fault::Type { member: PARAMETERS.into(), expected: "object" });
    }
    let (Some(known), Some(beside)) = (known, document.root()) else { return };
    for parameter in &known.parameters {
        let value = given.unwrap_or(beside).member(&parameter.name).filter(|value| value.is() != Is::Null);
        match value {
            Some(value) => faults.extend(judge(parameter, value)),
            None if parameter.required => faults.push(Fault::Missing(parameter.name.clone())),
            None => {}
        }
    }
    // Beside the name stand other members, too.
    let named = given.into_iter().flat_map(Leaf::members);
    let unknown = named.filter(|given| known.parameters.iter().all(|known| *known.name != *given.key()));
    faults.extend(unknown.take(FAULTS_MAX).map(|given| Fault::UnknownParameter(kept(given.key()))));
}

fn judge(parameter: &Parameter, value: Leaf<'_>) -> Option<Fault> {
    let is_right = match (parameter.kind, value.is()) {
        (ParameterType::Any, _)
        | (ParameterType::Number, Is::Number(_))
        | (ParameterType::Text, Is::Text)
        | (ParameterType::Boolean, Is::Bool(_))
        | (ParameterType::Object, Is::Object)
        | (ParameterType::Array, Is::Array) => true,
        (ParameterType::Integer, Is::Number(number)) => number.fract() == 0.0,
        _ => false,
    };
    let member = parameter.name.clone();
    if !is_right {
        return Some(Fault::Type { member, expected: parameter.kind.as_str() });
    }
    if let Is::Number(number) = value.is() {
        let (min, max) = (parameter.min, parameter.max);
        if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
            return Some(Fault::Range { member, value: number, within: (min, max) });
        }
    }
    let is_listed = parameter.values.is_empty() || parameter.values.iter().any(|word| **word == *value.raw());
    (!is_listed).then(|| Fault::Value { member, value: kept(value.raw()) })
}
