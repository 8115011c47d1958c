//! From the name of the host to CONNACK, one step after the other; each needs the one before. Nothing here may publish.

use super::Patient;
use super::came::came;
use super::report::{Step, Verdict};
use crate::clock;
use crate::config::{Scheme, Version};
use crate::ingest::connack;
use crate::ingest::dial::{self, Bytes2, Seen, Way, Which, sniff, tls};
use crate::ingest::reasons::Cause;
use crate::talk::wire::ConnAck;
use crate::talk::{Talk, doubts_version};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use watchkeeper_core::certificate::Certificate;

/// From so many days before the end a certificate is warned of, as in health.
const DAYS: i64 = 21;
const DAY: i64 = 86_400_000_000;

impl Patient<'_, '_> {
    /// All the way; none: a step failed, and the ones behind it make no sense.
    pub(super) async fn arrive(&self) -> Option<(Talk, ConnAck)> {
        let way = self.way().await?;
        let versions: &[bool] = match self.broker.version {
            Version::Auto => &[true, false],
            Version::V5 => &[true],
            Version::V311 => &[false],
        };
        let mut way = Some(way);
        for (at, v5) in versions.iter().enumerate() {
            let last = at + 1 == versions.len();
            let stands = match way.take() {
                Some(way) => Ok(way),
                None => {
                    self.bounded(dial::dial(self.broker, self.url, &Seen::default()), Cause::Silent).await
                }
            };
            let began = Instant::now();
            let name = if *v5 { "5" } else { "3.1.1" };
            let step = Step::tried("connect", format!("CONNECT, MQTT {name}, client id {}", self.id));
            let arrived = match stands {
                Ok(way) => self.enter(way, *v5).await,
                Err(cause) => Err(cause),
            };
            match arrived {
                Ok((talk, ack)) => {
                    self.entered(step.took(began.elapsed()), &ack, name);
                    return Some((talk, ack));
                }
                Err(cause) if !last && doubts_version(&cause) => {
                    self.doubted(step.took(began.elapsed()), &cause);
                }
                Err(cause) => {
                    let cause = self.closer(cause, self.url.scheme.is_tls()).await;
                    self.add(self.failed(step.took(began.elapsed()), &cause));
                    return None;
                }
            }
        }
        None
    }

    fn doubted(&self, step: Step, cause: &Cause) {
        let step = step.got(came(cause, self.limit));
        let means = "this broker does not answer MQTT 5 as it should, so 3.1.1 is tried";
        let next = "nothing; version = \"3.1.1\" saves the first attempt where the next one works";
        self.add(step.is(Verdict::Note, None, means, next));
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, Cause>>,
        late: Cause,
    ) -> Result<T, Cause> {
        timeout(self.limit, work).await.unwrap_or(Err(late))
    }

    /// As the sidecar looks closer at what it does not understand; `shaken`: TLS stood.
    async fn closer(&self, cause: Cause, shaken: bool) -> Cause {
        if !cause.is_vague() {
            return cause;
        }
        sniff::look(self.url, shaken, self.limit).await.unwrap_or(cause)
    }

    async fn enter(&self, way: Way, v5: bool) -> Result<(Talk, ConnAck), Cause> {
        let mut talk = Talk::new(way, v5);
        let ack = talk.connect(self.broker, &self.id, self.limit).await?;
        match connack::refused(ack.code) {
            None => Ok((talk, ack)),
            Some(cause) => Err(cause),
        }
    }

    fn entered(&self, step: Step, ack: &ConnAck, name: &str) {
        self.add(step.got(format!(
            "let in with MQTT {name}: code {:#04x}, {}",
            ack.code,
            connack::meaning(ack.code)
        )));
        let step = Step::tried("credentials", "the user name and password of the configuration");
        let step = match (&self.broker.username, self.url.scheme.is_tls()) {
            (Some(user), false) if !self.is_local() => step.got(format!("accepted as {user}")).is(
                Verdict::Warning,
                Some("password_in_clear"),
                "the password goes over the network unencrypted",
                "use mqtts:// or wss://",
            ),
            (Some(user), _) => step.got(format!("accepted as {user}")),
            (None, _) if self.broker.tls.client.is_some() => {
                step.got("accepted by its client certificate, or anonymously")
            }
            (None, _) => step.got("accepted without a user").is(
                Verdict::Note,
                None,
                "the broker lets anybody in who reaches it",
                "give the broker users (allow_anonymous false), and set username and password_file",
            ),
        };
        self.add(step);
    }

    fn is_local(&self) -> bool {
        let address = self.url.host.parse::<std::net::IpAddr>();
        self.url.scheme == Scheme::Unix
            || self.url.host == "localhost"
            || address.is_ok_and(|address| address.is_loopback())
    }

