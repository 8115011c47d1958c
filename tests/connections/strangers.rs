//! Ports where something else speaks, at once, late, when it is asked, or not at all: `doctor` and health name the same
//! cause, and health names no other one on the way.

use crate::misconfigured::kept_out;
use crate::scene::{Papers, Scene};
use crate::support::SOON;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server that does this with each connection.
fn serving(serve: impl Fn(&TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> u16 {
    let serve = Arc::new(serve);
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let port = listener.local_addr().expect("a listener has an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever hangs up ends its own thread.
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(&stream));
        }
    });
    port
}

fn plain(port: u16) -> String {
    format!("mqtt://127.0.0.1:{port}")
}

fn secure(port: u16) -> String {
    format!("mqtts://127.0.0.1:{port}")
}

fn drain(mut stream: &TcpStream) -> std::io::Result<()> {
    std::io::copy(&mut stream, &mut std::io::sink()).map(|_| ())
}

fn ssh(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")?;
    drain(stream)
}

/// The other side is slow by its nature: that is what is tried.
fn late(stream: &TcpStream) -> std::io::Result<()> {
    std::thread::sleep(Duration::from_millis(1200));
    ssh(stream)
}

fn short(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")
}

fn mail(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"220 mail.example ")?;
    stream.write_all(b"ESMTP\r\n")?;
    drain(stream)
}

fn mysql(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"\x10\0\0\0\x0a8.0.36\0\x01\0\0\0abcd")?;
    drain(stream)
}

/// Says nothing before an empty line.
fn http(stream: &TcpStream) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let mut line = Vec::new();
    while line != b"\r\n" {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
    }
    writer.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
}

/// Complains of each line.
fn redis(stream: &TcpStream) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        writer.write_all(b"-ERR unknown command\r\n")?;
        line.clear();
    }
    Ok(())
}

fn hangs_up(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0; 64]).map(|_| ())
}

const SORRY: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP request was sent to HTTPS port";

/// Speaks TLS as it should, says this to the first thing that it is told, and hangs up. As proxies do, it answers plain
/// words in plain words.
fn behind_tls(papers: &Papers, says: &'static [u8]) -> u16 {
    let cert = CertificateDer::from_pem_file(&papers.server.cert).expect("the certificate was made");
    let key = PrivateKeyDer::from_pem_file(&papers.server.key).expect("the key was made");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for both versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("the key belongs to the certificate");
    let config = Arc::new(config);
    serving(move |mut tcp| {
        let mut first = [0];
        if tcp.peek(&mut first)? == 0 || first[0] != 0x16 {
            tcp.read(&mut [0; 1024]).map(|_| ())?;
            return tcp.write_all(SORRY);
        }
        let mut connection = ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
        let mut stream = Stream::new(&mut connection, &mut tcp);
        stream.read(&mut [0; 1024]).map(|_| ())?;
        stream.write_all(says)?;
        stream.conn.send_close_notify();
        stream.flush()
    })
}

#[test]
fn a_port_of_good_tls_is_not_asked_in_plain_words_and_named_after_the_answer() {
    let papers = Papers::new();
    kept_out(&secure(behind_tls(&papers, b"")), &papers.trusted(), "connect", "closed");
    kept_out(&secure(behind_tls(&papers, SORRY)), &papers.trusted(), "connect", "http");
    kept_out(&secure(behind_tls(&papers, b"220 x\r\n")), &papers.trusted(), "connect", "not_mqtt");
}

#[test]
fn a_server_that_greets_is_named_whenever_it_does() {
    for serve in [ssh, late, short, mail, mysql] {
        kept_out(&plain(serving(serve)), "", "connect", "not_mqtt");
    }
}

#[test]
fn a_server_that_waits_for_a_line_is_named() {
    kept_out(&plain(serving(http)), "", "connect", "http");
    kept_out(&plain(serving(redis)), "", "connect", "not_mqtt");
}

#[test]
fn where_tls_was_expected_something_else_is_named_too() {
    for serve in [ssh, late, mail] {
        kept_out(&secure(serving(serve)), "", "tls", "not_mqtt");
    }
    kept_out(&secure(serving(http)), "", "tls", "http");
}

#[test]
fn who_says_nothing_at_all_is_silent_or_hangs_up() {
    kept_out(&plain(serving(drain)), "", "connect", "silent");
    kept_out(&secure(serving(drain)), "", "tls", "silent");
    kept_out(&plain(serving(hangs_up)), "", "connect", "closed");
    kept_out(&secure(serving(hangs_up)), "", "tls", "plain_port");
}

#[test]
fn a_port_that_tells_nothing_is_looked_at_ever_less_often() {
    let (tried, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (trying, asking) = (Arc::clone(&tried), Arc::clone(&asked));
    let port = serving(move |mut stream| {
        let mut first = [0; 64];
        let length = stream.read(&mut first)?;
        // That of the statistics comes as well, and never looks.
        let ours = first[..length].windows(12).any(|part| part == b"twin-devices");
        trying.fetch_add(usize::from(ours), Ordering::SeqCst);
        asking.fetch_add(usize::from(first[..length].starts_with(b"HEAD")), Ordering::SeqCst);
        Ok(())
    });
    let sidecar = Scene::new(&plain(port), "client_id = \"twin\"\nversion = \"5\"").sidecar();
    sidecar.wait_until("nine attempts", SOON, |_| tried.load(Ordering::SeqCst) >= 9);
    assert_eq!(asked.load(Ordering::SeqCst), 4, "after the 1st, the 2nd, the 4th and the 8th");
}
