//! Text into markup. Topics, device ids and broker messages come from strangers: none may become an element,
//! an attribute or an instruction to the terminal of whoever reads the source.

/// The text as it may stand between tags and inside double-quoted attributes.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters, those that nobody sees, and those that turn the direction of the text around could
            // disguise a name.
            c if c.is_control() || is_direction(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{00ad}' | '\u{061c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One segment of a path, percent-encoded.
pub(crate) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let table = [
            ("plant/a-1", "plant/a-1"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x' a=\"&", "&quot; onload=&#39;x&#39; a=&quot;&amp;"),
            ("a\u{202e}b\u{0}c\nd", "a\u{fffd}b\u{fffd}c\u{fffd}d"),
            ("grün €", "grün €"),
            ("dev\u{200b}zero\u{ad}", "dev\u{fffd}zero\u{fffd}"),
        ];
        for (raw, expected) in table {
            assert_eq!(html(raw), expected);
        }
    }

    #[test]
    fn a_segment_cannot_leave_its_place() {
        assert_eq!(segment("a/../b?c#d e"), "a%2F%2E%2E%2Fb%3Fc%23d%20e");
    }
}
