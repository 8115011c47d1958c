//! Reads of an X.509 certificate what an operator asks about: whom it names, who signed it, from when to when it holds.
//! Pure, and made for bytes that anybody may have sent: every length is checked. Nothing here may judge whether to
//! trust; that is the business of a verifier.

use crate::time::Wall;

mod der;

use der::{Reader, tag};

/// Names of one certificate that are kept.
const NAMES_MAX: usize = 32;
/// `2.5.4.3`, `2.5.4.10`: common name and organization.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
/// `2.5.29.17`: further names of the subject.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Common name of whom it is for, else its organization, else empty. Chosen by whoever made it.
    pub subject: String,
    /// The same of who signed it.
    pub issuer: String,
    /// Subject and issuer are the same: an authority, or signed by nobody else.
    pub is_self_issued: bool,
    /// Host names and addresses it is for, as they are written; at most 32.
    pub names: Vec<String>,
    /// It holds from here,
    pub not_before: Wall,
    /// to here.
    pub not_after: Wall,
}

impl Certificate {
    /// Reads the DER form; none: these bytes are no certificate.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        let mut outer = Reader(der).inner(tag::SEQUENCE)?;
        let mut body = outer.inner(tag::SEQUENCE)?;
        // The version; absent in the first one.
        body.optional(tag::CONTEXT_0);
        body.take(tag::INTEGER)?;
        body.take(tag::SEQUENCE)?;
        let issuer = body.take(tag::SEQUENCE)?;
        let mut validity = body.inner(tag::SEQUENCE)?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = body.take(tag::SEQUENCE)?;
        body.take(tag::SEQUENCE)?;
        body.optional(tag::CONTEXT_1);
        body.optional(tag::CONTEXT_2);
        let names = body.optional(tag::CONTEXT_3).and_then(alternative_names).unwrap_or_default();
        Some(Self {
            subject: called(subject),
            issuer: called(issuer),
            is_self_issued: subject == issuer,
            names,
            not_before,
            not_after,
        })
    }
}

/// The common name in a distinguished name, else the organization.
fn called(name: &[u8]) -> String {
    let find = |wanted: &[u8]| {
        let mut sets = Reader(name);
        while let Some(mut set) = sets.inner(tag::SET) {
            while let Some(mut pair) = set.inner(tag::SEQUENCE) {
                let (Some(kind), Some((_, text))) = (pair.take(tag::OBJECT), pair.any()) else { break };
                if kind == wanted {
                    return Some(plain(text));
                }
            }
        }
        None
    };
    find(COMMON_NAME).or_else(|| find(ORGANIZATION)).unwrap_or_default()
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut list = Reader(extensions).inner(tag::SEQUENCE)?;
    while let Some(mut extension) = list.inner(tag::SEQUENCE) {
        let kind = extension.take(tag::OBJECT)?;
        extension.optional(tag::BOOLEAN);
        let value = extension.take(tag::OCTETS)?;
        if kind == SUBJECT_ALT_NAME {
            return Some(listed(Reader(value).inner(tag::SEQUENCE)?));
        }
    }
    None
}

fn listed(mut names: Reader<'_>) -> Vec<String> {
    let mut found = Vec::new();
    while let Some((kind, value)) = names.any().filter(|_| found.len() < NAMES_MAX) {
        match kind {
            tag::DNS_NAME => found.push(plain(value)),
            tag::IP_ADDRESS => found.extend(address(value)),
            _ => {}
        }
    }
    found
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = |bytes: [u8; 4]| core::net::Ipv4Addr::from(bytes).to_string();
    let sixteen = |bytes: [u8; 16]| core::net::Ipv6Addr::from(bytes).to_string();
    bytes.try_into().map(four).or_else(|_| bytes.try_into().map(sixteen)).ok()
}

/// What a stranger chose, so that it can be shown on one line.
fn plain(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().take(128).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests;
