//! Between the library, which dials TCP and socket files only, and a way that has TLS or a websocket in it: a socket
//! inside this process, and a task that carries the bytes. Nobody else can connect to it: its name is random, it takes
//! one connection, and that one must come from this very process.

use super::first::First;
use super::{Way, cause_of, frames};
use crate::ingest::reasons::Cause;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// So long may what was written last take to get out.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes under way in one direction.
const BUFFER: usize = 64 * 1024;

/// The socket that the library is told to connect to, and what carries its bytes. Dropped, it breaks the connection off.
pub(crate) struct Tunnel {
    /// Where the library is to connect.
    name: String,
    carrier: JoinHandle<()>,
    fault: Arc<Mutex<Option<Cause>>>,
    first: First,
}

/// The near end of a tunnel for those who read and write themselves.
pub(crate) struct Local {
    /// MQTT, without anything around it.
    pub(crate) stream: DuplexStream,
    fault: Arc<Mutex<Option<Cause>>>,
    carrier: JoinHandle<()>,
}

impl Tunnel {
    /// Opens it; nothing is carried before the library connects.
    pub(crate) fn open(mut way: Way) -> std::io::Result<Self> {
        let first = First::default();
        if !way.framed {
            way.stream = Box::new(first.of(way.stream));
        }
        let name = name()?;
        let listener = UnixListener::bind(&name)?;
        let fault = Arc::<Mutex<Option<Cause>>>::default();
        let noted = Arc::clone(&fault);
        let carrier = tokio::spawn(async move {
            match mine(&listener).await {
                Ok(mut local) => {
                    drop(listener);
                    // Noted before the library sees the end, which is when `local` goes.
                    note(&noted, carry(way, &mut local).await);
                }
                Err(error) => note(&noted, Err(Cause::io(&error))),
            }
        });
        Ok(Self { name, carrier, fault, first })
    }

    /// As the library wants it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Why the connection broke, where the library only saw its end.
    pub(crate) fn fault(&self) -> Option<Cause> {
        self.fault.lock().ok().and_then(|mut fault| fault.take())
    }

    /// What speaks there instead of MQTT, by the first that came; nothing of `secrets` is shown.
    pub(crate) fn spoken(&self, secrets: &[&str]) -> Option<Cause> {
        self.first.told(secrets)
    }

    /// Lets what was written last get out.
    pub(crate) async fn finish(mut self) {
        // A broker that takes nothing any more is not waited for.
        let _ = timeout(FAREWELL, &mut self.carrier).await;
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

/// The same without the library.
pub(crate) fn inside(way: Way) -> Local {
    let (stream, mut far) = tokio::io::duplex(BUFFER);
    let fault = Arc::<Mutex<Option<Cause>>>::default();
    let noted = Arc::clone(&fault);
    let carrier = tokio::spawn(async move { note(&noted, carry(way, &mut far).await) });
    Local { stream, fault, carrier }
}

impl Local {
    /// Why it broke.
    pub(crate) fn fault(&self) -> Option<Cause> {
        self.fault.lock().ok().and_then(|mut fault| fault.take())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Dropping the stream ends the carrier by itself once all is written; a stuck one must not outlive us for long.
        let carrier = self.carrier.abort_handle();
        drop(tokio::spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            carrier.abort();
        }));
    }
}

fn note(fault: &Mutex<Option<Cause>>, ended: Result<(), Cause>) {
    if let (Err(cause), Ok(mut fault)) = (ended, fault.lock()) {
        *fault = Some(cause);
    }
}

async fn carry(way: Way, local: &mut impl super::Stream) -> Result<(), Cause> {
    let Way { mut stream, framed } = way;
    if framed {
        return frames::carry(stream, local).await;
    }
    let carried = tokio::io::copy_bidirectional_with_sizes(local, &mut stream, BUFFER, BUFFER).await;
    carried.map(|_| ()).map_err(|error| cause_of(&error))
}

/// The first connection that is ours.
async fn mine(listener: &UnixListener) -> std::io::Result<UnixStream> {
    loop {
        let (stream, _) = listener.accept().await?;
        let peer = stream.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok());
        if peer == Some(std::process::id()) {
            return Ok(stream);
        }
    }
}

/// A name that nobody can guess. A leading zero byte means that it is no file.
fn name() -> std::io::Result<String> {
    let mut random = [0_u8; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random)
        .map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
    Ok(format!("\0watchkeeper-{:032x}", u128::from_be_bytes(random)))
}
