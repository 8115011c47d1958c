//! Redis, where an application keeps queues of devices: the lengths of lists, sorted sets and streams whose keys fit a
//! pattern. The client id is what `{client}` stands for, or the one `*`. Keys are looked for with SCAN, which holds
//! nobody up, and nothing here may read what is in them or write.

use super::dial::{Place, Trust, password};
use super::resp::{Conversation, Reply};
use super::{Asked, Source, Trouble};
use crate::queues::setting::Web;
use regex::bytes::Regex;
use secrecy::ExposeSecret;
use std::collections::HashSet;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::timeout;
use watchkeeper_core::queues::gather::Gather;
use watchkeeper_core::queues::{Queue, Reading, client_id};
use watchkeeper_core::time::Wall;

/// Until all keys are seen.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// More keys than these are not looked at.
const KEYS_MAX: usize = 1_000_000;
/// Keys that Redis looks at in one step.
const STEP: &[u8] = b"1000";
/// The word for the client in a pattern.
const CLIENT: &str = "{client}";

pub(super) struct Redis {
    web: Web,
    keys: Keys,
    trust: Trust,
    limit: usize,
}

/// A pattern as Redis takes it, and as we read keys by it.
#[derive(Debug)]
struct Keys {
    glob: String,
    regex: Regex,
}

impl Redis {
    pub(super) fn new(web: &Web, pattern: &str, limit: usize) -> Result<Self, Trouble> {
        Ok(Self { web: web.clone(), keys: Keys::parse(pattern)?, trust: Trust::default(), limit })
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        let place = Place::parse(&self.web.url, &[("redis", 6379), ("rediss", 6379)])?;
        timeout(ANSWER_MAX, self.ask(&place)).await.unwrap_or_else(|_| {
            Err(Trouble::new(
                format!("{} did not tell its keys within {} s", place.shown(), ANSWER_MAX.as_secs()),
                "every key of the database is looked at: keep queues in a database of their own (redis://host:port/1)",
            ))
        })
    }

    async fn ask(&self, place: &Place) -> Result<Reading, Trouble> {
        let tls = if place.scheme == "rediss" { Some(self.trust.config()?) } else { None };
        let mut talk = Conversation::new(place.dial(tls).await?, place.shown());
        self.greet(&mut talk, place).await?;
        let mut gather = Gather::new(self.limit);
        let (mut seen, mut odd) = (HashSet::new(), None);
        let mut cursor = b"0".to_vec();
        loop {
            let scan = vec![b"SCAN", &cursor[..], b"MATCH", self.keys.glob.as_bytes(), b"COUNT", STEP];
            let (next, mut found) = page(talk.one(scan).await?, place)?;
            found.retain(|key| seen.insert(key.clone()));
            if seen.len() > KEYS_MAX {
                return Err(Trouble::new(
                    format!("more than {KEYS_MAX} keys of {} fit the pattern", place.shown()),
                    "make the pattern narrower",
                ));
            }
            lengths(&mut talk, &self.keys, &found, &mut gather, &mut odd).await?;
            cursor = next;
            if cursor == b"0" {
                break;
            }
        }
        let reading = gather.finish(None);
        match odd {
            Some(kind) if reading.queues.is_empty() => Err(Trouble::new(
                format!("the keys of {} that fit the pattern are of type {kind}", place.shown()),
                "lists, sorted sets and streams have a length that is a depth",
            )),
            _ => Ok(reading),
        }
    }

    async fn greet(&self, talk: &mut Conversation, place: &Place) -> Result<(), Trouble> {
        if let Some(password) = password(self.web.password_file.as_ref()).await? {
            let password = password.expose_secret().as_bytes();
            let words = match &self.web.username {
                Some(name) => vec![b"AUTH", name.as_bytes(), password],
                None => vec![b"AUTH", password],
            };
            talk.greet(words).await?;
        }
        let database = place.path.trim_start_matches('/');
        if !database.is_empty() {
            talk.one(vec![b"SELECT", database.as_bytes()]).await?;
        }
        Ok(())
    }
}

/// The next cursor, and the keys of a step.
fn page(reply: Reply, place: &Place) -> Result<(Vec<u8>, Vec<Vec<u8>>), Trouble> {
    let strange =
        || Trouble::new(format!("{} answers SCAN strangely", place.shown()), "check the server's version");
    let Reply::Array(mut members) = reply else { return Err(strange()) };
    let (Some(Reply::Array(keys)), Some(Reply::Text(cursor))) = (members.pop(), members.pop()) else {
        return Err(strange());
    };
    let keys = keys.into_iter().filter_map(|key| if let Reply::Text(key) = key { Some(key) } else { None });
    Ok((cursor, keys.collect()))
}

