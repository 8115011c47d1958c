//! Writes payloads of Sparkplug B for tests, as the specification has them and not by our reader. Never part of the
//! program.

/// A payload that grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
}

impl Payload {
    pub(crate) fn new() -> Self {
        let mut payload = Self::default();
        varint(&mut payload.bytes, 1, 1_777_622_400_000);
        payload
    }

    pub(crate) fn seq(mut self, number: u64) -> Self {
        varint(&mut self.bytes, 3, number);
        self
    }

    /// A metric by its name, its alias or both; type 0 is left out.
    fn metric(
        mut self,
        name: &str,
        alias: Option<u64>,
        datatype: u64,
        value: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let mut metric = Vec::new();
        if !name.is_empty() {
            bytes(&mut metric, 1, name.as_bytes());
        }
        if let Some(alias) = alias {
            varint(&mut metric, 2, alias);
        }
        if datatype > 0 {
            varint(&mut metric, 4, datatype);
        }
        value(&mut metric);
        bytes(&mut self.bytes, 2, &metric);
        self
    }

    pub(crate) fn int(self, name: &str, alias: Option<u64>, datatype: u64, value: u32) -> Self {
        self.metric(name, alias, datatype, |out| varint(out, 10, u64::from(value)))
    }

    pub(crate) fn long(self, name: &str, alias: Option<u64>, datatype: u64, value: u64) -> Self {
        self.metric(name, alias, datatype, |out| varint(out, 11, value))
    }

    pub(crate) fn double(self, name: &str, alias: Option<u64>, value: f64) -> Self {
        self.metric(name, alias, 10, |out| {
            key(out, 13, 1);
            out.extend_from_slice(&value.to_le_bytes());
        })
    }

    pub(crate) fn boolean(self, name: &str, value: bool) -> Self {
        self.metric(name, None, 11, |out| varint(out, 14, u64::from(value)))
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        self.metric(name, None, 12, |out| bytes(out, 15, value.as_bytes()))
    }
}

fn raw(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn key(out: &mut Vec<u8>, field: u64, wire: u64) {
    raw(out, field << 3 | wire);
}

fn varint(out: &mut Vec<u8>, field: u64, value: u64) {
    key(out, field, 0);
    raw(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, 2);
    raw(out, value.len() as u64);
    out.extend_from_slice(value);
}
