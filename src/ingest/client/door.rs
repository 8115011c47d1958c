//! Where the library connects to: a host, or a socket. Nothing here may connect.

use crate::config::BrokerUrl;
use rumqttc as v4;

/// Where the library is to connect.
#[derive(Clone, Copy, Debug)]
pub(in crate::ingest) enum Door<'a> {
    /// TCP.
    Host(&'a BrokerUrl),
    /// A socket file, or one inside this process.
    Socket(&'a str),
}

impl Door<'_> {
    /// As the library splits it again.
    pub(super) fn address(self) -> (String, u16, v4::Transport) {
        match self {
            Door::Host(url) if url.host.contains(':') => {
                (format!("[{}]", url.host), url.port, v4::Transport::Tcp)
            }
            Door::Host(url) => (url.host.clone(), url.port, v4::Transport::Tcp),
            Door::Socket(path) => (path.to_owned(), 0, v4::Transport::Unix),
        }
    }
}
