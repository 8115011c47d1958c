//! What servers do that are not as they should be: each has its own words, names the URL and never the password.

use super::*;
use crate::queues::source::tests::authority::Authority;
use crate::queues::source::tests::served::{Served, json};
use std::path::PathBuf;

fn web(url: String) -> Web {
    Web { url, username: None, password_file: None }
}

async fn trouble(answer: &'static [u8]) -> Trouble {
    let served = Served::bytes(move |_| answer.to_vec());
    let site = Site::new(&web(served.url()), "/api");
    let trouble = site.json::<serde_json::Value>("/queues?x=1").await.unwrap_err();
    assert!(trouble.cause.contains(&format!("{}/api/queues", served.url())), "{trouble}");
    trouble
}

#[tokio::test]
async fn each_kind_of_failure_has_its_own_words() {
    let cases: [(&[u8], &str, &str); 13] = [
        (b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", "401", "username"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "403", "rights"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", "404", "no such interface"),
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "503", "log"),
        (
            b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
            "sends on to /login",
            "not followed",
        ),
        (
            b"HTTP/1.1 301 Moved\r\nlocation: http://a:s3cret@h/\r\ncontent-length: 0\r\n\r\n",
            "elsewhere",
            "url",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n\r\n <!doctype html><html>",
            "web page",
            "port and path",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\": [1,", "ends in the middle", "server"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"a\": [1,", "ends in the middle", "server"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "no JSON", "management interface"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "with nothing", "version"),
        (b"\x20\x02\x00\x05", "does not speak HTTP", "port"),
        (b"", "ends in the middle", "server"),
    ];
    for (answer, cause, cure) in cases {
        let trouble = trouble(answer).await;
        assert!(trouble.cause.contains(cause), "{trouble}");
        assert!(trouble.cure.contains(cure), "{trouble}");
        assert!(!trouble.to_string().contains("s3cret"), "{trouble}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let trouble = Site::new(&web(url.clone()), "").get("/x").await.unwrap_err();
    assert!(trouble.cause.contains(&url) && trouble.cause.contains("refused"), "{trouble}");
    let trouble = Site::new(&web("http://nowhere.invalid:1".into()), "").get("/x").await.unwrap_err();
    assert!(trouble.cause.contains("nowhere.invalid"), "{trouble}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let served = Served::silent();
    let began = std::time::Instant::now();
    let trouble = Site::new(&web(served.url()), "").get("/x").await.unwrap_err();
    assert!(trouble.cause.contains("within 10 s"), "{trouble}");
    assert!(began.elapsed() < ANSWER_MAX * 2);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let served = Served::endless();
    let trouble = Site::new(&web(served.url()), "").get("/x").await.unwrap_err();
    assert!(trouble.cause.contains("more than 64 MiB"), "{trouble}");
}

#[tokio::test]
async fn a_plain_port_asked_for_tls_is_told_from_one_that_is_silent() {
    let served = Served::bytes(|_| b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec());
    let url = served.url().replace("http://", "https://");
    let trouble = Site::new(&web(url.clone()), "").get("/x").await.unwrap_err();
    assert!(trouble.cause.contains(&format!("no TLS with {url}")), "{trouble}");
}

#[tokio::test]
async fn the_password_is_read_anew_and_goes_into_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("password");
    let served = Served::bytes(|request| {
        // `me:first` in base64.
        if request.contains("Basic bWU6Zmlyc3Q=") { json("[1]") } else { b"HTTP/1.1 401 No\r\n\r\n".to_vec() }
    });
    let mut web = web(served.url());
    web.username = Some("me".into());
    web.password_file = Some(file.clone());
    let site = Site::new(&web, "/api");
    std::fs::write(&file, "first\n").unwrap();
    assert_eq!(site.json::<Vec<u8>>("/x").await, Ok(vec![1]));
    std::fs::write(&file, "second\n").unwrap();
    let trouble = site.json::<Vec<u8>>("/x").await.unwrap_err();
    assert!(trouble.cause.contains("401") && !trouble.to_string().contains("second"), "{trouble}");
    assert!(!format!("{site:?}").contains("second"));
}

#[tokio::test]
async fn the_url_may_have_the_beginning_of_the_interface_or_not() {
    let served = Served::bytes(|request| json(&format!("{:?}", request.lines().next().unwrap_or_default())));
    for end in ["", "/", "/api/v5", "/api/v5/"] {
        let site = Site::new(&web(format!("{}{end}", served.url())), "/api/v5");
        assert_eq!(site.json::<String>("/clients").await.unwrap(), "GET /api/v5/clients HTTP/1.1", "{end}");
    }
}

#[tokio::test]
async fn a_certificate_is_verified() {
    let authority = Authority::new();
    let config = authority.server("localhost");
    let served = Served::tls(config, |_| json("[1]"));
    let url = served.url().replace("http://127.0.0.1", "https://localhost");
    let mut site = Site::new(&web(url), "");
    let trouble = site.get("/x").await.unwrap_err();
    assert!(trouble.cause.contains("no TLS with https://localhost"), "{trouble}");
    site.trust = Trust::of(authority.client());
    assert_eq!(site.json::<Vec<u8>>("/x").await, Ok(vec![1]));
    let other = served.url().replace("http://", "https://");
    let mut site = Site::new(&web(other), "");
    site.trust = Trust::of(authority.client());
    let trouble = site.get("/x").await.unwrap_err();
    assert!(trouble.cause.contains("not valid for"), "{trouble}");
}