/// Asks for the types of all these keys at once, then for their lengths.
async fn lengths(
    talk: &mut Conversation,
    keys: &Keys,
    found: &[Vec<u8>],
    gather: &mut Gather,
    odd: &mut Option<String>,
) -> Result<(), Trouble> {
    let types: Vec<Vec<&[u8]>> = found.iter().map(|key| vec![&b"TYPE"[..], key]).collect();
    let mut commands = Vec::new();
    let mut asked = Vec::new();
    for (key, kind) in found.iter().zip(talk.ask(&types).await?) {
        let Reply::Text(kind) = talk.good(kind)? else { continue };
        let command: &[u8] = match &kind[..] {
            b"list" => b"LLEN",
            b"zset" => b"ZCARD",
            b"stream" => b"XLEN",
            // It went away between the two questions.
            b"none" => continue,
            other => {
                *odd = Some(client_id(other));
                continue;
            }
        };
        commands.push(vec![command, key]);
        asked.push(key);
    }
    for (key, length) in asked.into_iter().zip(talk.ask(&commands).await?) {
        // A key that became something else meanwhile is odd and no trouble.
        if matches!(&length, Reply::Error(words) if words.starts_with("WRONGTYPE")) {
            continue;
        }
        let (Reply::Integer(length), Some(client)) = (talk.good(length)?, keys.client(key)) else { continue };
        let depth = u64::try_from(length).ok();
        gather.add(Queue { client_id: client, depth, ..Queue::default() });
    }
    Ok(())
}

impl Keys {
    fn parse(pattern: &str) -> Result<Self, Trouble> {
        let cure = "write the place of the client id as {client}, such as queue:{client}:*";
        let named = pattern.matches(CLIENT).count();
        let stars = pattern.replace("\\*", "").matches('*').count();
        if named > 1 || (named == 0 && stars != 1) {
            return Err(Trouble::new("the pattern of Redis keys does not say where the client id is", cure));
        }
        let regex = if named == 1 { regex(pattern, "(.*)", ".*") } else { regex(pattern, "", "(.*)") };
        let regex = Regex::new(&regex)
            .map_err(|_| Trouble::new("the pattern of Redis keys cannot be read", "check its brackets"))?;
        Ok(Self { glob: pattern.replace(CLIENT, "*"), regex })
    }

    fn client(&self, key: &[u8]) -> Option<String> {
        self.regex.captures(key)?.get(1).map(|found| client_id(found.as_bytes()))
    }
}

/// The pattern as a regular expression over bytes.
fn regex(pattern: &str, client: &str, star: &str) -> String {
    let mut regex = String::from("(?s-u)\\A");
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(CLIENT) {
            regex.push_str(client);
            rest = after;
            continue;
        }
        rest = &rest[next.len_utf8()..];
        match next {
            '*' => regex.push_str(star),
            '?' => regex.push('.'),
            '[' => {
                let (class, after) = rest.split_once(']').unwrap_or((rest, ""));
                // Writing into a String cannot fail.
                let _ = write!(regex, "[{}]", class.replace('[', "\\[").replace("&&", "&\\&"));
                rest = after;
            }
            '\\' => {
                let escaped = rest.chars().next().unwrap_or('\\');
                rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
                bytes(&mut regex, escaped);
            }
            other => bytes(&mut regex, other),
        }
    }
    regex + "\\z"
}

/// A letter as the bytes it is.
fn bytes(regex: &mut String, letter: char) {
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        // Writing into a String cannot fail.
        let _ = write!(regex, "\\x{byte:02X}");
    }
}

impl Source for Redis {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(pattern: &str, key: &[u8]) -> Option<String> {
        Keys::parse(pattern).unwrap().client(key)
    }

    #[test]
    fn the_client_is_what_the_star_or_the_word_stands_for() {
        let cases: [(&str, &[u8], Option<&str>); 10] = [
            ("queue:*", b"queue:dev-1", Some("dev-1")),
            ("queue:*", b"queue:", Some("")),
            ("queue:*", b"other:dev-1", None),
            ("q.*:out", b"q.a:b\nc:out", Some("a:b\nc")),
            ("q:{client}:*", b"q:dev:1:high", Some("dev:1")),
            ("*:{client}:queue", b"site:dev:queue", Some("dev")),
            ("q[ab]?:{client}", b"qaz:dev", Some("dev")),
            ("q\\*:*", b"q*:dev", Some("dev")),
            ("\u{e9}:*", "\u{e9}:d\u{e9}v".as_bytes(), Some("d\u{e9}v")),
            ("queue:*", b"queue:\xFF\"", Some("\\xFF\"")),
        ];
        for (pattern, key, wanted) in cases {
            assert_eq!(client(pattern, key).as_deref(), wanted, "{pattern}");
        }
        assert_eq!(Keys::parse("q:{client}:*").unwrap().glob, "q:*:*");
        for wrong in ["queue", "a:*:b:*", "{client}{client}"] {
            assert!(Keys::parse(wrong).unwrap_err().cure.contains("{client}"), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in "\\PC{0,20}", key: Vec<u8>) {
            let _ = Keys::parse(&pattern).map(|keys| keys.client(&key));
        }
    }
}
