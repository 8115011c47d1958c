//! Paths into a payload: the subset of RFC 9535 that can be followed while the payload is read once
//! (`$.a.b`, `$['a b']`, `$[3]`, `*`). Nothing here may hold a parsed document.

use std::fmt;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(Box<str>),
    /// An element of an array, from 0.
    Index(u32),
    /// Every member or element; allowed once, in `points`.
    Each,
}

/// A path, without its leading `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    steps: Box<[Step]>,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// What is wrong and what to write instead.
    pub why: &'static str,
    /// Byte offset in the text.
    pub at: usize,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {})", self.why, self.at + 1)
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads `$.a.b`, `$['a b'][2].*`; a bare name (`temp`) is short for `$.temp`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        let mut rest = match text.strip_prefix('$') {
            Some(rest) => rest,
            None if is_name(text) => {
                return Ok(Self { steps: Box::new([Step::Member(text.into())]) });
            }
            None => return Err(PathError { why: "a path begins with $, such as $.points.*", at: 0 }),
        };
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let (step, left) = parse_step(rest).map_err(|why| PathError { why, at })?;
            if step == Step::Each && steps.contains(&Step::Each) {
                return Err(PathError { why: "* may occur once in a path", at });
            }
            steps.push(step);
            rest = left;
        }
        Ok(Self { steps: steps.into() })
    }

    /// The path of a member of the root.
    pub fn member(name: &str) -> Self {
        Self { steps: Box::new([Step::Member(name.into())]) }
    }

    /// The steps, from the root.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// True when the path contains `*`.
    pub fn is_many(&self) -> bool {
        self.steps.contains(&Step::Each)
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_' || !c.is_ascii())
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-' || !c.is_ascii())
}

fn parse_step(rest: &str) -> Result<(Step, &str), &'static str> {
    if let Some(rest) = rest.strip_prefix('.') {
        if let Some(rest) = rest.strip_prefix('*') {
            return Ok((Step::Each, rest));
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || name.contains(['*', '\'', '"', ']', ' ']) {
            return Err("after . comes a name or *; write other names as ['a b']");
        }
        return Ok((Step::Member(name.into()), &rest[end..]));
    }
    let inner = rest.strip_prefix('[').ok_or("expected . or [")?;
    if let Some(rest) = inner.strip_prefix("*]") {
        return Ok((Step::Each, rest));
    }
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        return parse_quoted(&inner[1..], quote);
    }
    let end = inner.find(']').ok_or("[ is never closed")?;
    let index = inner[..end].parse().map_err(|_| "inside [] comes a number from 0, a quoted name or *")?;
    Ok((Step::Index(index), &inner[end + 1..]))
}

fn parse_quoted(inner: &str, quote: char) -> Result<(Step, &str), &'static str> {
    let mut name = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, c @ ('\\' | '\'' | '"' | '/'))) => name.push(c),
                _ => return Err("after \\ comes \\, / or a quote"),
            },
            c if c == quote => {
                let rest = inner[at + 1..].strip_prefix(']').ok_or("a quoted name is followed by ]")?;
                return Ok((Step::Member(name.into()), rest));
            }
            c => name.push(c),
        }
    }
    Err("the quoted name is never closed")
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.steps {
            match step {
                Step::Member(name) if is_name(name) => write!(f, ".{name}")?,
                Step::Member(name) => write!(f, "['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Each => f.write_str(".*")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_and_written_back() {
        for (text, back) in [
            ("$.points.*", "$.points.*"),
            ("temp", "$.temp"),
            ("$['a b'][2].c", "$['a b'][2].c"),
            ("$[\"x\"][*]", "$.x.*"),
            ("$", "$"),
            ("$['it\\'s']", "$['it\\'s']"),
        ] {
            assert_eq!(Path::parse(text).map(|p| p.to_string()), Ok(back.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_bad_path_says_where() {
        for (text, at) in [
            ("points.*", 0),
            ("", 0),
            ("$points", 1),
            ("$.a.", 3),
            ("$.a[", 3),
            ("$.*.*", 3),
            ("$['a", 1),
            ("$[-1]", 1),
        ] {
            assert_eq!(Path::parse(text).map_err(|e| e.at), Err(at), "{text}");
        }
    }
}
