//! Real brokers: a device subscribes and leaves, eight messages are sent, and the source says eight; the device comes
//! back and takes them, and the source says none.

use super::started::{Started, becomes, folder, free_port, leaves, sends_eight, takes};
use super::*;
use std::path::PathBuf;
use std::process::Command;

const DEVICE: &str = "dev-persist \"1\"";

/// The one queue of the device, as soon as the source tells this depth.
async fn until(source: &mut dyn Source, depth: u64) -> Queue {
    for _ in 0..600 {
        let reading = source.read(now()).await.unwrap();
        let found = reading.queues.into_iter().find(|queue| queue.client_id == DEVICE);
        // What the device acknowledged as it left is still being dealt with.
        let settled = |queue: &Queue| queue.depth == Some(depth) && queue.inflight == Some(0);
        if let Some(queue) = found.filter(settled) {
            return queue;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let reading = source.read(now()).await;
    panic!("the source does not tell a depth of {depth}: {reading:?}");
}

/// The whole story; what is known while eight wait, and after.
async fn eight_and_none(source: &mut dyn Source, port: u16) -> (Queue, Queue) {
    leaves(port, DEVICE);
    sends_eight(port);
    let eight = until(source, 8).await;
    takes(port, DEVICE, 8);
    (eight, until(source, 0).await)
}

fn mosquitto() -> (Started, u16) {
    let (folder, port) = (folder(), free_port());
    let path = folder.path().display().to_string();
    let settings = format!(
        "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {path}/\n\
         autosave_interval 1\nlog_dest stderr\n"
    );
    std::fs::write(folder.path().join("mosquitto.conf"), settings).unwrap();
    let mut command = Command::new("/usr/sbin/mosquitto");
    command.arg("-c").arg(folder.path().join("mosquitto.conf"));
    (Started::new(&mut command, "mosquitto", folder).until_it_accepts(port), port)
}

#[tokio::test]
async fn mosquitto_eight_wait_and_then_none() {
    let (broker, port) = mosquitto();
    let path: PathBuf = broker.path().join("mosquitto.db");
    let mut source = source(Kind::MosquittoDb { path: path.clone() });
    let trouble = source.read(now()).await.unwrap_err();
    assert!(trouble.cause.contains("mosquitto.db cannot be opened"), "{trouble}");
    assert!(trouble.cure.contains("persistence true"), "{trouble}");
    leaves(port, DEVICE);
    sends_eight(port);
    broker.signal("USR1");
    assert!(becomes(|| path.exists()));
    let eight = until(source.as_mut(), 8).await;
    assert_eq!(eight, Queue { inflight: Some(0), bytes: Some(72), ..queue(DEVICE, 8) });
    let as_of = source.read(now()).await.unwrap().as_of.unwrap();
    assert!((0..60_000_000).contains(&(now().0 - as_of.0)), "{as_of:?}");
    takes(port, DEVICE, 8);
    broker.signal("USR1");
    let none = until(source.as_mut(), 0).await;
    assert_eq!(none, Queue { inflight: Some(0), bytes: Some(0), ..queue(DEVICE, 0) });
}

#[tokio::test]
async fn nats_eight_wait_and_then_none() {
    let (folder, port, http) = (folder(), free_port(), free_port());
    let settings = format!(
        "server_name: one\nlisten: \"127.0.0.1:{}\"\nhttp: \"127.0.0.1:{http}\"\njetstream {{ store_dir: \"{}\" }}\n\
         mqtt {{ listen: \"127.0.0.1:{port}\" }}\n",
        free_port(),
        folder.path().join("store").display()
    );
    std::fs::write(folder.path().join("nats.conf"), settings).unwrap();
    let mut command = Command::new("nats-server");
    command.arg("-c").arg(folder.path().join("nats.conf"));
    let server =
        Started::new(&mut command, "nats-server", folder).until_it_accepts(port).until_it_accepts(http);
    let mut source = source(Kind::Nats(web(&format!("http://127.0.0.1:{http}"))));
    assert!(source.read(now()).await.unwrap().queues.is_empty(), "{}", server.log());
    let (eight, none) = eight_and_none(source.as_mut(), port).await;
    let known = |queue| Queue { inflight: Some(0), connected: Some(false), ..queue };
    assert_eq!((eight, none), (known(queue(DEVICE, 8)), known(queue(DEVICE, 0))));
}

/// RabbitMQ, with the ports of MQTT, of the management interface and of metrics. The second server is the one by which
/// Erlang's nodes find each other; it would otherwise stay behind as a daemon.
fn rabbitmq() -> (Started, Started, [u16; 3]) {
    let (folder, path) = {
        let folder = folder();
        let path = folder.path().to_owned();
        (folder, path)
    };
    let [mqtt, http, metrics, names, dist, amqp] = [(); 6].map(|()| free_port());
    let settings = format!(
        "listeners.tcp.default = 127.0.0.1:{amqp}\nmqtt.listeners.tcp.default = 127.0.0.1:{mqtt}\n\
         mqtt.allow_anonymous = true\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {http}\n\
         prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {metrics}\ncollect_statistics_interval = 1000\n"
    );
    std::fs::write(path.join("rabbitmq.conf"), settings).unwrap();
    let plugins = "[rabbitmq_mqtt,rabbitmq_management,rabbitmq_prometheus].\n";
    std::fs::write(path.join("plugins"), plugins).unwrap();
    let mut epmd = Command::new("epmd");
    epmd.args(["-port", &names.to_string(), "-address", "127.0.0.1"]);
    let epmd = Started::new(&mut epmd, "rabbitmq-server", super::started::folder()).until_it_accepts(names);
    // Not the one in /usr/sbin, which changes to another user, who may not write into our folder.
    let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    command
        .env("HOME", &path)
        .env("RABBITMQ_NODENAME", format!("wk{dist}@localhost"))
        .env("RABBITMQ_CONFIG_FILE", path.join("rabbitmq.conf"))
        .env("RABBITMQ_CONF_ENV_FILE", path.join("none"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", path.join("plugins"))
        .env("RABBITMQ_MNESIA_BASE", path.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", path.join("log"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_DIST_PORT", dist.to_string())
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", names.to_string());
    let broker = Started::new(&mut command, "rabbitmq-server", folder);
    let broker = broker.until_it_accepts(mqtt).until_it_accepts(http).until_it_accepts(metrics);
    (broker, epmd, [mqtt, http, metrics])
}

#[tokio::test]
async fn rabbitmq_eight_wait_and_then_none() {
    let (broker, _epmd, [mqtt, http, metrics]) = rabbitmq();
    let password = broker.path().join("password");
    std::fs::write(&password, "guest\n").unwrap();
    let mut web = web(&format!("http://127.0.0.1:{http}"));
    web.username = Some("guest".into());
    web.password_file = Some(password);
    let mut managed = source(Kind::Rabbitmq { web: web.clone(), vhost: None });
    let url = format!("http://127.0.0.1:{metrics}/metrics/detailed");
    let mut measured = source(Kind::Rabbitmq { web: super::web(&url), vhost: None });

    leaves(mqtt, DEVICE);
    sends_eight(mqtt);
    let off = |queue| Queue { inflight: Some(0), connected: Some(false), ..queue };
    assert_eq!(until(managed.as_mut(), 8).await, Queue { bytes: Some(72), ..off(queue(DEVICE, 8)) });
    assert_eq!(until(measured.as_mut(), 8).await, off(queue(DEVICE, 8)));
    takes(mqtt, DEVICE, 8);
    assert_eq!(until(managed.as_mut(), 0).await, Queue { bytes: Some(0), ..off(queue(DEVICE, 0)) });
    assert_eq!(until(measured.as_mut(), 0).await, off(queue(DEVICE, 0)));

    let mut nobody = web.clone();
    nobody.username = Some("nobody".into());
    let trouble = read(Kind::Rabbitmq { web: nobody, vhost: None }).await.unwrap_err();
    assert!(trouble.cause.contains("401"), "{trouble}");
    let trouble = read(Kind::Rabbitmq { web, vhost: Some("nowhere".into()) }).await.unwrap_err();
    assert!(trouble.cause.contains("404"), "{trouble}");
}
