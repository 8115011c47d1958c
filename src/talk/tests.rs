//! Whoever answers CONNECT with something else than CONNACK. The other side is a script in memory.

use super::*;
use crate::ingest::fake::broker;
use tokio::io::DuplexStream;

const LIMIT: Duration = Duration::from_secs(5);

/// What CONNECT with a user and a password comes to, before a server that does this.
async fn refused<F: Future<Output = DuplexStream>>(serve: impl FnOnce(DuplexStream) -> F) -> Cause {
    let mut broker = broker(1);
    (broker.username, broker.password) = (Some("alice".to_owned()), Some("s3cret".into()));
    let (near, far) = tokio::io::duplex(4096);
    let mut talk = Talk::new(Way { stream: Box::new(near), framed: false }, true);
    // The far end is open until CONNECT has come to something.
    let (answer, _far) = tokio::join!(talk.connect(&broker, "id", LIMIT), serve(far));
    answer.expect_err("it is no broker")
}

async fn heard(far: &mut DuplexStream) -> Vec<u8> {
    let mut connect = Vec::new();
    while !connect.ends_with(b"s3cret") {
        assert_ne!(far.read_buf(&mut connect).await.unwrap(), 0, "all of CONNECT comes");
    }
    connect
}

#[tokio::test]
async fn a_server_that_quotes_connect_makes_us_show_neither_user_nor_password() {
    let plain = |connect: Vec<u8>| connect;
    let printed = |connect: Vec<u8>| connect.into_iter().filter(u8::is_ascii_graphic).collect();
    let escaped = |connect: Vec<u8>| connect.escape_ascii().to_string().into_bytes();
    let halved = |mut connect: Vec<u8>| connect.drain(..connect.len() - 3).collect();
    for quote in [plain, printed, escaped, halved] {
        let cause = refused(|mut far| async move {
            let said = [b"-ERR unknown '", &quote(heard(&mut far).await)[..], b"'\r\n"].concat();
            far.write_all(&said).await.unwrap();
            far
        });
        let Cause::NotMqtt(text) = cause.await else { panic!("it was text") };
        assert!(!text.contains("alice") && !text.contains("s3c"), "{text}");
    }
}

#[tokio::test]
async fn a_goodbye_of_two_bytes_is_no_silence_though_the_connection_stays_open() {
    let cause = refused(|mut far| async move {
        heard(&mut far).await;
        far.write_all(&[0xe0, 0]).await.unwrap();
        far
    });
    assert_eq!(cause.await, connack::left(0));
}
