//! Payloads of Sparkplug B: protobuf, read in one pass and without a copy of the message. Only what is needed is read:
//! the moment, the sequence number and the metrics; what is not known is passed over, as protobuf wants it. Every length
//! is checked before it is used, and the number of metrics is bounded.
//!
//! As a path a payload looks like `{"timestamp": …, "seq": …, "metrics": {NAME: VALUE}}`. Numbers are points; text,
//! booleans, dates, data sets and templates are none, and neither are values that the device says are of the past.

use super::{Bounds, Decoded, Malformed, Member, PointReading, Text, Value};
use crate::reason::Reason;
use std::fmt::Write;

/// A metric as it came, for those who know the names behind the aliases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name; empty: it has only an alias.
    pub name: Text,
    /// The number that stands for its name.
    pub alias: Option<u64>,
    /// The number of its type in the specification; 0: the message does not say.
    pub datatype: u32,
    /// Its value, if that is a number.
    raw: Raw,
    /// Its value is of the past, or none.
    is_void: bool,
    /// Its place among the points.
    point: Option<u32>,
}

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Raw {
    None,
    Int(u32),
    Long(u64),
    Real(f64),
}

/// The metric that numbers the sessions of an edge node.
const SESSION: &str = "bdSeq";

/// Bytes that are being read.
struct Wire<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One field.
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8], usize),
}

type Read<T> = Result<T, Malformed>;

impl<'a> Wire<'a> {
    fn bad(&self) -> Malformed {
        Malformed { reason: Reason::Protobuf, at: self.at }
    }

    fn varint(&mut self) -> Read<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.bad())?;
            // The tenth byte holds the last bit.
            if shift == 63 && byte > 1 {
                return Err(self.bad());
            }
            self.at += 1;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.bad())
    }

    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or_else(|| self.bad())?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| self.bad())?;
        self.at = end;
        Ok(taken)
    }

    /// The next field with its number; none at the end.
    fn field(&mut self) -> Read<Option<(u64, Field<'a>)>> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let begin = self.at;
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(self.take(8)?.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| self.bad())?;
                let at = self.at;
                Field::Bytes(self.take(length)?, at)
            }
            5 => Field::Fixed32(self.take(4)?.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))),
            // Groups were given up before Sparkplug was.
            _ => return Err(Malformed { at: begin, ..self.bad() }),
        };
        // Field 0 does not exist: what looks like it is no protobuf, and most texts do.
        if key >> 3 == 0 {
            return Err(Malformed { at: begin, ..self.bad() });
        }
        Ok(Some((key >> 3, field)))
    }
}

impl Decoded {
    /// Reads a payload of Sparkplug B. `wants_session`: the number of the session is no point.
    pub(super) fn sparkplug(&mut self, payload: &[u8], wanted: Wanted, bounds: Bounds) -> Read<()> {
        let mut wire = Wire { bytes: payload, at: 0 };
        while let Some((number, field)) = wire.field()? {
            match (number, field) {
                (1, Field::Varint(moment)) if wanted.timestamp => self.timestamp = self.number(moment),
                (2, Field::Bytes(metric, at)) => self.metric(metric, at, bounds)?,
                (3, Field::Varint(number)) if wanted.sequence => self.sequence = self.number(number),
                _ => {}
            }
        }
        self.points_seen = !self.metrics.is_empty();
        Ok(())
    }

    fn number(&mut self, number: u64) -> Member {
        let start = self.strings.len();
        // Writing to a text cannot fail.
        let _ = write!(self.strings, "{number}");
        Member::Number(number as f64, super::span(start, self.strings.len(), true))
    }

