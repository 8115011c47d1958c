//! What the way of an audited message costs: from a publisher through a real Mosquitto into the log, acknowledged when
//! it is on disk. Starts a broker and the program beside it (build that first), and prints how many messages a second
//! became durable, and how long each took from the moment it was published to its acknowledgement, as a proxy before the
//! broker sees it.
//!
//!     cargo build --release && cargo run --release --example audit_load -- [VERSION [COUNT [RATE [FOLDER]]]]
//!
//! VERSION 5 (window of 1,000) or 3.1.1 (the broker's own window, 20); RATE 0 is flat out, measured without the proxy.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a tool for whoever measures"
)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOPIC: &str = "plant/a/l/d1/command/request";

fn main() {
    let mut args = std::env::args().skip(1);
    let version = args.next().unwrap_or_else(|| "5".into());
    let count: u64 = args.next().map_or(200_000, |count| count.parse().unwrap());
    let rate: u64 = args.next().map_or(0, |rate| rate.parse().unwrap());
    let folder = args.next().map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    println!(
        "MQTT {version}, {count} messages, {}",
        if rate == 0 { "flat out".into() } else { format!("{rate}/s") }
    );
    let mut syncs = flush_times(folder.path());
    println!(
        "fdatasync alone    p50 {:.3} ms, p99 {:.3} ms",
        percentile(&mut syncs, 50),
        percentile(&mut syncs, 99)
    );
    let scene = Scene::start(folder.path(), &version, rate > 0);
    let start = Instant::now();
    let handed = publish(scene.mosquitto_port, count, rate, scene.origin);
    println!("published in       {:.2} s ({:.0}/s)", handed, count as f64 / handed);
    while scene.durable() < count {
        assert!(start.elapsed() < Duration::from_secs(600), "{} of {count} are durable", scene.durable());
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = start.elapsed().as_secs_f64();
    println!("durable in         {took:.2} s ({:.0}/s)", count as f64 / took);
    let mut times = scene.times.lock().unwrap().clone();
    if !times.is_empty() {
        let [p50, p99, p999] = [500, 990, 999].map(|per_mille| per_mille_of(&mut times, per_mille));
        println!(
            "publish to PUBACK  p50 {p50:.3} ms, p99 {p99:.3} ms, p99.9 {p999:.3} ms ({} seen)",
            times.len()
        );
    }
}

/// The disk's own time for what every acknowledgement waits for, in nanoseconds.
fn flush_times(folder: &Path) -> Vec<u64> {
    let mut file = File::create(folder.join("flush")).unwrap();
    let mut one = || {
        let start = Instant::now();
        file.write_all(&[b'x'; 300]).unwrap();
        file.sync_data().unwrap();
        u64::try_from(start.elapsed().as_nanos()).unwrap()
    };
    (0..2_000).map(|_| one()).collect()
}

fn percentile(times: &mut [u64], percent: usize) -> f64 {
    per_mille_of(times, percent * 10)
}

/// In milliseconds.
fn per_mille_of(times: &mut [u64], per_mille: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * per_mille / 1000] as f64 / 1e6
}

struct Scene {
    children: Vec<Child>,
    mosquitto_port: u16,
    web: u16,
    origin: Instant,
    times: Arc<Mutex<Vec<u64>>>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Scene {
    fn start(folder: &Path, version: &str, watched: bool) -> Self {
        let (mosquitto_port, web, origin) = (free_port(), free_port(), Instant::now());
        let conf = folder.join("mosquitto.conf");
        let settings = format!(
            "listener {mosquitto_port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_dest none\n"
        );
        fs::write(&conf, settings).unwrap();
        let mosquitto =
            Command::new("/usr/sbin/mosquitto").arg("-c").arg(conf).stderr(Stdio::null()).spawn().unwrap();
        let mut scene =
            Self { children: vec![mosquitto], mosquitto_port, web, origin, times: Arc::default() };
        until(|| TcpStream::connect(("127.0.0.1", mosquitto_port)).is_ok());
        let port =
            if watched { proxy(mosquitto_port, origin, Arc::clone(&scene.times)) } else { mosquitto_port };
        let config = folder.join("watchkeeper.toml");
        fs::write(&config, format!("[[broker]]\nname = \"main\"\nurl = \"mqtt://127.0.0.1:{port}\"\nversion = \"{version}\"\n[[stream]]\nname = \"command\"\nfilter = \"plant/{{area}}/{{line}}/{{device}}/command/request\"\nkind = \"command\"\n")).unwrap();
        let program = std::env::current_exe().unwrap().with_file_name("../watchkeeper");
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(config).arg("--data-dir").arg(folder.join("data"));
        command.args(["--log.level", "warn", "--web.listen-address", &format!("127.0.0.1:{web}")]);
        scene.children.push(command.spawn().unwrap());
        until(|| scene.metric("watchkeeper_audit_connected") == 1);
        scene
    }

    /// How many commands are on disk.
    fn durable(&self) -> u64 {
        self.metric("watchkeeper_audit_records_total{type=\"COMMAND\"}")
    }

    fn metric(&self, name: &str) -> u64 {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.web)) else { return 0 };
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        if stream.read_to_string(&mut text).is_err() {
            return 0;
        }
        let value =
            text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
        value.filter_map(|value| value.parse::<f64>().ok()).map(|value| value as u64).sum()
    }
}

