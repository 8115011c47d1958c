//! A state file that cannot be used: told, kept for whoever wants to look, and no reason not to start.

use crate::scene::{Scene, messages, names, until_online};
use crate::support::{Mosquitto, Publisher, SOON};
use std::fs;

/// What may happen to a file, and the word for it.
type Damage = (&'static str, fn(&[u8]) -> Vec<u8>);

const DAMAGES: [Damage; 6] = [
    ("shorter than its header", |_| Vec::new()),
    ("not the length it should have", |whole| whole[..whole.len() - 7].to_vec()),
    ("checksum does not match", |whole| {
        let mut bytes = whole.to_vec();
        let middle = bytes.len() / 2 + 12;
        bytes[middle] ^= 0x10;
        bytes
    }),
    ("no state file", |_| b"something else altogether, long enough to be taken for one".to_vec()),
    ("written by another version", |whole| {
        let mut bytes = whole.to_vec();
        bytes[8] = 99;
        bytes
    }),
    ("its body cannot be read", |whole| {
        // A true checksum over nonsense.
        let body = [0xFF_u8; 40];
        let length = 40_u64.to_le_bytes();
        [&whole[..12], &crc32fast::hash(&body).to_le_bytes(), &length, &body].concat()
    }),
];

#[test]
fn a_state_file_that_cannot_be_used_is_set_aside_with_a_clear_word_and_the_sidecar_starts() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    Publisher::connect(mosquitto.port()).publish("fleet/d1/t", r#"{"points":{"v":1}}"#);
    until_online(&sidecar, 1);
    sidecar.stop();
    let file = scene.data().join("state.bin");
    let whole = fs::read(&file).unwrap();
    for (word, damage) in DAMAGES {
        let bytes = damage(&whole);
        fs::write(&file, &bytes).unwrap();
        let sidecar = scene.sidecar();
        sidecar.wait_until(word, SOON, |own| own.log().contains("set aside"));
        let log = sidecar.log();
        assert!(log.contains(word) && log.contains("tracking starts anew"), "{word}\n{log}");
        sidecar.until_connected();
        assert!(messages(&sidecar.metrics()) < 0.5, "{word}: it starts anew");
        sidecar.stop();
        let aside: Vec<String> =
            names(&scene.data()).into_iter().filter(|name| name.contains("damaged")).collect();
        let [aside] = aside.as_slice() else { panic!("{word}: {aside:?}") };
        let aside = scene.data().join(aside);
        assert_eq!(fs::read(&aside).unwrap(), bytes, "{word}: kept as it was");
        fs::remove_file(aside).unwrap();
        // What it wrote in its place is sound.
        let sidecar = scene.sidecar();
        sidecar.until_connected();
        assert!(!sidecar.stop().contains("set aside"), "{word}");
    }
    fs::write(&file, &whole).unwrap();
    let sidecar = scene.sidecar();
    until_online(&sidecar, 1);
}

#[test]
fn a_leftover_of_an_unfinished_save_is_of_no_account() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    fs::create_dir_all(scene.data()).unwrap();
    fs::write(scene.data().join("state.new"), b"half").unwrap();
    fs::write(scene.data().join("id"), b"not an id").unwrap();
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    assert!(!sidecar.stop().contains("set aside"));
    let id = fs::read_to_string(scene.data().join("id")).unwrap();
    assert_eq!(id.trim().len(), 8, "{id}");
}

#[test]
fn a_data_folder_serves_one_sidecar_at_a_time() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let first = scene.sidecar();
    let folder = scene.data();
    let second = crate::support::run(&[
        "run",
        "--broker",
        "mqtt://127.0.0.1:1",
        "--web.listen-address",
        "127.0.0.1:0",
        "--data-dir",
        folder.to_str().unwrap(),
    ]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("in use by another watchkeeper"), "{second:?}");
    first.stop();
}