    fn metric(&mut self, bytes: &[u8], at: usize, bounds: Bounds) -> Read<()> {
        let mut wire = Wire { bytes, at: 0 };
        let outer = |malformed: Malformed| Malformed { at: malformed.at + at, ..malformed };
        let mut metric = Metric {
            name: Text::default(),
            alias: None,
            datatype: 0,
            raw: Raw::None,
            is_void: false,
            point: None,
        };
        while let Some((number, field)) = wire.field().map_err(outer)? {
            match (number, field) {
                (1, Field::Bytes(name, within)) => {
                    let name = std::str::from_utf8(name).map_err(|error| Malformed {
                        reason: Reason::Encoding,
                        at: at + within + error.valid_up_to(),
                    })?;
                    metric.name = self.own(name);
                }
                (2, Field::Varint(alias)) => metric.alias = Some(alias),
                (4, Field::Varint(datatype)) => metric.datatype = u32::try_from(datatype).unwrap_or(u32::MAX),
                (5 | 7, Field::Varint(flag)) => metric.is_void |= flag != 0,
                #[expect(clippy::cast_possible_truncation, reason = "protobuf cuts a varint to 32 bits so")]
                (10, Field::Varint(int)) => metric.raw = Raw::Int(int as u32),
                (11, Field::Varint(long)) => metric.raw = Raw::Long(long),
                (12, Field::Fixed32(bits)) => metric.raw = Raw::Real(f64::from(f32::from_bits(bits))),
                (13, Field::Fixed64(bits)) => metric.raw = Raw::Real(f64::from_bits(bits)),
                _ => {}
            }
        }
        self.add_metric(metric, bounds);
        Ok(())
    }

    fn add_metric(&mut self, mut metric: Metric, bounds: Bounds) {
        let name = self.text("", metric.name);
        if name == SESSION {
            self.session = match metric.raw {
                Raw::Int(number) => Some(u64::from(number)),
                Raw::Long(number) => Some(number),
                Raw::None | Raw::Real(_) => None,
            };
            return;
        }
        if self.metrics.len() >= bounds.points_max {
            self.points_refused += 1;
            return;
        }
        let value = metric.value(metric.datatype);
        if let Some(value) = value {
            let name = self.point_of(&metric);
            metric.point =
                self.begin_point("", name, bounds.points_max).and_then(|at| u32::try_from(at).ok());
            if let Some(point) = metric.point.and_then(|at| self.points.get_mut(at as usize)) {
                *point = PointReading { name, value: Value::Number(value), matched: true, ..*point };
            }
        }
        self.metrics.push(metric);
    }

    /// The name by which a metric is known for now.
    fn point_of(&mut self, metric: &Metric) -> Text {
        let is_named = !self.text("", metric.name).is_empty();
        let Some(alias) = metric.alias.filter(|_| !is_named) else { return metric.name };
        let start = self.strings.len();
        let _ = write!(self.strings, "alias:{alias}");
        super::span(start, self.strings.len(), true)
    }

    /// Names the metrics that came with an alias alone, and reads their values by the types that were told once; gives how
    /// many aliases nobody knows.
    pub fn resolve<'n>(&mut self, known: impl Fn(u64) -> Option<(&'n str, u32)>) -> u64 {
        let mut unknown = 0;
        for at in 0..self.metrics.len() {
            let metric = self.metrics[at];
            let Some(alias) = metric.alias.filter(|_| self.text("", metric.name).is_empty()) else {
                continue;
            };
            let Some((name, datatype)) = known(alias) else {
                unknown += 1;
                continue;
            };
            let name = self.own(name);
            self.metrics[at].name = name;
            let datatype = if metric.datatype == 0 { datatype } else { metric.datatype };
            let Some(point) = metric.point.and_then(|at| self.points.get_mut(at as usize)) else { continue };
            point.name = name;
            point.value = metric.value(datatype).map_or(Value::Absent, Value::Number);
        }
        unknown
    }

    /// The metrics, as they came.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The name of a metric; empty: it has only an alias.
    pub fn metric_name(&self, metric: &Metric) -> &str {
        self.text("", metric.name)
    }

    /// The number of the session, where the payload has one.
    pub fn session(&self) -> Option<u64> {
        self.session
    }
}

/// What is asked for beside the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) timestamp: bool,
    pub(super) sequence: bool,
}

