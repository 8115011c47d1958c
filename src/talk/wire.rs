//! The few packets of MQTT that are spoken here, built and read byte by byte: a diagnosis needs the codes as they came,
//! and answers that no library would let through. Pure; nothing here may trust a length.

/// What we retain lies at somebody's broker; should we never come back to take it away, it is gone after so many seconds.
const RETAINED_SECONDS: u32 = 120;

/// What a packet is: the high half of its first byte.
pub(crate) mod kind {
    pub(crate) const CONNACK: u8 = 2;
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const PUBACK: u8 = 4;
    pub(crate) const PUBREC: u8 = 5;
    pub(crate) const PUBREL: u8 = 6;
    pub(crate) const PUBCOMP: u8 = 7;
    pub(crate) const SUBACK: u8 = 9;
    pub(crate) const UNSUBACK: u8 = 11;
    pub(crate) const DISCONNECT: u8 = 14;
}

/// A packet as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) body: Vec<u8>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) pkid: u16,
}

/// What a broker says when it lets us in, or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one property of the packet")]
pub(crate) struct ConnAck {
    pub(crate) code: u8,
    /// The broker had kept our session.
    pub(crate) resumed: bool,
    /// The broker's words; its own to choose.
    pub(crate) reason: Option<String>,
    pub(crate) receive_max: Option<u16>,
    pub(crate) packet_max: Option<u32>,
    pub(crate) qos_max: Option<u8>,
    pub(crate) no_retain: bool,
    pub(crate) no_wildcards: bool,
    pub(crate) no_shared: bool,
    pub(crate) keep_alive: Option<u16>,
    pub(crate) session_seconds: Option<u32>,
}

/// What becomes of a session when its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// It is a new one and ends, too.
    Passing,
    /// It goes on where it was, and is kept for so many seconds; in 3.1.1 as long as the broker likes.
    Kept(u32),
}

/// CONNECT.
pub(crate) fn connect(
    v5: bool,
    id: &str,
    login: Option<(&str, &str)>,
    keep_alive: u16,
    session: Session,
) -> Vec<u8> {
    let mut body = text("MQTT");
    body.push(if v5 { 5 } else { 4 });
    let clean = if session == Session::Passing { 0x02 } else { 0 };
    body.push(clean | if login.is_some() { 0xc0 } else { 0 });
    body.extend(keep_alive.to_be_bytes());
    match session {
        Session::Kept(seconds) if v5 => {
            body.extend([5, 0x11]);
            body.extend(seconds.to_be_bytes());
        }
        _ if v5 => body.push(0),
        _ => {}
    }
    body.extend(text(id));
    for part in login.iter().flat_map(|(user, password)| [user, password]) {
        body.extend(text(part));
    }
    packet(0x10, &body)
}

/// SUBSCRIBE for one filter.
pub(crate) fn subscribe(v5: bool, pkid: u16, filter: &str, qos: u8) -> Vec<u8> {
    let mut body = pkid.to_be_bytes().to_vec();
    if v5 {
        body.push(0);
    }
    body.extend(text(filter));
    body.push(qos);
    packet(0x82, &body)
}

/// UNSUBSCRIBE from one filter.
pub(crate) fn unsubscribe(v5: bool, pkid: u16, filter: &str) -> Vec<u8> {
    let mut body = pkid.to_be_bytes().to_vec();
    if v5 {
        body.push(0);
    }
    body.extend(text(filter));
    packet(0xa2, &body)
}

/// PUBLISH. In MQTT 5 what is retained expires; in 3.1.1 nothing does.
pub(crate) fn publish(v5: bool, message: &Message) -> Vec<u8> {
    let mut body = text(&message.topic);
    if message.qos > 0 {
        body.extend(message.pkid.to_be_bytes());
    }
    if v5 && message.retain && !message.payload.is_empty() {
        body.extend([5, 0x02]);
        body.extend(RETAINED_SECONDS.to_be_bytes());
    } else if v5 {
        body.push(0);
    }
    body.extend(&message.payload);
    packet(0x30 | message.qos << 1 | u8::from(message.retain), &body)
}

/// PUBACK and its kin, always without a reason.
pub(crate) fn ack(kind: u8, pkid: u16) -> Vec<u8> {
    packet(kind << 4 | if kind == kind::PUBREL { 2 } else { 0 }, &pkid.to_be_bytes())
}

/// DISCONNECT.
pub(crate) fn disconnect() -> Vec<u8> {
    vec![0xe0, 0]
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let seven = u8::try_from(rest % 128).unwrap_or(0);
        rest /= 128;
        bytes.push(seven | if rest > 0 { 0x80 } else { 0 });
        if rest == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// What is longer is cut: no name here is.
fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), &text.as_bytes()[..usize::from(length)]].concat()
}

/// Whether the first packet of a broker may begin so; no text does.
pub(crate) fn may_answer(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first == kind::CONNACK << 4 || *first > 0x7f)
}