fn until(mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Publishes at quality of service 1, and reads the acknowledgements beside. Gives the seconds until the last one.
fn publish(port: u16, count: u64, rate: u64, origin: Instant) -> f64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0]).unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let reader = std::thread::spawn({
        let (mut stream, acknowledged) = (stream.try_clone().unwrap(), Arc::clone(&acknowledged));
        move || {
            let mut buffer = vec![0; 65_536];
            let mut bytes = 0;
            while bytes < count * 4 {
                bytes += stream.read(&mut buffer).unwrap() as u64;
                acknowledged.store(bytes / 4, Ordering::Relaxed);
            }
        }
    });
    let start = Instant::now();
    let mut packets = Vec::new();
    for number in 0..count {
        let stamp = origin.elapsed().as_nanos();
        let payload = format!(
            r#"{{"stamp": "{stamp:020}", "cmd_id": "c{number:08}", "command": "set", "value": 21.5, "source": "bench"}}"#
        );
        packets.push(0x32);
        let length = 2 + TOPIC.len() + 2 + payload.len();
        packets.extend([(length & 127) as u8 | 128, (length >> 7) as u8]);
        packets.extend([0, TOPIC.len() as u8]);
        packets.extend(TOPIC.as_bytes());
        packets.extend(((number % 65_535 + 1) as u16).to_be_bytes());
        packets.extend(payload.as_bytes());
        let whole =
            rate.checked_div(1_000).filter(|whole| *whole > 0).unwrap_or(if rate == 0 { 50 } else { 1 });
        if number % whole == whole - 1 || number + 1 == count {
            stream.write_all(&packets).unwrap();
            packets.clear();
            // As many as the broker may take without losing count of packet ids.
            while number - acknowledged.load(Ordering::Relaxed).min(number) > 10_000 {
                std::thread::sleep(Duration::from_micros(200));
            }
            if let Some(due) = ((number + 1) * 1_000_000_000).checked_div(rate) {
                let due = start + Duration::from_nanos(due);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
    }
    reader.join().unwrap();
    start.elapsed().as_secs_f64()
}

/// Passes everything through, and notes for the connection of audited messages when each acknowledgement came by.
fn proxy(to: u16, origin: Instant, times: Arc<Mutex<Vec<u64>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let broker = TcpStream::connect(("127.0.0.1", to)).unwrap();
            client.set_nodelay(true).unwrap();
            broker.set_nodelay(true).unwrap();
            let audit = Arc::new(AtomicBool::new(false));
            let sent = Arc::new(Mutex::new(HashMap::<u16, u64>::new()));
            let down = (broker.try_clone().unwrap(), client.try_clone().unwrap());
            let (audit_down, sent_down) = (Arc::clone(&audit), Arc::clone(&sent));
            std::thread::spawn(move || {
                pass(down.0, down.1, |kind, body| {
                    if kind & 0xf6 == 0x32 && audit_down.load(Ordering::Relaxed) {
                        let topic = usize::from(u16::from_be_bytes([body[0], body[1]])) + 2;
                        let pkid = u16::from_be_bytes([body[topic], body[topic + 1]]);
                        let digits = body[topic + 2..]
                            .windows(20)
                            .find(|window| window.iter().all(u8::is_ascii_digit));
                        let stamp = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                        if let Some(stamp) = stamp {
                            sent_down.lock().unwrap().insert(pkid, stamp);
                        }
                    }
                });
            });
            let times = Arc::clone(&times);
            std::thread::spawn(move || {
                pass(client, broker, |kind, body| {
                    if kind == 0x10 && body.windows(6).any(|window| window == b"-audit") {
                        audit.store(true, Ordering::Relaxed);
                    }
                    if kind == 0x40 && audit.load(Ordering::Relaxed) {
                        let pkid = u16::from_be_bytes([body[0], body[1]]);
                        if let Some(stamp) = sent.lock().unwrap().remove(&pkid) {
                            let now = u64::try_from(origin.elapsed().as_nanos()).unwrap();
                            times.lock().unwrap().push(now - stamp);
                        }
                    }
                });
            });
        }
    });
    port
}

/// Copies a stream, and tells each packet.
fn pass(mut from: TcpStream, mut to: TcpStream, mut tell: impl FnMut(u8, &[u8])) {
    let (mut buffer, mut packets) = (vec![0; 65_536], Vec::new());
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
        packets.extend_from_slice(&buffer[..read]);
        let mut at = 0;
        while let Some((kind, begin, end)) = packet(&packets[at..]) {
            tell(kind, &packets[at + begin..at + end]);
            at += end;
        }
        packets.drain(..at);
    }
}

/// The first byte, and where the body begins and ends.
fn packet(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let mut length = 0;
    for at in 1..5 {
        let byte = *bytes.get(at)?;
        length |= usize::from(byte & 127) << (7 * (at - 1));
        if byte < 128 {
            let end = at + 1 + length;
            return (bytes.len() >= end).then_some((bytes[0], at + 1, end));
        }
    }
    None
}
