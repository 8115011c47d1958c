//! The texts that stand in whatever a regular expression matches. It may say too few and never one too many.

use regex_syntax::hir::{Hir, HirKind};

/// Texts that every match has, in the order of the pattern; of a pattern whose letters may have either case, those
/// without letters.
pub(super) fn texts(pattern: &str) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    if let Ok(hir) = regex_syntax::parse(pattern) {
        collect(&hir, &mut texts);
    }
    texts
}

fn collect(hir: &Hir, texts: &mut Vec<Vec<u8>>) {
    match hir.kind() {
        HirKind::Literal(literal) => texts.push(literal.0.to_vec()),
        HirKind::Capture(capture) => collect(&capture.sub, texts),
        HirKind::Concat(parts) => parts.iter().for_each(|part| collect(part, texts)),
        HirKind::Repetition(repetition) if repetition.min > 0 => collect(&repetition.sub, texts),
        HirKind::Empty
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Alternation(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_match_has_is_said_and_what_only_some_have_is_not() {
        for (pattern, expected) in [
            ("tc-0047[0-9]{2}.*timeout", &["tc-0047", "timeout"] as &[&str]),
            ("(abc)+x", &["abc", "x"]),
            ("(abc)?x", &["x"]),
            ("(abc)*", &[]),
            ("abc|abd", &[]),
            ("one|two", &[]),
            ("(?i)abc-7", &["-7"]),
            ("^a\\|b$", &["a|b"]),
            ("[", &[]),
        ] {
            let texts = texts(pattern);
            let texts: Vec<&str> = texts.iter().map(|text| std::str::from_utf8(text).unwrap()).collect();
            assert_eq!(texts, expected, "{pattern}");
        }
    }
}