/// Takes the first packet out of what was read. None: more is needed. `Err`: no packet begins so.
pub(crate) fn take(bytes: &mut Vec<u8>) -> Result<Option<Packet>, ()> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let (mut length, mut at) = (0_usize, 1);
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        at += 1;
        match byte & 0x80 {
            0 => break,
            _ if at > 4 => return Err(()),
            _ => {}
        }
    }
    if first >> 4 == 0 {
        return Err(());
    }
    if bytes.len() < at + length {
        return Ok(None);
    }
    let rest = bytes.split_off(at + length);
    let body = std::mem::replace(bytes, rest).split_off(at);
    Ok(Some(Packet { kind: first >> 4, flags: first & 0x0f, body }))
}

impl Packet {
    /// CONNACK; the properties are there in MQTT 5 only.
    pub(crate) fn connack(&self) -> Option<ConnAck> {
        let [flags, code] = *self.body.first_chunk()?;
        let mut ack = ConnAck { code, resumed: flags & 1 == 1, ..ConnAck::default() };
        if let Some(properties) = properties(self.body.get(2..)?) {
            properties.for_each(|(id, value)| ack.learn(id, value));
        }
        Some(ack)
    }

    /// Packet id and code of the first filter in a SUBACK.
    pub(crate) fn suback(&self, v5: bool) -> Option<(u16, u8)> {
        let pkid = number(self.body.get(..2)?)?;
        let rest = self.body.get(2..)?;
        let codes = if v5 { after_properties(rest)? } else { rest };
        Some((pkid, *codes.first()?))
    }

    /// Packet id and code of an acknowledgement; where there is no code it is 0.
    pub(crate) fn ack(&self) -> Option<(u16, u8)> {
        Some((number(self.body.get(..2)?)?, self.body.get(2).copied().unwrap_or(0)))
    }

    /// A message.
    pub(crate) fn message(&self, v5: bool) -> Option<Message> {
        let length = usize::from(number(self.body.get(..2)?)?);
        let topic = String::from_utf8_lossy(self.body.get(2..2 + length)?).into_owned();
        let mut rest = self.body.get(2 + length..)?;
        let qos = self.flags >> 1 & 3;
        let mut pkid = 0;
        if qos > 0 {
            pkid = number(rest.get(..2)?)?;
            rest = rest.get(2..)?;
        }
        let payload = if v5 { after_properties(rest)? } else { rest };
        Some(Message { topic, payload: payload.to_vec(), qos, retain: self.flags & 1 == 1, pkid })
    }
}

impl ConnAck {
    fn learn(&mut self, id: u8, value: &[u8]) {
        let short = || number(value);
        let long = || value.try_into().map(u32::from_be_bytes).ok();
        let no = value == [0];
        match id {
            0x11 => self.session_seconds = long(),
            0x13 => self.keep_alive = short(),
            0x1f => self.reason = Some(String::from_utf8_lossy(value).into_owned()),
            0x21 => self.receive_max = short(),
            0x24 => self.qos_max = value.first().copied(),
            0x25 => self.no_retain = no,
            0x27 => self.packet_max = long(),
            0x28 => self.no_wildcards = no,
            0x2a => self.no_shared = no,
            _ => {}
        }
    }
}

fn number(two: &[u8]) -> Option<u16> {
    two.try_into().map(u16::from_be_bytes).ok()
}

/// The length of the properties, and where they begin.
fn measured(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut length, mut at) = (0_usize, 0);
    loop {
        let byte = bytes.get(at)?;
        length |= usize::from(byte & 0x7f) << (7 * at);
        at += 1;
        if byte & 0x80 == 0 {
            return Some((length, at));
        }
        if at == 4 {
            return None;
        }
    }
}

fn after_properties(bytes: &[u8]) -> Option<&[u8]> {
    let (length, at) = measured(bytes)?;
    bytes.get(at + length..)
}

fn properties(bytes: &[u8]) -> Option<impl Iterator<Item = (u8, &[u8])>> {
    let (length, at) = measured(bytes)?;
    let mut rest = bytes.get(at..at + length)?;
    Some(std::iter::from_fn(move || {
        let (&id, after) = rest.split_first()?;
        let (skip, length) = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => (0, 1),
            0x13 | 0x21..=0x23 => (0, 2),
            0x02 | 0x11 | 0x18 | 0x27 => (0, 4),
            0x26 => {
                let first = 2 + usize::from(number(after.get(..2)?)?);
                let second = 2 + usize::from(number(after.get(first..first + 2)?)?);
                (0, first + second)
            }
            _ => (2, usize::from(number(after.get(..2)?)?)),
        };
        let value = after.get(skip..skip + length)?;
        rest = &after[skip + length..];
        Some((id, value))
    }))
}

#[cfg(test)]
mod tests;
