//! Values: how those that are no text are written and read. Nothing here may write a number that reads back as
//! another.

use super::moment;
use crate::record::{Type, Value};

/// True when the value is what its key's values are and can be written.
pub(super) fn fits(value: &Value, ty: Type) -> bool {
    match value {
        Value::Text(_) => ty == Type::Text,
        Value::Int(_) => ty == Type::Int,
        Value::Float(number) => ty == Type::Float && number.is_finite(),
        Value::Bool(_) => ty == Type::Bool,
        Value::Time(_) => ty == Type::Time,
    }
}

/// Appends a whole number.
pub(super) fn push_int(number: i64, out: &mut String) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit is below 10");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push('-');
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}

/// Appends a number: the shortest text that reads back as the same one.
pub(super) fn push_float(number: f64, out: &mut String) {
    out.push_str(ryu::Buffer::new().format_finite(number));
}

/// Appends yes or no.
pub(super) fn push_bool(yes: bool, out: &mut String) {
    out.push_str(if yes { "true" } else { "false" });
}

/// Reads what is no text.
pub(super) fn read(text: &str, ty: Type) -> Option<Value> {
    match ty {
        Type::Text => None,
        Type::Int => int(text).map(Value::Int),
        Type::Float => float(text).map(Value::Float),
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::Time => moment::parse(text.as_bytes()).map(Value::Time),
    }
}

fn int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let odd = digits.starts_with('+') || (digits.starts_with('0') && text != "0");
    if odd { None } else { text.parse().ok() }
}

/// A number in the grammar of JSON. The standard reader accepts more, such as `inf`, `.5` and `1.`.
fn float(text: &str) -> Option<f64> {
    let number: f64 = number_length(text.as_bytes())
        .filter(|length| *length == text.len())
        .and_then(|_| text.parse().ok())?;
    number.is_finite().then_some(number)
}

/// How long the number of JSON is that stands at the start.
pub(super) fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = usize::from(bytes.first() == Some(&b'-'));
    let count = digits(whole);
    if count == 0 || (count > 1 && bytes[whole] == b'0') {
        return None;
    }
    let mut at = whole + count;
    if bytes.get(at) == Some(&b'.') {
        let count = digits(at + 1);
        at += if count > 0 { 1 + count } else { return None };
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let count = digits(at + 1 + sign);
        at += if count > 0 { 1 + sign + count } else { return None };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_number_is_read_back_to_the_bit(bits: u64, whole: i64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let mut out = String::new();
            push_float(number, &mut out);
            let Some(Value::Float(back)) = read(&out, Type::Float) else { panic!("{out}") };
            prop_assert_eq!(back.to_bits(), number.to_bits());
            out.clear();
            push_int(whole, &mut out);
            prop_assert_eq!(read(&out, Type::Int), Some(Value::Int(whole)));
        }
    }

    #[test]
    fn the_edges_of_numbers_are_read_back_and_other_spellings_refused() {
        for number in [i64::MIN, i64::MAX, 0, -1, 10] {
            let mut out = String::new();
            push_int(number, &mut out);
            assert_eq!(out, number.to_string());
        }
        for bad in ["", "-", "01", "-0", "+1", "1.0", "9223372036854775808", " 1"] {
            assert_eq!(read(bad, Type::Int), None, "{bad}");
        }
        for bad in ["", "NaN", "inf", "1e999", ".5", "1.", "01.0", "1e", "1e+", "--1", "1 ", "1_0"] {
            assert_eq!(read(bad, Type::Float), None, "{bad}");
        }
        assert_eq!(read("1e5", Type::Float), Some(Value::Float(1e5)));
        assert_eq!(read("True", Type::Bool), None);
    }
}
