//! Listening and stopping. All addresses are bound before the first one serves, so that a refused address stops
//! the program with a clear word and not halfway. This is up before any broker and the last to stop.

use super::basic_auth::Comparer;
use super::reload::{self, ReloadError, Reloader};
use super::security::{Listener, Token, is_exposed};
use super::web_config::{self, WebConfig, WebConfigError};
use super::{Desk, SCRAPES_MAX, Shared, Subject, rate_limit, routes};
use crate::config::Web;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use ring::hmac;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A client that has not sent its headers by then is cut off, or a few slow ones would hold every descriptor.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Why we do not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(
        "cannot listen on {0}: the port is in use; stop the other program, or choose another address with \
         --web.listen-address"
    )]
    InUse(SocketAddr),
    #[error(
        "cannot listen on {0}: this machine does not have the address; choose another with --web.listen-address"
    )]
    NotOurs(SocketAddr),
    #[error(
        "cannot listen on {0}: not permitted; choose a port from 1024 on with --web.listen-address, or grant \
         CAP_NET_BIND_SERVICE"
    )]
    NotPermitted(SocketAddr),
    #[error("cannot listen on {address}: {why}; choose another address with --web.listen-address")]
    Listen { address: SocketAddr, why: io::Error },
    #[error("cannot serve the metrics at {path:?}: {why}; choose another path with --web.telemetry-path")]
    TelemetryPath { path: String, why: &'static str },
    #[error(
        "web.api_token_file holds no token; write one into it, such as the output of `openssl rand -hex 32`"
    )]
    EmptyToken,
    #[error("the system gives no random numbers")]
    Random,
    #[error(transparent)]
    WebConfig(#[from] ReloadError),
}

/// The running server.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Vec<SocketAddr>,
    listeners: Vec<(Handle<SocketAddr>, JoinHandle<io::Result<()>>)>,
    reloader: Option<Reloader>,
    watch: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// Binds every address and serves until it is stopped. Must be called inside the runtime.
pub(crate) fn start(web: &Web, subject: Subject) -> Result<Server, ServeError> {
    if let Some(why) = routes::telemetry_path_refused(&web.telemetry_path) {
        return Err(ServeError::TelemetryPath { path: web.telemetry_path.clone(), why });
    }
    let config = web.config_file.as_deref().map(web_config::load).transpose().map_err(ReloadError::from)?;
    let tls = rustls_config(config.as_ref()).map_err(ReloadError::from)?;
    let http2 = config.as_ref().is_some_and(|config| config.http2);
    let shared = Arc::new(shared(web, subject, config)?);
    let bound = web.listen.iter().map(|address| bind(*address)).collect::<Result<Vec<_>, _>>()?;
    let mut server = Server {
        addresses: Vec::new(),
        listeners: Vec::new(),
        reloader: None,
        watch: None,
        shared: Arc::clone(&shared),
    };
    let asked = shared.web_config.is_some() || shared.token.is_some();
    for (listener, address) in bound {
        let desk = Desk { shared: Arc::clone(&shared), listener: Listener::new(address, asked) };
        let failed = |why| ServeError::Listen { address, why };
        server.listeners.push(serve(listener, routes::router(&desk), tls.clone(), http2).map_err(failed)?);
        server.addresses.push(address);
    }
    if let Some(path) = &web.config_file {
        let reloader = Reloader::new(path.clone(), shared, tls);
        server.watch = Some(tokio::spawn(reloader.clone().watch()));
        server.reloader = Some(reloader);
    }
    Ok(server)
}

impl Server {
    /// Where it listens, with real ports where 0 was asked for.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Reads the web config file and the certificates again.
    pub(crate) fn reload(&self) -> Result<(), ReloadError> {
        self.reloader.as_ref().map_or(Ok(()), Reloader::reload)
    }

    /// Accepts nobody any more, lets the requests under way finish, and cuts off what lasts longer than `grace`.
    /// Says whether all could finish.
    pub(crate) async fn stop(self, grace: Duration) -> bool {
        if let Some(watch) = self.watch {
            watch.abort();
        }
        // Streams that never end by themselves would hold up the others' farewell.
        self.shared.audit.close();
        for (handle, _) in &self.listeners {
            handle.graceful_shutdown(Some(grace));
        }
        let deadline = tokio::time::Instant::now() + grace;
        let mut finished = true;
        for (handle, mut serving) in self.listeners {
            // The server cuts off by itself at the end of the grace; the moment more is for the case that it
            // does not, for nothing may hold up a stop.
            let ended = tokio::time::timeout_at(deadline + Duration::from_secs(1), &mut serving).await;
            if ended.is_err() {
                serving.abort();
            }
            finished &=
                ended.is_ok() && handle.connection_count() == 0 && tokio::time::Instant::now() < deadline;
        }
        finished
    }
}

fn shared(web: &Web, subject: Subject, config: Option<WebConfig>) -> Result<Shared, ServeError> {
    let random = ring::rand::SystemRandom::new();
    let key = || hmac::Key::generate(hmac::HMAC_SHA256, &random).map_err(|_| ServeError::Random);
    let token = match &web.api_token {
        None => None,
        Some(token) if secrecy::ExposeSecret::expose_secret(token).is_empty() => {
            return Err(ServeError::EmptyToken);
        }
        Some(token) => Some(Token::new(key()?, token)),
    };
    Ok(Shared {
        subject,
        telemetry_path: web.telemetry_path.clone(),
        silence: super::health::Silence::default(),
        exposed: web.listen.iter().copied().filter(|address| is_exposed(*address)).collect(),
        scrapes: Arc::new(Semaphore::new(SCRAPES_MAX)),
        audit: super::audit::Room::default(),
        histories: Arc::new(Semaphore::new(crate::out::HISTORIES_MAX)),
        token,
        web_config: config.map(|config| RwLock::new(Arc::new(config))),
        basic_auth: Comparer::new(key()?),
        rate_limit: rate_limit::Bucket::default(),
    })
}

fn rustls_config(config: Option<&WebConfig>) -> Result<Option<RustlsConfig>, super::tls::TlsError> {
    let Some((tls, http2)) = config.and_then(|config| Some((config.tls.as_ref()?, config.http2))) else {
        return Ok(None);
    };
    Ok(Some(RustlsConfig::from_config(reload::built(tls, http2)?)))
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|why| match why.kind() {
        io::ErrorKind::AddrInUse => ServeError::InUse(address),
        io::ErrorKind::AddrNotAvailable => ServeError::NotOurs(address),
        io::ErrorKind::PermissionDenied => ServeError::NotPermitted(address),
        _ => ServeError::Listen { address, why },
    })
}

fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<RustlsConfig>,
    http2: bool,
) -> io::Result<(Handle<SocketAddr>, JoinHandle<io::Result<()>>)> {
    let handle = Handle::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = if let Some(tls) = tls {
        let server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle.clone());
        let mut server = if http2 { server } else { server.http1_only() };
        limit(server.http_builder());
        tokio::spawn(server.serve(service))
    } else {
        let mut server = axum_server::from_tcp(listener)?.handle(handle.clone()).http1_only();
        limit(server.http_builder());
        tokio::spawn(server.serve(service))
    };
    Ok((handle, serving))
}

fn limit<E>(builder: &mut hyper_util::server::conn::auto::Builder<E>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .keep_alive_interval(Some(HEADERS_WITHIN));
}

impl From<WebConfigError> for ServeError {
    fn from(error: WebConfigError) -> Self {
        Self::WebConfig(error.into())
    }
}
