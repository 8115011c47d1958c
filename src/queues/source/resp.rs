//! The protocol of Redis, as much of it as is needed to ask: commands go out many at once, and their answers come in the
//! same order. It is so small that a library would be more to look after. Every length is bounded before it is believed.

use super::Trouble;
use super::dial::Stream;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// One string: a key, a cursor.
const BULK_BYTES_MAX: u64 = 1024 * 1024;
/// Members of one array.
const ARRAY_MAX: u64 = 1_000_000;
/// What stands before the first end of a line.
const LINE_BYTES_MAX: u64 = 64 * 1024;
const DEPTH_MAX: usize = 4;
/// All that is read in one conversation.
const BYTES_MAX: u64 = 512 * 1024 * 1024;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Text(Vec<u8>),
    Integer(i64),
    Error(String),
    Array(Vec<Reply>),
    Nil,
}

/// A connection.
pub(super) struct Conversation {
    stream: BufReader<Box<dyn Stream>>,
    shown: String,
    /// So much more may be read.
    left: u64,
}

impl Conversation {
    pub(super) fn new(stream: Box<dyn Stream>, shown: String) -> Self {
        Self { stream: BufReader::new(stream), shown, left: BYTES_MAX }
    }

    /// Asks all of them, and returns as many answers.
    pub(super) async fn ask(&mut self, commands: &[Vec<&[u8]>]) -> Result<Vec<Reply>, Trouble> {
        let mut bytes = Vec::new();
        for command in commands {
            bytes.extend(format!("*{}\r\n", command.len()).into_bytes());
            for word in command {
                bytes.extend(format!("${}\r\n", word.len()).into_bytes());
                bytes.extend_from_slice(word);
                bytes.extend_from_slice(b"\r\n");
            }
        }
        self.stream.get_mut().write_all(&bytes).await.map_err(|error| self.broken(&error))?;
        self.stream.get_mut().flush().await.map_err(|error| self.broken(&error))?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(self.reply(0).await?);
        }
        Ok(replies)
    }

    /// Says who we are, which must not be refused. What the server says of a refusal may repeat the password, so that
    /// only its first word is told.
    pub(super) async fn greet(&mut self, command: Vec<&[u8]>) -> Result<Reply, Trouble> {
        let reply = match self.ask(&[command]).await?.pop().unwrap_or(Reply::Nil) {
            Reply::Error(words) => {
                Reply::Error(format!("{} to AUTH", words.split(' ').next().unwrap_or_default()))
            }
            reply => reply,
        };
        self.good(reply)
    }

    /// Asks one, which must not be refused.
    pub(super) async fn one(&mut self, command: Vec<&[u8]>) -> Result<Reply, Trouble> {
        let reply = self.ask(&[command]).await?.pop().unwrap_or(Reply::Nil);
        self.good(reply)
    }

    /// What was refused is trouble.
    pub(super) fn good(&self, reply: Reply) -> Result<Reply, Trouble> {
        let Reply::Error(words) = reply else { return Ok(reply) };
        let cure = match words.split(' ').next().unwrap_or_default() {
            "NOAUTH" | "WRONGPASS" => "check username and password_file",
            "NOPERM" => "allow the user SCAN, TYPE, LLEN, ZCARD and XLEN on these keys",
            "MOVED" | "CROSSSLOT" | "ASK" => {
                "it is a cluster: name each of its masters as a source of its own"
            }
            "LOADING" => "it is being started, and is asked again",
            _ => "check the version of the server and the rights of the user",
        };
        Err(Trouble::new(format!("{} refuses: {words}", self.shown), cure))
    }

    async fn reply(&mut self, depth: usize) -> Result<Reply, Trouble> {
        let line = self.line().await?;
        let Some((kind, rest)) = line.split_first() else { return Err(self.strange()) };
        match kind {
            b'+' => Ok(Reply::Text(rest.to_vec())),
            b'-' => Ok(Reply::Error(String::from_utf8_lossy(rest).chars().take(200).collect())),
            b':' => Ok(Reply::Integer(self.number(rest)?)),
            b'$' => self.bulk(rest).await,
            b'*' if depth < DEPTH_MAX => {
                let Ok(length) = u64::try_from(self.number(rest)?) else { return Ok(Reply::Nil) };
                if length > ARRAY_MAX {
                    return Err(self.strange());
                }
                let mut members = Vec::new();
                for _ in 0..length {
                    members.push(Box::pin(self.reply(depth + 1)).await?);
                }
                Ok(Reply::Array(members))
            }
            _ => Err(self.strange()),
        }
    }

    async fn bulk(&mut self, length: &[u8]) -> Result<Reply, Trouble> {
        let Ok(length) = u64::try_from(self.number(length)?) else { return Ok(Reply::Nil) };
        if length > BULK_BYTES_MAX {
            return Err(self.strange());
        }
        self.spend(length + 2)?;
        let mut bytes = Vec::new();
        let read = (&mut self.stream).take(length + 2).read_to_end(&mut bytes).await;
        read.map_err(|error| self.broken(&error))?;
        if bytes.len() as u64 != length + 2 {
            return Err(self.broken(&std::io::ErrorKind::UnexpectedEof.into()));
        }
        bytes.truncate(bytes.len() - 2);
        Ok(Reply::Text(bytes))
    }

    async fn line(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
        read.map_err(|error| self.broken(&error))?;
        self.spend(line.len() as u64)?;
        match line.strip_suffix(b"\r\n") {
            Some(text) => Ok(text.to_vec()),
            None if line.len() as u64 >= LINE_BYTES_MAX || line.ends_with(b"\n") => Err(self.strange()),
            None => Err(self.broken(&std::io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), Trouble> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let cause = format!("{} answers with more than {} MiB", self.shown, BYTES_MAX / 1024 / 1024);
            Trouble::new(cause, "make the pattern narrower")
        })?;
        Ok(())
    }

    fn number(&self, text: &[u8]) -> Result<i64, Trouble> {
        std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| self.strange())
    }

    fn strange(&self) -> Trouble {
        Trouble::new(format!("{} does not speak the protocol of Redis", self.shown), "check host and port")
    }

    fn broken(&self, error: &std::io::Error) -> Trouble {
        Trouble::new(format!("{} broke off: {error}", self.shown), "look at the log of the server")
    }
}
