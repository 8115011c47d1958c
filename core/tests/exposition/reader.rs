//! A strict reader of both text formats: it panics at whatever a scraper would refuse, and at every family or
//! series that comes twice.

use std::collections::{HashMap, HashSet};
use watchkeeper_core::sample::Exposition;

/// What was read.
pub(crate) struct Reader {
    /// Series with their labels, and their values.
    pub(crate) series: HashMap<String, f64>,
}

impl Reader {
    pub(crate) fn read(text: &str, exposition: Exposition) -> Self {
        let mut reader = Self { series: HashMap::new() };
        let mut families: HashSet<&str> = HashSet::new();
        let (mut family, mut kind) = ("", "");
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').peekable();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                family = rest.split(' ').next().unwrap();
                assert!(families.insert(family), "the family {family} comes twice");
                let next = lines.next().unwrap();
                kind = next.strip_prefix(&format!("# TYPE {family} ")).unwrap();
                assert!(lines.peek().is_some_and(|line| line.starts_with(family)), "{family} is empty");
            } else if line == "# EOF" {
                assert!(exposition == Exposition::OpenMetrics && lines.peek().is_none());
            } else {
                reader.sample(line, family, kind, exposition);
            }
        }
        assert!(exposition == Exposition::Text || text.ends_with("# EOF\n"));
        reader
    }

    fn sample(&mut self, line: &str, family: &str, kind: &str, exposition: Exposition) {
        let name_end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(name_end);
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        let allowed: &[&str] = match (kind, exposition) {
            ("counter", Exposition::OpenMetrics) => &["_total"],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            ("counter" | "gauge", _) => &[""],
            _ => panic!("{kind} is no type"),
        };
        assert!(allowed.contains(&suffix), "{line}");
        assert!(kind != "counter" || name.ends_with("_total"), "{line}");
        let labels = if rest.starts_with('{') { labels(rest) } else { 0 };
        let value = rest[labels..].strip_prefix(' ').unwrap();
        let number: f64 = value.replace("Inf", "inf").parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(kind != "counter" || number >= 0.0, "{line}");
        let series = line[..name_end + labels].to_owned();
        assert!(self.series.insert(series, number).is_none(), "the series comes twice: {line}");
    }

    /// The series of one name.
    pub(crate) fn of(&self, name: &str) -> Vec<&str> {
        let mut all: Vec<&str> = self.series.keys().map(String::as_str).collect();
        all.retain(|series| series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        all.sort_unstable();
        all
    }

    /// The value of a name that has one series.
    pub(crate) fn one(&self, name: &str) -> f64 {
        match self.of(name)[..] {
            [series] => self.series[series],
            ref several => panic!("{several:?}"),
        }
    }
}

/// The length of the labels at the beginning, which must be written without a fault.
fn labels(text: &str) -> usize {
    let mut names = HashSet::new();
    let mut at = 0;
    while text.as_bytes()[at] != b'}' {
        at += 1;
        let name_end = at + text[at..].find("=\"").unwrap();
        let name = &text[at..name_end];
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{text}");
        assert!(names.insert(name), "the label {name} comes twice: {text}");
        at = name_end + 2;
        while text.as_bytes()[at] != b'"' {
            if text.as_bytes()[at] == b'\\' {
                at += 1;
                assert!(matches!(text.as_bytes()[at], b'\\' | b'"' | b'n'), "{text}");
            }
            at += 1;
        }
        at += 1;
        assert!(matches!(text.as_bytes()[at], b',' | b'}'), "{text}");
    }
    at + 1
}
