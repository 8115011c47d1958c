//! A record that would be longer than a line may be: its longest texts are cut, and `trunc` says which and how long
//! they were. Nothing here may cut through a character or lose a number.

use super::{EVENT_BYTES_MAX, Format, LINE_BYTES_MAX, SEQ_BYTES_MAX, event_word, literal, value};
use crate::record::{Draft, Key, Value};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What is kept of a `trunc` that was there before.
const TRUNC_BYTES_MAX: usize = 1024;
/// What `trunc` may take for one key: the longest key, a colon, twenty digits, a comma.
const ENTRY_BYTES: usize = 36;
/// Everything that is no text: keys of at most 15 bytes, with a value of at most 29 and what stands around both, and
/// the first five members.
const REST_BYTES: usize = Key::ALL.len() * 50 + 128 + EVENT_BYTES_MAX + SEQ_BYTES_MAX;

/// The draft as it can be written: an event that is a word, keys in their order and once, values of their type.
/// `Draft` sees to all that but for the event, unless its members were set by hand.
pub(super) fn in_order(draft: &Draft) -> Cow<'_, Draft> {
    let event = event_word(&draft.event);
    let sorted = draft.fields.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let fit = draft.fields.iter().all(|(key, value)| value::fits(value, key.ty()));
    if sorted && fit && matches!(event, Cow::Borrowed(_)) {
        return Cow::Borrowed(draft);
    }
    let mut ordered = Draft::new(draft.ts, draft.level, draft.kind, event.into_owned());
    for (key, value) in &draft.fields {
        if value::fits(value, key.ty()) {
            ordered = ordered.with(*key, value.clone());
        }
    }
    Cow::Owned(ordered)
}

/// The draft with its longest texts cut, so that its line fits. Texts that are shorter than what is left for each of
/// the long ones stay whole.
pub(super) fn to_fit(draft: &Draft, format: Format) -> Draft {
    let mut cut = draft.clone();
    let mut marks = match draft.get(Key::Trunc) {
        Some(Value::Text(text)) => prefix(text, TRUNC_BYTES_MAX, format).to_owned(),
        _ => String::new(),
    };
    let share = share(draft, format);
    for (key, value) in &mut cut.fields {
        let Value::Text(text) = value else { continue };
        if *key == Key::Trunc {
            continue;
        }
        let kept = prefix(text, share, format);
        if kept.len() < text.len() {
            let comma = if marks.is_empty() { "" } else { "," };
            write!(marks, "{comma}{}:{}", key.word(), text.len()).expect("a string takes everything");
            *text = kept.into();
        }
    }
    cut.with(Key::Trunc, Value::Text(marks.into()))
}

/// How many bytes each text may take between its quotes: the largest number with which all of them fit.
fn share(draft: &Draft, format: Format) -> usize {
    let mut widths: Vec<usize> = draft
        .fields
        .iter()
        .filter_map(|(key, value)| match value {
            Value::Text(text) if *key != Key::Trunc => Some(width(text, format)),
            _ => None,
        })
        .collect();
    widths.sort_unstable();
    // Around a text stand its key, two quotes, a sign between, and a comma or a bar with its spaces.
    let around = widths.len() * (ENTRY_BYTES + 15 + 8);
    let mut left = LINE_BYTES_MAX.saturating_sub(REST_BYTES + around + TRUNC_BYTES_MAX);
    for (at, width) in widths.iter().enumerate() {
        let each = left / (widths.len() - at);
        if *width > each {
            return each;
        }
        left -= width;
    }
    usize::MAX
}

fn width(text: &str, format: Format) -> usize {
    text.chars().map(|c| literal::width(c, format == Format::Pipe)).sum()
}

/// As much of the text as takes no more than so many bytes between the quotes.
fn prefix(text: &str, bytes_max: usize, format: Format) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += literal::width(c, format == Format::Pipe);
        if used > bytes_max {
            return &text[..at];
        }
    }
    text
}
