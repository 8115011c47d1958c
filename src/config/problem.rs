//! What is wrong with the configuration, where, and what to write instead. All problems are collected before
//! the first is shown. Nothing here may print a secret: source lines are masked before they are kept.

use super::mask;
use super::tree::Place;
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// The config file as read.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// As the user named it.
    pub(crate) path: PathBuf,
    /// Its whole text.
    pub(crate) text: String,
}

/// Why a value is refused; the place and the key are known where it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) cure: String,
}

/// A fault of this cause and cure.
pub(crate) fn fault(cause: impl Into<String>, cure: impl Into<String>) -> Fault {
    Fault { cause: cause.into(), cure: cure.into() }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The file, the environment variable or the flag.
    pub(crate) source: String,
    /// Line and column in the file, both from 1.
    pub(crate) line_column: Option<(usize, usize)>,
    /// The masked line, and how many characters to underline.
    pub(crate) excerpt: Option<(String, usize)>,
    /// The key with its path, such as `broker[0].url`; empty where there is none.
    pub(crate) key: String,
    /// What is wrong.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) cure: String,
}

impl Problem {
    /// A problem of a whole source, such as a file that cannot be read.
    pub(crate) fn of_source(source: impl Into<String>, key: &str, fault: Fault) -> Self {
        Self {
            source: source.into(),
            line_column: None,
            excerpt: None,
            key: key.to_owned(),
            cause: fault.cause,
            cure: fault.cure,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        writeln!(f, "error: {key}{}", self.cause)?;
        let Some((line, column)) = self.line_column else {
            writeln!(f, "  --> {}", self.source)?;
            return write!(f, "   = cure: {}", self.cure);
        };
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        writeln!(f, "{gutter} --> {}:{line}:{column}", self.source)?;
        if let Some((text, length)) = &self.excerpt {
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{number} | {text}")?;
            let lead: String =
                text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            writeln!(f, "{gutter} | {lead}{}", "^".repeat(*length))?;
        }
        write!(f, "{gutter} = cure: {}", self.cure)
    }
}

/// Everything that is wrong, in the order of the file; never empty.
#[derive(Clone, Debug)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}\n")?;
        }
        match self.0.len() {
            1 => f.write_str("1 problem in the configuration"),
            many => write!(f, "{many} problems in the configuration"),
        }
    }
}

impl std::error::Error for Problems {}

/// Where problems and warnings are collected while the configuration is read.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    file: Option<&'a SourceFile>,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Ledger<'a> {
    /// Empty.
    pub(crate) fn new(file: Option<&'a SourceFile>) -> Self {
        Self { file, problems: RefCell::default(), warnings: RefCell::default() }
    }

    /// Notes a problem.
    pub(crate) fn refuse(&self, place: &Place, key: &str, fault: Fault) {
        let mut problem = Problem::of_source(self.source(place), key, fault);
        if let (Place::File(span), Some(file)) = (place, self.file) {
            let (line, column, text) = locate(&file.text, span.start);
            problem.line_column = Some((line, column));
            let after = text.chars().count().saturating_sub(column - 1);
            let length = file.text.get(span.clone()).map_or(1, |marked| marked.chars().count());
            // Where masking moved the text, an arrow would point at nothing.
            problem.excerpt =
                (mask::line(text) == text).then(|| (text.to_owned(), length.clamp(1, after.max(1))));
        }
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Notes something valid that deserves a word.
    pub(crate) fn warn(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }

    /// The warnings, or all problems in the order of the file.
    pub(crate) fn close(&self) -> Result<Vec<String>, Problems> {
        let mut problems = self.problems.take();
        if problems.is_empty() {
            return Ok(self.warnings.take());
        }
        problems.sort_by_key(|problem| (problem.line_column.is_none(), problem.line_column));
        Err(Problems(problems))
    }

    /// The folder that relative paths of the file start from.
    pub(crate) fn folder(&self) -> &Path {
        self.file.and_then(|file| file.path.parent()).unwrap_or(Path::new(""))
    }

    fn source(&self, place: &Place) -> String {
        match (place, self.file) {
            (Place::Env(name), _) => format!("environment variable {name}"),
            (Place::Flag(name), _) => format!("flag {name}"),
            (_, Some(file)) => file.path.display().to_string(),
            (_, None) => "the configuration".to_owned(),
        }
    }
}

/// Line and column (in characters, from 1) of a byte, and its line.
fn locate(text: &str, at: usize) -> (usize, usize, &str) {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[..start].matches('\n').count() + 1;
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    (line, text[start..at].chars().count() + 1, text[start..end].trim_end_matches('\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_with_its_line_and_cure() {
        let file = SourceFile { path: "w.toml".into(), text: "a = 1\nübel = \"30x\"\n".into() };
        let ledger = Ledger::new(Some(&file));
        ledger.refuse(&Place::File(14..19), "broker[0].keep_alive", fault("«30x» is bad", "write 30s"));
        let shown = ledger.close().unwrap_err().to_string();
        let expected = "error: broker[0].keep_alive: «30x» is bad\n  --> w.toml:2:8\n  |\n\
                        2 | übel = \"30x\"\n  |        ^^^^^\n  = cure: write 30s\n\n\
                        1 problem in the configuration";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_line_with_a_secret_is_not_shown() {
        for text in ["password = 'hunter2'", "url = 'mqtt://u:hunter2@h'", "a = { token='hunter2' }"] {
            let file = SourceFile { path: "w.toml".into(), text: text.into() };
            let ledger = Ledger::new(Some(&file));
            ledger.refuse(&Place::File(0..3), "x", fault("c", "d"));
            let shown = ledger.close().unwrap_err().to_string();
            assert!(!shown.contains("hunter2") && shown.contains("w.toml:1:1"), "{shown}");
        }
    }

    #[test]
    fn a_place_beyond_the_text_is_its_end() {
        assert_eq!(locate("a\nb", 99), (2, 2, "b"));
        assert_eq!(locate("", 0), (1, 1, ""));
    }
}
