//! Why a payload is no JSON, for people: where, what stands there, what was meant most likely, and the cure. It is
//! asked about payloads that were refused, a few a minute, so it may take its time; it judges by the one place at
//! which reading stops and never by what else the text happens to hold.

mod cause;
#[cfg(test)]
mod tests;
mod tokens;
mod topic;
mod walk;

pub use cause::Cause;
pub use topic::{TopicFault, topic};

use walk::Walk;

/// Characters of the payload that are shown before and after the place.
const AROUND: usize = 20;

/// What is wrong with one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What is wrong.
    pub cause: Cause,
    /// Byte offset of the first byte that cannot stand where it stands.
    pub at: usize,
    /// Line of that byte, from 1.
    pub line: usize,
    /// Character in that line, from 1.
    pub column: usize,
    /// The member that was being read: `$.points[5].name`.
    pub path: String,
    /// The text around the place; what cannot be shown is escaped.
    pub context: String,
    /// How many characters of the context stand before the place.
    pub caret: usize,
}

impl Diagnosis {
    /// One sentence for people: cause, place, context where there is one, and cure.
    pub fn sentence(&self) -> String {
        let near =
            if self.context.is_empty() { String::new() } else { format!(", near «{}»", self.context) };
        format!("{}{near}: {}", self.place(), self.cause.cure())
    }

    /// Cause and place alone, without a character of the payload but its keys.
    pub fn place(&self) -> String {
        let Self { at, line, column, .. } = self;
        let path = shortened(&self.path);
        format!("{} at byte {at} (line {line}, column {column}, {path})", self.cause.says())
    }

    /// The same with a context in which nothing is shown that `hide` takes out. It is given what stands before and what
    /// stands behind the place, each in full, so that a secret is known by its key however far away that is.
    #[must_use]
    pub fn veiled(self, payload: &[u8], hide: impl Fn(&str) -> String) -> Self {
        let (before, behind) = payload.split_at(self.at.min(payload.len()));
        let text = |bytes| hide(&String::from_utf8_lossy(bytes));
        let (context, caret) = around(&text(before), &text(behind));
        Self { context, caret, ..self }
    }

    /// The same without any context: the member at the place is one that nobody may see.
    #[must_use]
    pub fn bare(self) -> Self {
        Self { context: String::new(), caret: 0, ..self }
    }

    /// The keys of the member that was being read, the outermost first.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.path.split(['.', '[', ']', '"']).filter(|key| !key.is_empty() && *key != "$")
    }

    /// Two lines: the context, and a caret below the place.
    pub fn drawn(&self) -> String {
        format!("{}\n{}^", self.context, " ".repeat(self.caret))
    }
}

/// A path as people read it: of many steps the first and the last.
fn shortened(path: &str) -> String {
    const STEPS_MAX: usize = 16;
    const ENDS: usize = 2;
    let steps: Vec<usize> = path.match_indices(['.', '[']).map(|(at, _)| at).collect();
    if steps.len() <= STEPS_MAX {
        return path.to_owned();
    }
    format!("{}…{}", &path[..steps[ENDS]], &path[steps[steps.len() - ENDS]..])
}

/// What is wrong with a payload that should be one JSON document; none when nothing is.
///
/// A byte order mark is a fault of its own. Nesting beyond `depth_max` is one, too.
pub fn json(payload: &[u8], depth_max: usize) -> Option<Diagnosis> {
    let (text, rest) = match std::str::from_utf8(payload) {
        Ok(text) => (text, false),
        Err(error) => {
            let before = payload.get(..error.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(before).unwrap_or_default(), true)
        }
    };
    let mut walk = Walk::new(text, depth_max);
    let found = match walk.document() {
        // What stands before the bytes that are no text may be wrong as well, and then that is the first fault.
        Err(fault) if !rest || fault.1 < text.len() => fault,
        _ if rest => (Cause::NotUtf8, text.len()),
        Err(fault) => fault,
        Ok(()) => return None,
    };
    Some(diagnosis(payload, found, walk.path()))
}

fn diagnosis(payload: &[u8], (cause, at): (Cause, usize), path: String) -> Diagnosis {
    let before = String::from_utf8_lossy(&payload[..at]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let end = payload.len().min(at + 4 * AROUND);
    let (context, caret) = around(&before, &String::from_utf8_lossy(&payload[at..end]));
    Diagnosis { cause, at, line, column, path, context, caret }
}

/// The last characters of the one and the first of the other, and how many of them stand before the place.
fn around(before: &str, behind: &str) -> (String, usize) {
    let shown: Vec<char> = before.chars().rev().take(AROUND).collect();
    let lead: String = shown.into_iter().rev().flat_map(show).collect();
    let tail: String = behind.chars().take(AROUND).flat_map(show).collect();
    let caret = lead.chars().count();
    (lead + &tail, caret)
}

/// What would not be seen, or would change how the rest is shown, is escaped.
fn show(c: char) -> Vec<char> {
    let is_plain = !c.is_control()
        && !matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if is_plain { vec![c] } else { c.escape_default().collect() }
}
