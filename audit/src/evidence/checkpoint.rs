//! A checkpoint: how long the log was at a moment and the root of its tree, as <https://c2sp.org/tlog-checkpoint>
//! has it. Three extension lines are ours: when, which number, and why; a number that is missing is a checkpoint that
//! somebody took away. This file is about the text only; it must never sign.

use crate::evidence::tree::Hash;
use base64::{Engine, engine::general_purpose::STANDARD};
use watchkeeper_core::time::{Wall, parse_rfc3339};

/// Why a checkpoint was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The log was opened.
    Start,
    /// There are new records.
    Records,
    /// There were none for a minute.
    Idle,
    /// A segment is closed, and its last records were not signed yet.
    Rotation,
    /// A new key signs from here on.
    Key,
}

impl Cause {
    const ALL: [Self; 5] = [Self::Start, Self::Records, Self::Idle, Self::Rotation, Self::Key];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Records => "records",
            Self::Idle => "idle",
            Self::Rotation => "rotation",
            Self::Key => "key",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of its keys.
    pub origin: String,
    /// How many records it had.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// When.
    pub time: Wall,
    /// Gapless from 0 within a log.
    pub number: u64,
    /// Why.
    pub cause: Cause,
    /// Extension lines of a later version, after ours.
    pub more: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\ntime {}\nnumber {}\ncause {}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root),
            self.time.rfc3339(),
            self.number,
            self.cause.word()
        );
        for line in &self.more {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads such a text, and nothing that would not be written so again.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let mut said = |what: &str| lines.next()?.strip_prefix(what);
        let checkpoint = Self {
            origin: said("")?.to_owned(),
            size: said("")?.parse().ok()?,
            root: STANDARD.decode(said("")?).ok()?.try_into().ok()?,
            time: parse_rfc3339(said("time ")?)?,
            number: said("number ")?.parse().ok()?,
            cause: Cause::from_word(said("cause ")?)?,
            more: lines.map(str::to_owned).collect(),
        };
        let lines_say_something =
            !checkpoint.origin.is_empty() && checkpoint.more.iter().all(|line| !line.is_empty());
        (lines_say_something && checkpoint.text() == text).then_some(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "watchkeeper/0123456789abcdef\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
                        time 2026-11-21T06:31:00.123456Z\nnumber 1442\ncause idle\n";

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let checkpoint = Checkpoint::parse(TEXT).unwrap();
        assert_eq!((checkpoint.size, checkpoint.number, checkpoint.cause), (20_852_163, 1442, Cause::Idle));
        assert_eq!(checkpoint.root[..3], [0x0a, 0xc5, 0x18]);
        assert_eq!(checkpoint.text(), TEXT);
        let later = format!("{TEXT}something new\n");
        assert_eq!(Checkpoint::parse(&later).unwrap().text(), later);
    }

    #[test]
    fn what_would_not_be_written_so_is_not_read() {
        for (from, to) in [
            ("20852163", "020852163"),
            ("20852163", "+1"),
            ("20852163", "18446744073709551616"),
            ("q2I=", "q2J="),
            ("q2I=", "q2I"),
            ("00.123456Z", "00.1234560Z"),
            ("00.123456Z", "00.123456+00:00"),
            ("cause idle\n", ""),
            ("cause idle", "cause none"),
            ("cause idle\n", "cause idle\n\n"),
            ("cause idle\n", "cause idle"),
            ("number 1442\n", ""),
            ("watchkeeper/0123456789abcdef", ""),
        ] {
            let bad = TEXT.replace(from, to);
            assert_ne!(bad, TEXT, "{from}");
            assert_eq!(Checkpoint::parse(&bad), None, "{bad}");
        }
    }
}
