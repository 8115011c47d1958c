//! Payloads that are one number as text, such as `21.5`. No units, no thousands separators: what is not a
//! number is text.

/// Reads a number with optional white space around it; `NaN` and infinities are not numbers.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_and_nothing_else() {
        for (text, number) in [("21.5", 21.5), (" -3\r\n", -3.0), ("1e3", 1000.0), (".5", 0.5), ("+7", 7.0)] {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in ["", " ", "ON", "21.5 C", "NaN", "inf", "-inf", "1e999", "0x10", "--1", "1,5"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
