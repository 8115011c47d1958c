//! A broker's log on its way into ours, with a disk that does what the story says.

use super::*;
use crate::audit::marks::paper::Paper;
use std::fs::File;
use std::io::Write;
use tempfile::TempDir;
use watchkeeper_core::broker::clients::Change;

struct Scene {
    dir: TempDir,
    paper: Arc<Paper>,
    marks: Arc<Marks>,
    feed: Arc<Feed>,
}

impl Scene {
    fn new(room: usize) -> Self {
        let (paper, marks) = Paper::new(room);
        Self { dir: tempfile::tempdir().unwrap(), paper, marks, feed: Arc::default() }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("broker.log")
    }

    fn write(&self, lines: &[&str]) {
        let mut file = File::options().create(true).append(true).open(self.log()).unwrap();
        for line in lines {
            writeln!(file, "1795244568: {line}").unwrap();
        }
    }

    fn journal(&self) -> Journal {
        self.of_shard(true)
    }

    fn of_shard(&self, records: bool) -> Journal {
        let follow =
            Follow { broker: "main".into(), path: self.log(), feed: Arc::clone(&self.feed), records };
        Journal::new(Setup {
            marks: Arc::clone(&self.marks),
            follows: vec![follow],
            notes: Arc::new(Notes::open(self.dir.path())),
            data_dir: self.dir.path().to_owned(),
            patience: Duration::from_millis(50),
        })
    }
}

const LEFT: &str = "Client a disconnected.";
const NO: &str = "Client <unknown> disconnected, not authorised.";

#[test]
fn where_another_shard_records_lines_are_counted_and_the_place_is_noted() {
    let scene = Scene::new(100);
    let mut journal = scene.of_shard(false);
    scene.write(&["mosquitto version 2.0.11 starting", LEFT, NO]);
    assert!(!journal.look(), "there is no record that has to be waited for");
    assert!(scene.paper.events().is_empty() && scene.dir.path().join(FILE).exists());
    let counted = scene.feed.take().events().map(|event| event.2).sum::<u64>();
    assert_eq!((counted, scene.feed.take_happened().len()), (2, 2));
}

#[test]
fn lines_become_records_and_counts_and_the_place_is_noted_when_they_are_safe() {
    let scene = Scene::new(100);
    let mut journal = scene.journal();
    scene.write(&["mosquitto version 2.0.11 starting", LEFT, "Saving in-memory database.", NO]);
    assert!(journal.look(), "the disk has to be waited for");
    assert_eq!(scene.paper.events(), ["client_disconnected", "client_refused"]);
    let places = scene.dir.path().join(FILE);
    assert!(!places.exists());
    scene.paper.sync_all();
    assert!(!journal.look());
    assert!(places.exists());
    let counted = scene.feed.take();
    assert_eq!(counted.events().map(|event| event.2).sum::<u64>(), 2);
    assert!(scene.feed.take().is_empty());
    // After a restart it goes on from there.
    scene.write(&[LEFT]);
    let mut journal = scene.journal();
    journal.look();
    assert_eq!(scene.paper.events().len(), 3);
}

#[test]
fn after_a_kill_only_what_was_not_safe_is_read_again() {
    let scene = Scene::new(100);
    let mut journal = scene.journal();
    scene.write(&[LEFT]);
    journal.look();
    scene.paper.sync_all();
    journal.look();
    scene.write(&[NO]);
    journal.look();
    drop(journal);
    scene.journal().look();
    assert_eq!(scene.paper.events(), ["client_disconnected", "client_refused", "client_refused"]);
}

#[test]
fn while_the_log_has_no_room_the_file_waits() {
    let scene = Scene::new(1);
    let mut journal = scene.journal();
    scene.write(&[LEFT, NO, LEFT]);
    assert!(journal.look() && journal.look());
    assert_eq!(scene.paper.events(), ["client_disconnected"]);
    scene.paper.sync_all();
    journal.look();
    assert!(!scene.dir.path().join(FILE).exists(), "a place in the middle of a batch is not noted");
    scene.paper.make_room(9);
    journal.look();
    scene.paper.sync_all();
    assert!(!journal.look());
    assert_eq!(scene.paper.events(), ["client_disconnected", "client_refused", "client_disconnected"]);
}

#[test]
fn a_log_that_was_replaced_while_we_were_away_is_told() {
    let scene = Scene::new(100);
    let mut journal = scene.journal();
    scene.write(&[LEFT]);
    journal.look();
    scene.paper.sync_all();
    journal.look();
    drop(journal);
    std::fs::remove_file(scene.log()).unwrap();
    scene.write(&["mosquitto version 2.0.11 starting", NO]);
    scene.journal().look();
    assert_eq!(scene.paper.events(), ["client_disconnected", "broker_log_lost", "client_refused"]);
}

#[test]
fn what_is_only_counted_needs_no_record_and_the_thread_ends_when_it_is_told() {
    let scene = Scene::new(100);
    let (stop, stopped) = watch::channel(false);
    let setup = Setup {
        marks: Arc::clone(&scene.marks),
        follows: Vec::new(),
        notes: Arc::new(Notes::open(scene.dir.path())),
        data_dir: scene.dir.path().to_owned(),
        patience: Duration::ZERO,
    };
    setup.notes.begin("main", "id", false, &[], clock::now());
    let thread = start(setup, stopped).unwrap();
    stop.send(true).unwrap();
    thread.join().unwrap();
    let again = Notes::open(scene.dir.path());
    assert!(again.begin("main", "id", false, &[], clock::now()).is_some(), "the last notes are saved");
    assert_eq!(scene.feed.take().events().filter(|event| event.0 == Change::Refused).count(), 0);
}
