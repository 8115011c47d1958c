//! How quick the two texts are, as a figure to look at and not as a verdict:
//! `cargo test --release -p watchkeeper-audit --test line_speed -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;
use watchkeeper_audit::export::{Form, write};
use watchkeeper_audit::line::{Format, encode, fields, parse, seq, ts};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_audit::sources::message::{self, Message};
use watchkeeper_core::time::Wall;

const ROUNDS: u32 = 200_000;

fn draft(at: i64) -> Draft {
    Draft::new(Wall(1_795_242_660_123_456 + at * 1_000), Level::Info, Kind::Command, "command_requested")
        .text(Key::Broker, "main")
        .text(Key::Device, "area1/line2/tempcontroller01")
        .text(Key::Topic, "plant/area1/line2/tempcontroller01/command/request")
        .int(Key::Qos, 1)
        .text(Key::Cmd, "set_threshold")
        .text(Key::CmdId, "cmd-1724584200123")
        .int(Key::PayloadBytes, 117)
}

/// Seconds that this thread has computed, so that others on the same cores do not count; else those of the clock.
fn computed(begin: Instant) -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    spent.map_or_else(|| begin.elapsed().as_secs_f64(), |ns| ns as f64 * 1e-9)
}

fn told(what: &str, bytes: usize, run: impl Fn()) -> String {
    let clock = Instant::now();
    let begin = computed(clock);
    for _ in 0..ROUNDS {
        run();
    }
    let each = (computed(clock) - begin) / f64::from(ROUNDS);
    format!("{what}: {:.0} ns, {:.2} M/s, {:.2} GB/s", each * 1e9, 1e-6 / each, bytes as f64 * 1e-9 / each)
}

#[test]
#[ignore = "a figure of a release build, not a verdict"]
fn how_quick_the_two_texts_are() {
    let draft = draft(7);
    for format in [Format::Json, Format::Pipe] {
        let line = encode(&draft, format).line(1_234_567);
        let line = line.trim_end();
        println!("{format:?}: {} bytes, {} fields", line.len(), fields(line).count());
        println!("{}", told("  encode", line.len(), || _ = black_box(encode(black_box(&draft), format))));
        println!("{}", told("  parse ", line.len(), || _ = black_box(parse(black_box(line)))));
        let each = || fields(black_box(line)).for_each(|field| _ = black_box(field));
        println!("{}", told("  fields", line.len(), each));
        let first = || _ = black_box((seq(line.as_bytes()), ts(line.as_bytes())));
        println!("{}", told("  seq+ts", line.len(), first));
    }
    let (mask, text) = (Mask::default(), "plant: point 3 stands still at 21.5 for 60.0 s");
    println!("{}", told("mask a text", text.len(), || _ = black_box(mask.text(black_box(text)))));
    println!("{}", told("mask a record", 0, || _ = black_box(mask.draft(black_box(draft.clone())))));
    let payload =
        br#"{"cmd_id":"cmd-123","command":"set_threshold","parameters":{"point_id":5,"value":85.0}}"#;
    let message = Message {
        broker: "main",
        stream: "command",
        kind: watchkeeper_core::rules::Kind::Command,
        device: Some("area1/line2/tempcontroller01"),
        topic: b"plant/area1/line2/tempcontroller01/command/request",
        payload,
        qos: 1,
        retain: false,
        mid: 7,
        correlation: None,
        keep_payload: false,
        at: Wall(0),
    };
    println!("{}", told("command to draft", 0, || _ = black_box(message::draft(black_box(&message), &mask))));
    let kept = Message { keep_payload: true, ..message };
    println!("{}", told("  kept payload", 0, || _ = black_box(message::draft(black_box(&kept), &mask))));
    let line = encode(&draft, Format::Json).line(7);
    for form in Form::ALL {
        let run =
            || write(*form, black_box(line.trim_end()), "o", &mut std::io::sink()).expect("a sink takes all");
        println!("{}", told(form.word(), line.len(), run));
    }
}
