//! The log over HTTP against a real folder: places, pages that are gone, who may ask. The answers themselves are
//! compared with the command line's in tests/audit.

use super::super::testing::{Setup, ask, desk};
use super::super::{Desk, security::Sender};
use super::*;
use crate::audit::{Opened, open};
use crate::config::Audit;
use crate::own::Own;
use std::path::Path;
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_core::time::Wall;

/// A log in small segments, with so many records of 1 KiB.
fn log(dir: &Path, records: i64) -> Opened {
    let config = Audit { rotate_bytes: 65_536, compress: false, ..Audit::below(dir) };
    let opened = open(&config, &Own::new().unwrap()).unwrap();
    for at in 0..records {
        let text = "x".repeat(1000);
        opened
            .window
            .note(Draft::new(Wall(at), Level::Info, Kind::Device, "message").text(Key::Details, &text));
    }
    opened
}

async fn until(opened: &Opened, records: u64) {
    for _ in 0..500 {
        let status = opened.window.status().unwrap();
        if status.records.iter().sum::<u64>() >= records {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the records are not written");
}

fn asked(opened: &Opened) -> Desk {
    desk(Setup { audit: Some(opened.window.clone()), ..Setup::default() })
}

#[tokio::test]
async fn a_page_that_was_pruned_meanwhile_is_gone_and_says_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let opened = log(folder.path(), 200);
    until(&opened, 200).await;
    let desk = asked(&opened);
    let page = ask(&desk, "GET /api/audit?type=DEVICE&limit=3", &[]).await.json();
    let cursor = page["next_cursor"].as_str().expect("there is more").to_owned();
    let dir = opened.window.dir().unwrap();
    std::fs::remove_file(dir.join("audit-00000000000000000000.log")).unwrap();
    let gone = ask(&desk, &format!("GET /api/audit?type=DEVICE&limit=3&cursor={cursor}"), &[]).await;
    gone.check_problem(410, "pruned");
    let first = gone.json()["first_seq"].as_u64().expect("it says where to begin");
    assert!(dir.join(format!("audit-{first:020}.log")).exists() && first > 3, "{first}");
    let other = ask(&desk, &format!("GET /api/audit?type=SYSTEM&limit=3&cursor={cursor}"), &[]).await;
    other.check_problem(400, "another question");
    // That it was asked is a record all the same.
    let failed = format!("GET /api/audit/histogram?type=DEVICE&step=1h&after={}", first / 2 - 1);
    ask(&desk, &failed, &[]).await.check_problem(410, "pruned");
    until_found(&desk, "text=histogram").await;
}

#[tokio::test]
async fn so_many_may_ask_at_once_and_who_comes_later_is_told_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let opened = log(folder.path(), 1);
    until(&opened, 1).await;
    let desk = asked(&opened);
    let room = &desk.shared.audit;
    for (places, path) in [
        (&room.searches, "/api/audit"),
        (&room.searches, "/api/audit/histogram?step=1h"),
        (&room.exports, "/api/audit/export"),
        (&room.followers, "/api/audit/tail"),
    ] {
        let all = places.available_permits();
        let taken = Arc::clone(places).acquire_many_owned(u32::try_from(all).unwrap()).await.unwrap();
        let refused = ask(&desk, &format!("GET {path}"), &[]).await;
        refused.check_problem(503, "ask again");
        assert_eq!(refused.headers["retry-after"], "5", "{path}");
        drop(taken);
    }
    assert_eq!(ask(&desk, "GET /api/audit", &[]).await.status, 200);
    assert_eq!(room.searches.available_permits(), SEARCHES_MAX, "who is done leaves the place");
}

#[tokio::test]
async fn the_log_is_asked_by_those_who_may_ask_the_api_and_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let opened = log(folder.path(), 1);
    let audit = Some(opened.window.clone());
    let locked = desk(Setup { locked: true, audit: audit.clone(), ..Setup::default() });
    let token = desk(Setup { token: Some("t0ken"), audit, ..Setup::default() });
    for path in ["", "/tail", "/histogram?step=1h", "/checkpoint", "/export"] {
        let request = format!("GET /api/audit{path}");
        ask(&locked, &request, &[]).await.check_problem(403, "--web.config.file");
        ask(&token, &request, &[]).await.check_problem(401, "token");
    }
    let given = ask(&token, "GET /api/audit", &[("authorization", "Bearer t0ken")]).await;
    assert_eq!(given.status, 200);
}

#[tokio::test]
async fn a_log_that_is_off_is_not_there() {
    let desk = desk(Setup::default());
    for path in ["", "/tail", "/histogram?step=1h", "/checkpoint", "/export"] {
        ask(&desk, &format!("GET /api/audit{path}"), &[]).await.check_problem(404, "audit.enabled");
    }
}

#[tokio::test]
async fn a_search_ends_when_its_client_leaves() {
    let leaving = Leaving::default();
    let flag = leaving.flag();
    let search = async move {
        std::future::pending::<()>().await;
        drop(leaving);
    };
    assert!(tokio::time::timeout(Duration::from_millis(1), search).await.is_err());
    assert!(flag.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_search_whose_client_left_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let opened = log(folder.path(), 1);
    until(&opened, 1).await;
    let desk = asked(&opened);
    let mut left = Box::pin(ask(&desk, "GET /api/audit?device=nobody", &[]));
    while desk.shared.audit.searches.available_permits() == SEARCHES_MAX {
        // On a machine that is busy the answer may be there before anybody looks.
        if futures_util::poll!(&mut left).is_ready() {
            break;
        }
    }
    drop(left);
    until_found(&desk, "text=nobody").await;
}

/// Waits until the record of a question is there.
async fn until_found(desk: &Desk, what: &str) {
    for _ in 0..500 {
        let found = ask(desk, &format!("GET /api/audit?event=searched&{what}"), &[]).await.json();
        let asked = found["records"].as_array().unwrap().iter();
        if asked.filter(|record| !record["query"].as_str().unwrap_or_default().contains("searched")).count()
            > 0
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: the question is not recorded");
}

#[tokio::test]
async fn an_export_ends_when_its_client_leaves_although_it_has_found_nothing() {
    let leaving = Leaving::default();
    let flag = leaving.flag();
    let (give, from) = mpsc::channel::<()>(1);
    let stream = until_left(relayed(from), leaving);
    assert!(!flag.load(Ordering::Relaxed));
    drop(stream);
    assert!(flag.load(Ordering::Relaxed));
    drop(give);
}

#[tokio::test]
async fn what_a_thread_hands_over_ends_with_the_client() {
    let (give, from) = mpsc::channel(1);
    let mut stream = Box::pin(relayed(from));
    give.send(1).await.unwrap();
    assert_eq!(stream.next().await, Some(1));
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), give.closed()).await.expect("nobody takes any more");
}

#[tokio::test]
async fn each_answer_is_recorded_with_who_asked() {
    let folder = tempfile::tempdir().unwrap();
    let opened = log(folder.path(), 5);
    until(&opened, 5).await;
    let desk = asked(&opened);
    let sender = Sender { user: "ann".to_owned(), ip: "10.0.0.7".to_owned() };
    record(&desk, Deed::Exported, &sender, "format=cef token=hunter2", 7);
    until(&opened, 6).await;
    let found = ask(&desk, "GET /api/audit?event=exported", &[]).await;
    let record = &found.json()["records"][0];
    assert_eq!((&record["user"], &record["source_ip"]), (&"ann".into(), &"10.0.0.7".into()));
    assert_eq!(record["matches"], 7);
    assert!(!found.text().contains("hunter2"), "{}", found.text());
}