impl Metric {
    /// The number, by the type that it is of; none for what is no measurement. Signed numbers are written as what they are
    /// in two's complement; where nobody told the type, a number that large is taken for a negative one.
    fn value(&self, datatype: u32) -> Option<f64> {
        if self.is_void {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "the specification writes signed numbers as unsigned ones of their width"
        )]
        match (datatype, self.raw) {
            // Int8, Int16, Int32, Int64.
            (1, Raw::Int(int)) => Some(f64::from(int as i8)),
            (2, Raw::Int(int)) => Some(f64::from(int as i16)),
            (0 | 3 | 4, Raw::Int(int)) => Some(f64::from(int as i32)),
            (4 | 0, Raw::Long(long)) => Some(long as i64 as f64),
            // UInt8 to UInt64; some write the small ones into the large field.
            (5..=8, Raw::Int(int)) => Some(f64::from(int)),
            (1..=3, Raw::Long(long)) => Some(f64::from(long as i32)),
            (5..=8, Raw::Long(long)) => Some(long as f64),
            // Float, Double.
            (0 | 9 | 10, Raw::Real(real)) => Some(real).filter(|real| real.is_finite()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::super::testing::Payload;
    use super::*;
    use crate::names::Pattern;
    use crate::rules::{Format, StreamRules};

    const BOUNDS: Bounds = Bounds { depth_max: 8, points_max: 4 };

    fn read(payload: &[u8]) -> Result<Vec<(String, Value)>, Malformed> {
        let mut rules = StreamRules::new("s", Pattern::parse("{device}").unwrap());
        rules.format = Format::Sparkplug;
        let mut decoded = Decoded::default();
        decoded.read(payload, &Plan::new(&rules), BOUNDS)?;
        let point = |point: &PointReading| (decoded.text("", point.name).to_owned(), point.value);
        Ok(decoded.points.iter().map(point).collect())
    }

    #[test]
    fn a_number_is_read_by_its_type() {
        let minus = (-5i64).cast_unsigned();
        for (payload, value) in [
            (Payload::new().int("x", None, 1, 0xFB), Some(-5.0)),
            (Payload::new().int("x", None, 1, 0xFFFF_FFFB), Some(-5.0)),
            (Payload::new().int("x", None, 2, 0xFFFB), Some(-5.0)),
            (Payload::new().int("x", None, 3, 0xFFFF_FFFB), Some(-5.0)),
            (Payload::new().long("x", None, 4, minus), Some(-5.0)),
            (Payload::new().int("x", None, 7, 0xFFFF_FFFB), Some(4_294_967_291.0)),
            (Payload::new().long("x", None, 7, 0xFFFF_FFFB), Some(4_294_967_291.0)),
            (Payload::new().long("x", None, 8, u64::MAX), Some(18_446_744_073_709_551_615.0)),
            (Payload::new().int("x", None, 0, 0xFFFF_FFFB), Some(-5.0)),
            (Payload::new().double("x", None, 1.5), Some(1.5)),
            (Payload::new().double("x", None, f64::NAN), None),
            (Payload::new().long("x", None, 13, 5), None),
            (Payload::new().boolean("x", true), None),
            (Payload::new().text("x", "5"), None),
        ] {
            let found = read(&payload.bytes).unwrap();
            assert_eq!(found.first().map(|found| found.1), value.map(Value::Number), "{payload:?}");
        }
    }

    #[test]
    fn what_is_cut_or_wrong_says_where() {
        let whole = Payload::new().seq(3).double("temperature", Some(7), 21.5).bytes;
        for end in 1..whole.len() {
            // Cut between two fields it is whole, and says less.
            if let Err(bad) = read(&whole[..end]) {
                assert!(bad.reason == Reason::Protobuf && bad.at <= end, "{bad:?}");
            }
        }
        assert_eq!(read(b"{\"a\":1}").map_err(|bad| (bad.reason, bad.at)), Err((Reason::Protobuf, 0)));
        assert_eq!(read(&[0x12, 4, 0x0A, 2, b'a', 0xFF]).map_err(|bad| bad.at), Err(5));
        assert_eq!(read(b""), Ok(vec![]));
    }

    #[test]
    fn there_are_no_more_points_than_may_be() {
        let many = (0..9).fold(Payload::new(), |all, n| all.double(&format!("m{n}"), None, 1.0));
        assert_eq!(read(&many.bytes).unwrap().len(), 4);
        let twice = Payload::new().double("x", None, 1.0).double("x", None, 2.0);
        assert_eq!(read(&twice.bytes), Ok(vec![("x".to_owned(), Value::Number(2.0))]));
    }
}
