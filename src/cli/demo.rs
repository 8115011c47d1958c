//! `demo`: an embedded broker, a fleet with faults and the ordinary sidecar, in one process. It writes only below
//! its folder and needs nothing installed.

use super::args::Demo;
use crate::demo::{self, DemoFleet};
use crate::sidecar;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Seed of the demo's fleet: the same faults for everybody.
const SEED: u64 = 7;

/// Runs until it is interrupted.
pub(crate) fn run(
    arguments: &Demo,
    env: Vec<(String, String)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let broker = demo::start_broker("127.0.0.1:0").await?;
        let dir = folder(arguments)?;
        let mut flags = arguments.common.flags();
        flags.brokers = vec![format!("mqtt://{}", broker.addr).as_str().into()];
        flags.data_dir.get_or_insert_with(|| dir.join("data"));
        flags.log_level.get_or_insert_with(|| "warn".to_owned());
        let Some(config) = super::configured(arguments.common.config.as_deref(), env, flags, err) else {
            return Ok(ExitCode::from(super::BAD));
        };
        let fleet = DemoFleet::start(demo::settings(broker.addr, SEED));
        let mut announce = |started: &sidecar::Started| {
            announce(started.addresses, broker.addr, &dir, out).map_err(anyhow::Error::from)
        };
        let done = sidecar::run_until(config, None, &mut announce).await;
        fleet.stop().await?;
        broker.stop().await;
        if arguments.dir.is_none() {
            // Nobody asked to keep it; where it cannot be removed it stays where we said it is.
            let _ = std::fs::remove_dir_all(&dir);
        }
        done.map(|()| ExitCode::SUCCESS)
    })
}

fn folder(arguments: &Demo) -> anyhow::Result<PathBuf> {
    let dir = match &arguments.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("watchkeeper-demo-{}", std::process::id())),
    };
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

fn announce(
    web: &[SocketAddr],
    broker: SocketAddr,
    dir: &std::path::Path,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    for address in web {
        writeln!(out, "the page      http://{address}/")?;
        writeln!(out, "metrics       http://{address}/metrics")?;
        writeln!(out, "health        http://{address}/api/health")?;
        writeln!(out, "devices       http://{address}/api/nodes?sort=-error_ratio")?;
    }
    writeln!(out, "the broker    mqtt://{broker}")?;
    writeln!(out, "its files     {}", dir.display())?;
    writeln!(out, "\n40 simulated devices speak every 2 s. Within a minute two are gone, points are stuck,")?;
    writeln!(out, "messages come late, malformed or out of range. Ctrl-C ends it.")?;
    out.flush()
}
