//! A report for people and for programs. Names and texts in it are our own or made of numbers; nothing of a record
//! is ever shown, because whoever altered it chose it.

use super::report::{Report, Segment, State, Weight};
use serde_json::{Value, json};
use std::fmt::Write;

impl Report {
    /// One line a segment, then the findings, then the summary.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        if let Some(why) = &self.unusable {
            return format!("cannot verify: {why}\n");
        }
        for segment in &self.segments {
            // Writing into a string does not fail.
            let _ = writeln!(out, "{}  {}", segment.file, state(segment));
            if segment.unsealed > 0 {
                let _ = writeln!(out, "{}  UNSEALED TAIL ({} records)", segment.file, segment.unsealed);
            }
        }
        for finding in &self.findings {
            let of = if finding.file.is_empty() { "" } else { "  " };
            let _ = writeln!(out, "{}{of}{}{}", finding.file, weight(finding.weight), finding.text);
        }
        let _ =
            writeln!(out, "key {}", self.key.as_deref().unwrap_or("none at hand: no signature was checked"));
        if let Some(last) = self.last {
            let time = last.time.rfc3339();
            let _ = writeln!(out, "last checkpoint {time}, number {}, {} records", last.number, last.size);
        }
        let _ = writeln!(out, "{}", self.summary());
        let _ = writeln!(out, "{}", self.verdict());
        out
    }

    fn verdict(&self) -> &'static str {
        match self.exit() {
            0 => "all valid and sealed",
            1 => "TAMPERED OR MISSING",
            2 => "intact as far as can be told, but incomplete",
            _ => "cannot verify",
        }
    }

    /// The same as one object of JSON.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(
                |finding| json!({"weight": name(finding.weight), "file": finding.file, "text": finding.text}),
            )
            .collect();
        let last = self
            .last
            .map(|last| json!({"time": last.time.rfc3339(), "number": last.number, "size": last.size}));
        json!({
            "exit": self.exit(),
            "result": self.verdict().to_lowercase(),
            "error": self.unusable,
            "key": self.key,
            "segments": self.segments.iter().map(segment_json).collect::<Vec<_>>(),
            "checkpoints": {"valid": self.checkpoints_valid, "total": self.checkpoints, "last": last},
            "unsealed_records": self.unsealed(),
            "first_bad_seq": self.first_bad(),
            "findings": findings,
            "summary": self.summary(),
        })
    }
}

fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Tampered => "TAMPERED: ",
        Weight::Incomplete => "INCOMPLETE: ",
        Weight::Note => "note: ",
    }
}

fn name(weight: Weight) -> &'static str {
    match weight {
        Weight::Tampered => "tampered",
        Weight::Incomplete => "incomplete",
        Weight::Note => "note",
    }
}

fn state(segment: &Segment) -> String {
    let range = match segment.last {
        Some(last) => format!("seq {}..{last}", segment.first),
        None => "no records".to_owned(),
    };
    match &segment.state {
        State::Valid => format!("valid ({range})"),
        State::Invalid(flaw) => match flaw.to {
            None => {
                format!("INVALID (first bad seq {}, byte offset {}: {})", flaw.seq, flaw.offset, flaw.why)
            }
            Some(to) => format!(
                "INVALID (first bad seq in {}..{to}, byte offset from {}: {})",
                flaw.seq, flaw.offset, flaw.why
            ),
        },
        State::Missing => format!("MISSING ({range})"),
        State::Pruned { segments, proved } => {
            let proved = if *proved { "proved" } else { "not proved" };
            format!("PRUNED ({proved}; {segments} segments, {range})")
        }
        State::Unproved => format!("NOT PROVED ({range})"),
    }
}

fn segment_json(segment: &Segment) -> Value {
    let mut json = json!({
        "segment": segment.file,
        "first_seq": segment.first,
        "last_seq": segment.last,
        "bytes": segment.bytes,
        "unsealed_records": segment.unsealed,
    });
    json["state"] = match &segment.state {
        State::Valid => "valid".into(),
        State::Invalid(flaw) => {
            json["first_bad_seq"] = flaw.seq.into();
            json["first_bad_seq_to"] = flaw.to.unwrap_or(flaw.seq).into();
            json["byte_offset"] = flaw.offset.into();
            json["why"] = flaw.why.as_str().into();
            "invalid".into()
        }
        State::Missing => "missing".into(),
        State::Pruned { segments, proved } => {
            json["segments"] = (*segments).into();
            json["proved"] = (*proved).into();
            "pruned".into()
        }
        State::Unproved => "unproved".into(),
    };
    json
}

#[cfg(test)]
mod tests {
    use super::super::report::{Finding, Flaw, Last};
    use super::*;
    use watchkeeper_core::time::Wall;

    fn report() -> Report {
        let segment = |first: u64, state, unsealed| Segment {
            file: crate::folder::segment_name(first),
            first,
            last: Some(first + 9),
            bytes: 700,
            state,
            unsealed,
        };
        let flaw = |to| Flaw { seq: 25, to, offset: 350, why: "not the line that was signed".into() };
        Report {
            unusable: None,
            key: Some("watchkeeper/a+b+c".into()),
            segments: vec![
                segment(0, State::Pruned { segments: 2, proved: true }, 0),
                segment(10, State::Valid, 0),
                segment(20, State::Invalid(flaw(None)), 0),
                segment(30, State::Invalid(flaw(Some(27))), 0),
                segment(40, State::Missing, 0),
                segment(50, State::Unproved, 3),
            ],
            findings: vec![Finding {
                weight: Weight::Tampered,
                file: "manifest.jsonl".into(),
                text: "x".into(),
            }],
            checkpoints_valid: 7,
            checkpoints: 8,
            last: Some(Last { size: 47, number: 6, time: Wall(0) }),
        }
    }

    #[test]
    fn people_read_a_line_a_segment() {
        let text = "\
            audit-00000000000000000000.log  PRUNED (proved; 2 segments, seq 0..9)\n\
            audit-00000000000000000010.log  valid (seq 10..19)\n\
            audit-00000000000000000020.log  INVALID (first bad seq 25, byte offset 350: not the line that was signed)\n\
            audit-00000000000000000030.log  INVALID (first bad seq in 25..27, byte offset from 350: not the line that was signed)\n\
            audit-00000000000000000040.log  MISSING (seq 40..49)\n\
            audit-00000000000000000050.log  NOT PROVED (seq 50..59)\n\
            audit-00000000000000000050.log  UNSEALED TAIL (3 records)\n\
            manifest.jsonl  TAMPERED: x\n\
            key watchkeeper/a+b+c\n\
            last checkpoint 1970-01-01T00:00:00.000000Z, number 6, 47 records\n\
            1/5 segments valid, 7/8 checkpoints valid, 3 records after the last checkpoint, 2 segments pruned\n\
            TAMPERED OR MISSING\n";
        assert_eq!(report().to_text(), text);
        assert_eq!(Report::unusable("no folder").to_text(), "cannot verify: no folder\n");
    }

    #[test]
    fn programs_read_the_same() {
        let json = report().to_json();
        assert_eq!(json["exit"], 1);
        assert_eq!(json["first_bad_seq"], 25);
        assert_eq!(json["segments"][3]["first_bad_seq_to"], 27);
        assert_eq!(json["segments"][0]["proved"], true);
        assert_eq!(json["checkpoints"]["last"]["number"], 6);
        assert_eq!(json["findings"][0]["weight"], "tampered");
    }
}
