//! A text that is looked for: it occurs in a record when it stands in a value as its reader sees it, or in the line
//! as it is. The forms that the two texts of a record give it are taken from the writer of the lines, never guessed.

use crate::line::{self, Format};
use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

/// A text that is looked for.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    text: String,
    /// As it is.
    bare: Finder<'static>,
    /// As the JSON form and the pipe form write it, where that differs from the bare text.
    escaped: Vec<Finder<'static>>,
    /// Whatever the case of its letters.
    folded: Option<Regex>,
}

impl Needle {
    pub(super) fn new(text: &str, ignore_case: bool) -> Result<Self, regex::Error> {
        let forms = [Format::Json, Format::Pipe].map(|format| line::escaped(text, format).into_owned());
        let folded = ignore_case
            .then(|| RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build())
            .transpose()?;
        Ok(Self {
            text: text.to_owned(),
            bare: Finder::new(text).into_owned(),
            escaped: forms
                .iter()
                .filter(|form| *form != text)
                .map(|form| Finder::new(form).into_owned())
                .collect(),
            folded,
        })
    }

    /// Whether it occurs in this line.
    pub(super) fn occurs(&self, line: &str) -> bool {
        if let Some(folded) = &self.folded {
            let in_values = || line::fields(line).any(|(_, value)| folded.is_match(&value));
            return folded.is_match(line) || (!self.escaped.is_empty() && in_values());
        }
        if self.bare.find(line.as_bytes()).is_some() {
            return true;
        }
        let escaped = self.escaped.iter().any(|form| form.find(line.as_bytes()).is_some());
        escaped && line::fields(line).any(|(_, value)| self.bare.find(value.as_bytes()).is_some())
    }

    /// True when the case of its letters does not matter.
    pub(super) fn folded(&self) -> bool {
        self.folded.is_some()
    }

    /// What of it can stand in a line: a line without any of these does not have it.
    pub(super) fn forms(&self) -> Vec<String> {
        let escaped = self.escaped.iter().map(|form| String::from_utf8_lossy(form.needle()).into_owned());
        let mut forms: Vec<String> = escaped.collect();
        forms.dedup();
        if !self.text.contains('\n') {
            forms.push(self.text.clone());
        }
        forms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_as_its_reader_sees_it_in_both_forms() {
        let json = r#"{"seq":1,"ts":"2026-11-21T06:31:00.123456Z","level":"INFO","type":"DEVICE","event":"x","details":"he said \"no\" | a\\b\u000ac"}"#;
        let pipe = r#"2026-11-21T06:31:00.123456Z | INFO | DEVICE | seq=1 | event=x | details="he said \"no\" \u007c a\\b\u000ac""#;
        for line in [json, pipe] {
            for text in ["he said", "said \"no\"", "no\" | a", "a\\b", "b\nc", "seq", "06:31:00.12", "\"no"] {
                assert!(Needle::new(text, false).unwrap().occurs(line), "{text:?} in {line}");
                assert!(Needle::new(&text.to_uppercase(), true).unwrap().occurs(line), "{text:?} in {line}");
                assert!(
                    Needle::new(text, false).unwrap().forms().iter().any(|form| line.contains(form.as_str()))
                );
            }
            for text in ["HE SAID", "b\n\nc", "no | a", "\u{1}"] {
                assert!(!Needle::new(text, false).unwrap().occurs(line), "{text:?} in {line}");
            }
        }
    }
}
