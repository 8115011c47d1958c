//! Real databases: Redis and PostgreSQL.

use super::authority::Authority;
use super::files::monstermq;
use super::monstermq_tables::tables;
use super::started::{Started, becomes, folder, free_port, run};
use super::*;
use crate::queues::source::database::Database;
use crate::queues::source::dial::Trust;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

fn redis(settings: &[&str]) -> (Started, u16) {
    let (folder, port) = (folder(), free_port());
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder.path());
    (Started::new(command.args(settings), "redis-server", folder).until_it_accepts(port), port)
}

/// Lines as a person would type them, which Redis takes, too.
fn tell(port: u16, lines: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "{lines}\r\nQUIT\r\n").unwrap();
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
}

fn redis_kind(port: u16, pattern: &str) -> Kind {
    Kind::Redis { web: web(&format!("redis://127.0.0.1:{port}")), pattern: pattern.into() }
}

#[tokio::test]
async fn redis_counts_lists_sorted_sets_and_streams_by_client() {
    let (_server, port) = redis(&[]);
    tell(
        port,
        "RPUSH queue:dev-off 1 2 3 4 5 6 7 8\r\nZADD queue:dev-on 1 a 2 b\r\nXADD queue:stream * a 1\r\n\
         SET queue:text x\r\nRPUSH \"queue:a\\\"b\\xff\" 1\r\nRPUSH other:dev-off 1\r\nRPUSH q:dev:high 1 2\r\n\
         ZADD q:dev:low 1 a",
    );
    let mut source = source(redis_kind(port, "queue:*"));
    let wanted = [queue("dev-off", 8), queue("dev-on", 2), queue("a\"b\\xFF", 1), queue("stream", 1)];
    assert_eq!(source.read(now()).await.unwrap().queues, wanted);
    assert_eq!(queues(redis_kind(port, "q:{client}:*")).await, [queue("dev", 3)]);
    tell(port, "LTRIM queue:dev-off 1 0");
    // Redis has no empty lists: what is gone is not told.
    assert_eq!(source.read(now()).await.unwrap().queues, wanted[1..]);
    let trouble = read(redis_kind(port, "queue:te*t")).await.unwrap_err();
    assert!(trouble.cause.contains("of type string"), "{trouble}");
    assert!(queues(redis_kind(port, "nothing:*")).await.is_empty());
}

#[tokio::test]
async fn ten_thousand_keys_of_redis_are_read_at_once() {
    let (_server, port) = redis(&[]);
    let lines: Vec<String> =
        (0..10_000).map(|client| format!("RPUSH q:c{client} {}", "x ".repeat(client % 5 + 1))).collect();
    tell(port, &lines.join("\r\n"));
    let began = std::time::Instant::now();
    let reading = limited(redis_kind(port, "q:*"), 500).read(now()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!((reading.queues.len(), reading.refused), (500, 9_500));
    assert!(reading.queues.iter().all(|queue| queue.depth == Some(5)));
}

#[tokio::test]
async fn redis_wants_a_password_and_a_database() {
    let (server, port) = redis(&["--requirepass", "s3cret"]);
    let trouble = read(redis_kind(port, "q:*")).await.unwrap_err();
    assert!(trouble.cause.contains("NOAUTH") && trouble.cure.contains("password_file"), "{trouble}");
    let password = server.path().join("password");
    let mut web = web(&format!("redis://127.0.0.1:{port}/1"));
    web.password_file = Some(password.clone());
    std::fs::write(&password, "s3cret\n").unwrap();
    tell(port, "AUTH s3cret\r\nSELECT 1\r\nRPUSH q:a 1 2");
    let kind = |web: &Web| Kind::Redis { web: web.clone(), pattern: "q:*".into() };
    assert_eq!(queues(kind(&web)).await, [queue("a", 2)]);
    std::fs::write(&password, "wr0ng\n").unwrap();
    let trouble = read(kind(&web)).await.unwrap_err();
    assert!(trouble.cause.contains("WRONGPASS") && !trouble.to_string().contains("wr0ng"), "{trouble}");
}

#[tokio::test]
async fn what_is_no_redis_is_told() {
    let served = super::served::Served::bytes(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let url = served.url().replace("http://", "redis://");
    let trouble = read(Kind::Redis { web: web(&url), pattern: "q:*".into() }).await.unwrap_err();
    assert!(trouble.cause.contains(&url), "{trouble}");
    let trouble = read(redis_kind(free_port(), "q:*")).await.unwrap_err();
    assert!(trouble.cause.contains("refused"), "{trouble}");
}

/// PostgreSQL's programs, which Debian puts where no shell looks for them.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| panic!("{name} is not there; install the package postgresql"))
}

/// It refuses to run as root.
fn as_somebody(name: &str, folder: &TempDir) -> Command {
    let id = run(Command::new("id").arg("-u"), "coreutils");
    if id.stdout != b"0\n" {
        return Command::new(program(name));
    }
    run(Command::new("chown").arg("-R").arg("postgres").arg(folder.path()), "postgresql");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program(name));
    command
}

