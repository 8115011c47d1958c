//! `watchkeeper healthcheck`: asks a running sidecar how it is, for containers without curl. What it prints comes
//! from the sidecar; it must not judge by itself.

use super::args::Remote;
use super::client::{Client, Method};
use serde_json::Value;
use std::io::{self, Write};

/// The arguments.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Healthcheck {
    /// Which sidecar.
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Asks, prints, and gives the exit code: 0 healthy or degraded, 1 not.
pub(crate) async fn run(arguments: &Healthcheck, out: &mut dyn Write) -> io::Result<u8> {
    match ask(arguments).await {
        Ok(report) => print(&report, out),
        Err(error) => {
            writeln!(out, "{error:#}")?;
            Ok(1)
        }
    }
}

async fn ask(arguments: &Healthcheck) -> anyhow::Result<Value> {
    let answer = Client::of(&arguments.remote)?.ask(Method::Get, "/api/health", None).await?;
    match (answer.status, serde_json::from_slice::<Value>(&answer.body)) {
        (200 | 503, Ok(report)) if report["status"].is_string() => Ok(report),
        (status, Ok(problem)) if problem["detail"].is_string() => {
            anyhow::bail!("HTTP {status}: {}", plain(&problem["detail"]))
        }
        (status, _) => anyhow::bail!("HTTP {status} and no health report; is this the sidecar?"),
    }
}

fn print(report: &Value, out: &mut dyn Write) -> io::Result<u8> {
    let status = plain(&report["status"]);
    writeln!(out, "{status}")?;
    for issue in report["issues"].as_array().into_iter().flatten() {
        writeln!(
            out,
            "{}: {} ({})",
            plain(&issue["severity"]),
            plain(&issue["summary"]),
            plain(&issue["code"])
        )?;
        writeln!(out, "    cure: {}", plain(&issue["cure"]))?;
    }
    Ok(u8::from(!matches!(status.as_str(), "healthy" | "degraded")))
}

/// Text for a terminal: no control character of it gets through.
fn plain(value: &Value) -> String {
    value.as_str().unwrap_or("?").chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_report_is_printed_with_its_cures() {
        let check = |report: &Value, code: u8, expected: &str| {
            let mut out = Vec::new();
            assert_eq!(print(report, &mut out).unwrap(), code);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(&json!({"status": "healthy", "issues": null}), 0, "healthy\n");
        let issue = json!({"code": "c", "severity": "warning", "summary": "s\u{1b}[2J", "cure": "do"});
        check(
            &json!({"status": "degraded", "issues": [issue]}),
            0,
            "degraded\nwarning: s\u{fffd}[2J (c)\n    cure: do\n",
        );
        check(&json!({"status": "unhealthy"}), 1, "unhealthy\n");
    }

    async fn against(answer: &'static str) -> (u8, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /api/health HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let mut out = Vec::new();
        let remote = Remote { url, token_file: None, user: None, password_file: None, ca_file: None };
        let arguments = Healthcheck { remote };
        let (code, ()) = tokio::join!(run(&arguments, &mut out), server);
        (code.unwrap(), String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn each_answer_has_its_exit_code() {
        let healthy = "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"healthy\",\"issues\":null}";
        assert_eq!(against(healthy).await, (0, "healthy\n".to_owned()));
        let refused = "HTTP/1.1 401 Unauthorized\r\n\r\n{\"detail\":\"give a user\"}";
        assert_eq!(against(refused).await, (1, "HTTP 401: give a user\n".to_owned()));
        assert_eq!(against("HTTP/1.1 200 OK\r\n\r\n{}").await.0, 1);
        assert_eq!(against("hello").await.0, 1);
    }
}