    async fn way(&self) -> Option<Way> {
        if self.url.scheme == Scheme::Unix {
            let step = Step::tried("socket", format!("open {}", self.url.host));
            let stream =
                self.step(step, (dial::socket(self.url), Cause::Silent), |_| "it is open".to_owned()).await?;
            return Some(Way { stream: Box::new(stream), framed: false });
        }
        let step = Step::tried("dns", format!("look {} up", self.url.host));
        let shown = |addresses: &Vec<std::net::SocketAddr>| {
            let all: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            format!("{} is {}", self.url.host, all.join(", "))
        };
        let addresses = self
            .step(
                step,
                (dial::resolve(self.url), Cause::Dns("the name service does not answer".to_owned())),
                shown,
            )
            .await?;
        let step = Step::tried("tcp", format!("connect to port {}", self.url.port));
        let peer = |stream: &tokio::net::TcpStream| {
            stream.peer_addr().map_or_else(|_| "connected".to_owned(), |peer| format!("connected to {peer}"))
        };
        let tcp = self.step(step, (dial::connect(&addresses), Cause::ConnectTimeout), peer).await?;
        let stream: Bytes2 = if self.url.scheme.is_tls() { self.tls(tcp).await? } else { Box::new(tcp) };
        if matches!(self.url.scheme, Scheme::Ws | Scheme::Wss) {
            let step = Step::tried("websocket", format!("GET {} with sub-protocol mqtt", self.url.path));
            return self
                .step(step, (dial::open(self.url, stream), Cause::Silent), |_| {
                    "the websocket is open".to_owned()
                })
                .await;
        }
        Some(Way { stream, framed: false })
    }

    async fn step<T>(
        &self,
        step: Step,
        (work, late): (impl Future<Output = Result<T, Cause>>, Cause),
        shown: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let began = Instant::now();
        let done = self.bounded(work, late).await;
        let step = step.took(began.elapsed());
        match done {
            Ok(got) => {
                self.add(step.got(shown(&got)));
                Some(got)
            }
            Err(cause) => {
                self.add(self.failed(step, &cause));
                None
            }
        }
    }

    async fn tls(&self, tcp: tokio::net::TcpStream) -> Option<Bytes2> {
        let seen = Seen::default();
        let began = Instant::now();
        let step = Step::tried("tls", format!("a hand-shake with the name {}", self.url.host));
        let done = timeout(self.limit, tls::connect(&self.broker.tls, self.url, tcp, &seen)).await;
        let step = step.took(began.elapsed());
        let certificates = seen.soonest();
        match done.unwrap_or(Err(Cause::Silent)) {
            Ok(stream) => {
                let version =
                    stream.get_ref().1.protocol_version().map_or_else(String::new, |v| format!("{v:?}, "));
                let version = version.replace("TLSv1_", "TLS 1.");
                self.shaken(step.got(format!("{version}{}", chain(&certificates))), &certificates);
                Some(Box::new(stream))
            }
            Err(cause) => {
                let cause = self.closer(cause, false).await;
                // What it showed helps more than that it was wrong.
                let failed = self.failed(step, &cause);
                let failed = if certificates.is_empty() { failed } else { failed.got(chain(&certificates)) };
                self.add(failed);
                None
            }
        }
    }

    fn shaken(&self, step: Step, certificates: &[(Which, Certificate)]) {
        let now = clock::wall().0;
        let soonest = certificates.iter().min_by_key(|(_, one)| one.not_after);
        let step = match soonest {
            _ if self.broker.tls.insecure_skip_verification => step.is(
                Verdict::Warning,
                Some("certificate_not_verified"),
                "nothing was verified: whoever answers is taken for the broker",
                "set ca_file, and take insecure_skip_verification away",
            ),
            Some((which, one)) if one.not_after.0 - now < DAYS * DAY => step.is(
                Verdict::Warning,
                Some("certificate_expires"),
                match (one.not_after.0 - now).div_euclid(DAY) {
                    days @ 0.. => format!("the {} certificate ends in {days} days", which.name()),
                    days => format!("the {} certificate ended {} days ago", which.name(), -days),
                },
                "renew it",
            ),
            _ => step,
        };
        self.add(step);
    }
}

/// What each certificate is, from whom, for which names, and how long it still holds.
fn chain(certificates: &[(Which, Certificate)]) -> String {
    let now = clock::wall().0;
    let each = |(which, one): &(Which, Certificate)| {
        let names =
            if one.names.is_empty() { String::new() } else { format!(" for {}", one.names.join(" ")) };
        let days = (one.not_after.0 - now).div_euclid(DAY);
        let holds =
            if days < 0 { format!("expired {} days ago", -days) } else { format!("{days} days left") };
        let day = one.not_after.rfc3339();
        let day = day.split('T').next().unwrap_or_default();
        format!("{} «{}»{names}, signed by «{}», until {day}, {holds}", which.name(), one.subject, one.issuer)
    };
    certificates.iter().map(each).collect::<Vec<_>>().join("; ")
}

/// What is waited for at most between two looks.
pub(super) const SHORT: Duration = Duration::from_secs(3);
