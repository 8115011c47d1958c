//! Which messages a stream takes of the topics that its filter names, where others have topics of this form, too: the
//! keys `only_objects`, `only_scalars`, `only_beginning`, `only_words` and `only_capitals`. Nothing here may look at more of a payload
//! than how it begins.

/// What a message must look like; one that does not is left to the next stream that takes its topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// The payload is a JSON object.
    pub objects: bool,
    /// The payload is neither a JSON object nor an array.
    pub scalars: bool,
    /// The payload begins with one of these; empty: with anything.
    pub beginning: Vec<Box<str>>,
    /// The payload is one of these words, or one and behind a comma what it is about; empty: anything.
    pub words: Vec<Box<str>>,
    /// The last level of the topic is of capital letters, digits and `_`, and begins with a letter.
    pub capitals: bool,
}

impl Only {
    /// Whether it depends on the payload.
    pub fn asks_payload(&self) -> bool {
        self.objects || self.scalars || !self.beginning.is_empty() || !self.words.is_empty()
    }

    /// Whether a message with this payload is taken.
    pub fn takes(&self, payload: &[u8]) -> bool {
        let first = payload.trim_ascii_start().first();
        let begins = |text: &str| payload.starts_with(text.as_bytes());
        let says = |word: &str| {
            payload
                .strip_prefix(word.as_bytes())
                .is_some_and(|rest| rest.first().is_none_or(|next| *next == b','))
        };
        (!self.objects || first == Some(&b'{'))
            && (!self.scalars || first.is_none_or(|first| !matches!(first, b'{' | b'[')))
            && (self.beginning.is_empty() || self.beginning.iter().any(|text| begins(text)))
            && (self.words.is_empty() || self.words.iter().any(|word| says(word)))
    }
}

/// Whether the last level of a topic is of capital letters, digits and `_`, and begins with a letter.
pub(crate) fn is_in_capitals(topic: &str) -> bool {
    let level = topic.rsplit('/').next().unwrap_or(topic);
    level.starts_with(|c: char| c.is_ascii_uppercase())
        && level.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_taken_by_how_it_begins() {
        let objects = Only { objects: true, ..Only::default() };
        let scalars = Only { scalars: true, ..Only::default() };
        let lines = Only { beginning: vec!["[D][".into()], ..Only::default() };
        for (payload, of) in [
            (" {\"a\":1}", [true, false, false]),
            ("[1]", [false, false, false]),
            ("[D][x:1]: y", [false, false, true]),
            ("254", [false, true, false]),
            ("ON", [false, true, false]),
            ("", [false, true, false]),
        ] {
            let found = [&objects, &scalars, &lines].map(|only| only.takes(payload.as_bytes()));
            assert_eq!(found, of, "{payload}");
        }
        let words = Only { words: vec!["on".into(), "pos".into()], ..Only::default() };
        for (payload, takes) in
            [("on", true), ("online", false), ("pos,50", true), ("on,120", true), ("42", false)]
        {
            assert_eq!(words.takes(payload.as_bytes()), takes, "{payload}");
        }
        assert!(Only::default().takes(b"") && !Only::default().asks_payload());
    }

    #[test]
    fn a_topic_is_taken_by_its_last_level() {
        for (topic, takes) in [
            ("tele/x/HASS_STATE", true),
            ("tele/x/STATUS11", true),
            ("LWT", true),
            ("tele/x/temperature", false),
            ("tele/X/State", false),
            ("tele/x/9", false),
            ("tele/x/", false),
            ("", false),
        ] {
            assert_eq!(is_in_capitals(topic), takes, "{topic}");
        }
    }
}
