//! Lines of the audit log: whatever stands in a file, reading it never panics, and what is read as a record is written
//! as a line that is read as the same one.

use watchkeeper_audit::export::{self, Form};
use watchkeeper_audit::line::{Format, LINE_BYTES_MAX, encode, fields, is_escaped, parse, seq, ts};
use watchkeeper_audit::mask::Mask;

/// Lines, each for itself.
pub fn audit_line(bytes: &[u8]) {
    let mask = Mask::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let _ = (seq(line), ts(line));
        let text = String::from_utf8_lossy(line);
        assert!(fields(&text).count() <= text.len() + 1);
        let _ = mask.text(&text);
        let Ok(record) = parse(&text) else { continue };
        assert_eq!((seq(line), ts(line)), (Some(record.seq), Some(record.draft.ts)), "{text}");
        for format in [Format::Json, Format::Pipe] {
            let again = encode(&record.draft, format).line(record.seq);
            assert!(again.len() <= LINE_BYTES_MAX && again.ends_with('\n'));
            let again = again.trim_end_matches('\n');
            assert!(!again.chars().any(is_escaped), "{again:?}");
            let read = parse(again).unwrap_or_else(|damage| panic!("{damage}: {again}"));
            assert!(read == record || again.contains("trunc"), "{text}\n{again}");
            assert_eq!(encode(&read.draft, format).line(read.seq).trim_end_matches('\n'), again);
        }
        for form in Form::ALL {
            let mut out = Vec::new();
            export::write(*form, &text, "fuzz", &mut out).expect("a record has every form");
            assert_eq!(out.split(|byte| *byte == b'\n').count(), 2, "{form:?} {text}");
        }
    }
}
