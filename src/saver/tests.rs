//! Saves that go on while the fleets do, and those that come to nothing.

use super::*;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::time::{Now, Wall};

fn watched(name: &str, devices: u32) -> Watched {
    let rules =
        FleetRules { broker: name.into(), streams: vec![presets::generic()], ..FleetRules::default() };
    let mut watched = Watched::new(Fleet::new(rules));
    speak(&mut watched, 0..devices, 1);
    watched
}

fn speak(watched: &mut Watched, devices: std::ops::Range<u32>, at: i64) {
    let now = Now { mono: Mono(at.unsigned_abs()), wall: Wall(at) };
    for device in devices {
        watched
            .fleet
            .arrival(&Arrival::live(&format!("device{device}/value"), at.to_string().as_bytes()), now);
    }
}

/// The brokers of a file with the number of their devices.
fn read(file: &StateFile) -> Vec<(String, usize)> {
    let saved = file.load(&crate::audit::Desk::default());
    let count = |saved: Saved<Device>| {
        let mut anew = watched(saved.broker(), 0);
        let name = saved.broker().to_owned();
        anew.restore(saved);
        (name, anew.fleet.devices().count())
    };
    saved.into_iter().map(count).collect()
}

async fn complete(saver: &mut Saver, brokers: &mut [Watched], meanwhile: impl Fn(&mut [Watched])) {
    while saver.is_busy() {
        saver.turn().await;
        saver.step(brokers);
        meanwhile(brokers);
    }
}

#[tokio::test]
async fn several_brokers_and_one_that_is_away_are_read_as_they_were_when_the_save_began() {
    let folder = tempfile::tempdir().unwrap();
    let data = crate::state::DataDir::open(folder.path()).unwrap();
    let file = data.state_file();
    let own = Own::new().unwrap();
    let mut before = vec![watched("away", 40)];
    let mut saver = Saver::new(file.clone(), own.clone(), &[]);
    saver.begin(&mut before, Vec::new());
    complete(&mut saver, &mut before, |_| {}).await;
    assert_eq!(read(&file), [("away".to_owned(), 40)]);

    let mut saver = Saver::new(file.clone(), own.clone(), &file.load(&crate::audit::Desk::default()));
    let mut brokers = vec![watched("first", 3000), watched("empty", 0), watched("last", 700)];
    let (told, heard) = oneshot::channel();
    saver.begin(&mut brokers, vec![told]);
    let meanwhile = |brokers: &mut [Watched]| {
        for (at, broker) in brokers.iter_mut().enumerate() {
            speak(broker, 0..3500, 1_000_000 + i64::try_from(at).unwrap());
            broker.fleet.forget("device7");
        }
    };
    complete(&mut saver, &mut brokers, meanwhile).await;
    assert!(heard.await.unwrap().is_ok());
    let found = [("first", 3000), ("empty", 0), ("last", 700), ("away", 40)];
    assert_eq!(read(&file), found.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!((own.state_saves.get(), own.state_save_failures.get()), (2, 0));
}

#[tokio::test]
async fn a_disk_that_refuses_ends_a_save_and_the_next_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = crate::state::DataDir::open(folder.path()).unwrap();
    let (file, own) = (data.state_file(), Own::new().unwrap());
    let place = folder.path().join("state.new");
    std::fs::create_dir(&place).unwrap();
    let mut saver = Saver::new(file.clone(), own.clone(), &[]);
    let mut brokers = vec![watched("main", 3000)];
    let (told, heard) = oneshot::channel();
    saver.begin(&mut brokers, vec![told]);
    complete(&mut saver, &mut brokers, |_| {}).await;
    assert!(heard.await.unwrap().is_err());
    assert_eq!((own.state_saves.get(), own.state_save_failures.get()), (0, 1));
    std::fs::remove_dir(&place).unwrap();
    saver.begin(&mut brokers, Vec::new());
    complete(&mut saver, &mut brokers, |_| {}).await;
    assert_eq!(read(&file), [("main".to_owned(), 3000)]);
}

#[tokio::test]
async fn a_state_that_cannot_be_encoded_is_not_told_as_a_disk_that_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let data = crate::state::DataDir::open(folder.path()).unwrap();
    let (file, own) = (data.state_file(), Own::new().unwrap());
    let mut saver = Saver::new(file.clone(), own.clone(), &[]);
    let mut brokers = vec![watched("main", 3000)];
    let (told, heard) = oneshot::channel();
    saver.begin(&mut brokers, vec![told]);
    let to = saver.copying.as_ref().map(|copying| copying.to.clone()).expect("there is more to copy");
    saver.give_up(&mut brokers, &to, &postcard::Error::SerializeSeqLengthUnknown);
    drop(to);
    let why = heard.await.unwrap().unwrap_err();
    assert!(why.to_string().starts_with("the state cannot be put into the form"), "{why}");
    assert!(why.cure().contains("not of the disk") && !why.is_full, "{}", why.cure());
    complete(&mut saver, &mut brokers, |_| {}).await;
    assert_eq!((own.state_saves.get(), own.state_save_failures.get()), (0, 1));
    saver.begin(&mut brokers, Vec::new());
    complete(&mut saver, &mut brokers, |_| {}).await;
    assert_eq!(read(&file), [("main".to_owned(), 3000)]);
}
