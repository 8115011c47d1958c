//! The values of the labels of one device. There is a list of them for each of a hundred thousand devices, so that it is one
//! piece of memory. Nothing here may know what the labels are called.

use serde::{Deserialize, Serialize};

/// Values in the order of the labels, each with a NUL behind it, which no topic can have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels(Box<str>);

impl Labels {
    /// These values.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for value in values {
            text.extend(value.chars().map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }));
            text.push('\0');
        }
        Self(text.into())
    }

    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\0')
    }

    /// The values that stood in these places, in this order; empty for none.
    #[must_use]
    pub fn at(&self, places: &[Option<usize>]) -> Self {
        Self::new(places.iter().map(|place| place.and_then(|at| self.iter().nth(at)).unwrap_or("")))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.bytes().filter(|byte| *byte == 0).count()
    }

    /// Those of `new` that are not empty count; of the others what was known.
    #[must_use]
    pub fn updated(&self, new: &Self) -> Self {
        Self::new(self.iter().zip(new.iter()).map(|(known, new)| if new.is_empty() { known } else { new }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_were_whatever_is_in_them() {
        for values in [&[][..], &[""], &["", ""], &["a"], &["", "a", ""], &["é", "b c"]] {
            let labels = Labels::new(values.iter().copied());
            assert_eq!((labels.count(), labels.iter().collect::<Vec<_>>()), (values.len(), values.to_vec()));
        }
        assert_eq!(Labels::new(["a\0b"]).iter().collect::<Vec<_>>(), ["a\u{fffd}b"]);
    }

    #[test]
    fn what_is_said_anew_counts_and_the_rest_stays() {
        let known = Labels::new(["a", "b", ""]);
        assert_eq!(known.at(&[Some(1), None, Some(0), Some(9)]), Labels::new(["b", "", "a", ""]));
        assert_eq!(known.updated(&Labels::new(["", "c", "d"])), Labels::new(["a", "c", "d"]));
    }
}