fn postgres() -> (Started, u16) {
    postgres_with(folder(), &[])
}

fn postgres_with(folder: TempDir, more: &[&str]) -> (Started, u16) {
    let port = free_port();
    let base = folder.path().join("base");
    let mut init = as_somebody("initdb", &folder);
    run(
        init.args(["-A", "trust", "-U", "me", "-N", "-E", "UTF8", "--locale", "C", "-D"]).arg(&base),
        "postgresql",
    );
    let mut command = as_somebody("postgres", &folder);
    command
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-c", "fsync=off", "-k"])
        .arg(folder.path())
        .args(more);
    let server = Started::new(command.arg("-D").arg(&base), "postgresql", folder).until_it_accepts(port);
    let ready = becomes(|| server.log().contains("ready to accept connections"));
    assert!(ready, "{}", server.log());
    (server, port)
}

async fn tell_postgres(port: u16, statements: &str) {
    let dsn = format!("postgres://me@127.0.0.1:{port}/postgres");
    let (client, connection) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statements).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

async fn sql(port: u16, query: &str) -> Result<Reading, Trouble> {
    let dsn = format!("postgres://me:s3cret@127.0.0.1:{port}/postgres").into();
    read(Kind::Sql { dsn, query: query.into() }).await
}

#[tokio::test]
async fn postgresql_is_read_and_never_written() {
    let (_server, port) = postgres();
    for generation in 1..=4 {
        let fresh = format!("DROP SCHEMA public CASCADE; CREATE SCHEMA public; {}", tables(generation, true));
        tell_postgres(port, &fresh).await;
        let dsn = format!("postgres://me@127.0.0.1:{port}/postgres").into();
        assert_eq!(queues(Kind::Monstermq { dsn }).await, monstermq(generation), "{generation}");
    }
    let every_type = "SELECT 'a\"b' AS client_id, sum(n) AS depth, 1::smallint AS inflight, 2.0::float8 AS bytes, \
                      '5' AS limit_messages, timestamptz '2026-11-21 00:00:00Z' AS oldest_at_ms, true AS connected, \
                      NULL AS dropped FROM generate_series(1, 3) n -- and a comment";
    let wanted = Queue {
        inflight: Some(1),
        bytes: Some(2),
        limit_messages: Some(5),
        oldest: Some(Wall(1_795_219_200_000_000)),
        connected: Some(true),
        ..queue("a\"b", 6)
    };
    assert_eq!(sql(port, every_type).await.unwrap().queues, [wanted]);
    let odd = "SELECT '\\x61ff'::bytea AS client_id, 1 AS depth";
    assert_eq!(sql(port, odd).await.unwrap().queues, [queue("a\\xFF", 1)]);
    let many = "SELECT 'c' || n AS client_id, n AS depth FROM generate_series(1, 30000) n";
    let reading = sql(port, many).await.unwrap();
    assert_eq!((reading.queues.len(), reading.refused), (20_000, 10_000));
    assert_eq!(reading.queues[0], queue("c30000", 30_000));
}

