//! Following the log, over HTTP and on the command line.

use crate::log::search;
use crate::scene::{Scene, broker};
use crate::support::{Mosquitto, Publisher, SOON, Sidecar, WATCHKEEPER, becomes};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// An open stream of Server-Sent Events, as pairs of id and data.
struct Stream {
    socket: TcpStream,
    events: Receiver<(u64, String)>,
}

impl Stream {
    fn open(to: SocketAddr, path: &str, last: Option<u64>) -> Self {
        let mut socket = TcpStream::connect(to).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: {to}\r\nAccept: text/event-stream\r\n{last}\r\n")
            .unwrap();
        let (send, events) = channel();
        let reader = BufReader::new(socket.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut id = None;
            for line in reader.lines().map_while(Result::ok) {
                if let Some(text) = line.strip_prefix("id:") {
                    id = text.trim().parse().ok();
                } else if let Some(data) = line.strip_prefix("data:")
                    && send.send((id.unwrap(), data.trim().to_owned())).is_err()
                {
                    return;
                }
            }
        });
        Self { socket, events }
    }

    fn next(&self) -> (u64, serde_json::Value) {
        let (id, data) = self.events.recv_timeout(SOON).expect("a record comes");
        (id, serde_json::from_str(&data).unwrap())
    }
}

fn started() -> (Mosquitto, Scene, Sidecar) {
    let mosquitto = Mosquitto::start();
    let scene = Scene::new(&broker("main", &mosquitto.url(), ""));
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    (mosquitto, scene, sidecar)
}

#[test]
fn a_stream_that_breaks_goes_on_where_it_was() {
    let (mosquitto, scene, sidecar) = started();
    let dir = scene.data().join("audit");
    let mut publisher = Publisher::connect(mosquitto.port());
    let path = "/api/audit/tail?event=first_seen";
    let stream = Stream::open(sidecar.address(), path, None);
    // Only what comes after it is heard, so it has to be heard before anything comes.
    sidecar.wait_until("it is there", SOON, |_| !search(&dir, &["--event", "searched"]).is_empty());
    publisher.publish("a/d1/v", "1");
    let (first, record) = stream.next();
    assert_eq!((&record["seq"], &record["device"]), (&first.into(), &"a/d1".into()));
    drop(stream.socket.shutdown(std::net::Shutdown::Both));
    for n in 2..=4 {
        publisher.publish(format!("a/d{n}/v"), "1");
    }
    sidecar.wait_until("they are recorded", SOON, |_| search(&dir, &["--event", "first_seen"]).len() == 4);
    let again = Stream::open(sidecar.address(), path, Some(first));
    publisher.publish("a/d5/v", "1");
    let heard: Vec<String> = (0..4).map(|_| again.next().1["device"].as_str().unwrap().to_owned()).collect();
    assert_eq!(heard, ["a/d2", "a/d3", "a/d4", "a/d5"]);
    // A stream that never ends by itself does not hold up the stop.
    let log = sidecar.stop();
    assert!(!log.contains("raise --grace"), "{log}");
}

#[test]
fn so_many_may_follow_and_one_more_is_told_why_not() {
    let (_mosquitto, _scene, sidecar) = started();
    let mut open: Vec<Stream> =
        (0..16).map(|_| Stream::open(sidecar.address(), "/api/audit/tail", None)).collect();
    sidecar.wait_until("there are too many", SOON, |own| {
        let mut socket = TcpStream::connect(own.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        write!(socket, "GET /api/audit/tail HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 2048];
        let length = socket.read(&mut answer).unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        answer.starts_with("HTTP/1.1 503") && answer.to_lowercase().contains("retry-after")
    });
    let gone = open.pop().unwrap();
    drop(gone.socket.shutdown(std::net::Shutdown::Both));
    let room = becomes(SOON, || {
        let mut socket = TcpStream::connect(sidecar.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        write!(socket, "GET /api/audit/tail HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 200"
    });
    assert!(room, "who leaves makes room\n{}", sidecar.log());
    sidecar.stop();
}

#[test]
fn the_command_line_follows_a_running_log() {
    let (mosquitto, scene, sidecar) = started();
    let dir = scene.data().join("audit");
    let mut follower = Command::new(WATCHKEEPER)
        .args(["audit", "tail", "-n", "0", "--event", "first_seen", "--format", "json", "--dir"])
        .arg(&dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let (send, heard) = channel();
    std::thread::spawn(move || {
        while let Some(Ok(line)) = lines.next() {
            let _ = send.send(line);
        }
    });
    let mut publisher = Publisher::connect(mosquitto.port());
    // It may take a moment to be there, and it hears only what comes after.
    let mut n = 0;
    let mut line = None;
    becomes(SOON, || {
        n += 1;
        publisher.publish(format!("a/d{n}/v"), "1");
        line = heard.recv_timeout(Duration::from_millis(100)).ok();
        line.is_some()
    });
    let record: serde_json::Value = serde_json::from_str(&line.expect("a record comes")).unwrap();
    assert_eq!(record["event"], "first_seen");
    follower.kill().unwrap();
    follower.wait().unwrap();
    sidecar.stop();
}

#[test]
fn an_interrupted_tail_ends_well() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let dir = scene.data().join("audit");
    scene.sidecar().stop();
    for signal in ["INT", "TERM"] {
        let mut tail = Command::new(WATCHKEEPER)
            .args(["audit", "tail", "--dir"])
            .arg(&dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(tail.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let kill = Command::new("kill").args(["-s", signal, &tail.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(tail.wait().unwrap().code(), Some(0), "{signal:?}");
    }
}