#[tokio::test]
async fn what_postgresql_refuses_is_told_with_a_cure() {
    let (_server, port) = postgres();
    tell_postgres(port, "CREATE TABLE q (client_id text, depth int); INSERT INTO q VALUES ('a', 1)").await;
    tell_postgres(port, "CREATE FUNCTION gone() RETURNS int LANGUAGE sql AS 'DELETE FROM q RETURNING depth'")
        .await;
    let cases = [
        ("DELETE FROM q", "no column"),
        ("DELETE FROM q RETURNING client_id, depth", "syntax error"),
        ("SELECT 'a' AS client_id, gone() AS depth", "read-only transaction"),
        ("SELECT client_id, depth FROM q) q; DELETE FROM q; SELECT * FROM (SELECT 1", "syntax error"),
        ("SELECT client_id, depth FROM nowhere", "\"nowhere\" does not exist"),
        ("SELECT client_id, depth, depth AS deep FROM q", "`deep`"),
        ("SELECT client_id, depth FROM q, pg_sleep(60)", "within 10 s"),
    ];
    for (query, words) in cases {
        let trouble = sql(port, query).await.unwrap_err();
        assert!(trouble.cause.contains(words), "{query}: {trouble}");
        assert!(!trouble.to_string().contains("s3cret"), "{trouble}");
    }
    assert_eq!(sql(port, "SELECT client_id, depth FROM q").await.unwrap().queues, [queue("a", 1)]);
    let ask =
        async |dsn: String| read(Kind::Sql { dsn: dsn.into(), query: "SELECT 1".into() }).await.unwrap_err();
    let trouble = ask(format!("postgres://me:s3cret@127.0.0.1:{port}/nowhere")).await;
    assert!(
        trouble.cause.contains("\"nowhere\" does not exist") && trouble.cure.contains("database"),
        "{trouble}"
    );
    let trouble = ask(format!("postgres://me:s3cret@127.0.0.1:{}/d", free_port())).await;
    assert!(trouble.cause.contains("refused") && !trouble.to_string().contains("s3cret"), "{trouble}");
    let trouble = ask(format!("postgres://me:s3cret@127.0.0.1:{port}/postgres?sslmode=require")).await;
    assert!(trouble.cause.contains("TLS") && trouble.cure.contains("sslmode=disable"), "{trouble}");
}

#[tokio::test]
async fn postgresql_with_tls_is_verified() {
    let authority = Authority::new();
    let (cert, key) = authority.signed("localhost");
    let folder = folder();
    let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_file, cert).unwrap();
    std::fs::write(&key_file, key).unwrap();
    std::fs::set_permissions(&key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let cert = format!("ssl_cert_file={}", cert_file.display());
    let key = format!("ssl_key_file={}", key_file.display());
    let (_server, port) = postgres_with(folder, &["-c", "ssl=on", "-c", &cert, "-c", &key]);
    let query = "SELECT 'me' AS client_id, ssl::int AS depth FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let ask = async |mode: &str, trusting: bool| {
        let dsn = format!("postgres://me@localhost:{port}/postgres{mode}").into();
        let mut database = Database::parse(&dsn).unwrap();
        if let (Database::Postgres(server), true) = (&mut database, trusting) {
            server.trust = Trust::of(authority.client());
        }
        database.queues(query, 1).await
    };
    for mode in ["?sslmode=require", "?sslmode=verify-full"] {
        assert_eq!(ask(mode, true).await.unwrap().queues, [queue("me", 1)]);
        let trouble = ask(mode, false).await.unwrap_err();
        assert!(
            trouble.cause.contains("UnknownIssuer") && trouble.cure.contains("SSL_CERT_FILE"),
            "{trouble}"
        );
    }
    for mode in ["", "?sslmode=disable"] {
        assert_eq!(ask(mode, false).await.unwrap().queues, [queue("me", 0)]);
    }
}
