//! The published list of what is audited, `docs/audited.md`, is written from the list that the sources are held to. An
//! event that is added or described anew makes this fail until `WATCHKEEPER_BLESS=1` has written the file again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::mask::{HIDDEN, WORDS};
use watchkeeper_audit::record::{Draft, Key, Kind, Level, Type};
use watchkeeper_audit::sources::{AUDITED, NOT_AUDITED};
use watchkeeper_core::time::Wall;

const HEAD: &str = "# What is audited, and what is not

Written by `cargo test -p watchkeeper-audit --test audited` from the lists in `audit/src`; do not edit by hand
(`WATCHKEEPER_BLESS=1` writes it anew).

A record is one line. `ts` is when it became true, `observed_at` when it was seen, where that differs; `seq` has no gaps
and orders the log, never the clock. What a payload says of itself, who sent it and when, is told as what it says.

";

fn events(page: &mut String) {
    page.push_str("## Events\n\n| type | event | level | written when |\n|---|---|---|---|\n");
    for entry in AUDITED {
        let levels: Vec<&str> = entry.levels.iter().map(|level| level.word()).collect();
        writeln!(
            page,
            "| {} | `{}` | {} | {} |",
            entry.kind.word(),
            entry.event,
            levels.join(", "),
            entry.when
        )
        .expect("a string takes everything");
    }
}

fn absent(page: &mut String) {
    page.push_str("\n## What is not audited\n\n| what | why, and what there is instead |\n|---|---|\n");
    for (what, why) in NOT_AUDITED {
        writeln!(page, "| {what} | {why} |").expect("a string takes everything");
    }
}

fn secrets(page: &mut String) {
    let words: Vec<String> = WORDS.iter().map(|word| format!("`{word}`")).collect();
    write!(
        page,
        "\n## Secrets\n\nWhat stands under a key with one of these words reads `{HIDDEN}`, in documents and in free text, \
         whatever the words are written with (`api_key`, `apiKey`, `API-KEY`): {}. A word of at most 4 letters has to be \
         a word of the key, one of 5 to 7 its end, a longer one may stand anywhere in it. A key whose last word says that \
         it is about the secret (`password_file`, `token_type`, `tokens_used`) is not masked. `audit.redact` adds words \
         and takes none away. User and password in addresses, `Bearer` tokens, JSON Web Tokens and private keys in PEM are \
         masked wherever they stand.\n",
        words.join(" ")
    )
    .expect("a string takes everything");
}

fn keys(page: &mut String) {
    page.push_str("\n## Keys\n\nIn this order, after `seq`, `ts`, `level`, `type` and `event`; text where nothing is said:");
    for key in Key::ALL {
        let ty = match key.ty() {
            Type::Text => "",
            Type::Int => " (whole number)",
            Type::Float => " (number)",
            Type::Bool => " (`true`, `false`)",
            Type::Time => " (moment)",
        };
        write!(page, " `{}`{ty}", key.word()).expect("a string takes everything");
    }
    page.push_str(".\n");
    let draft = Draft::new(Wall(1_795_242_660_123_456), Level::Info, Kind::Command, "command_requested")
        .text(Key::Device, "area1/line2/d7")
        .text(Key::Topic, "plant/area1/line2/d7/command/request")
        .text(Key::Cmd, "say \"a | b\"")
        .text(Key::CmdId, "cmd-123");
    for (name, format) in [("JSON", Format::Json), ("Pipe", Format::Pipe)] {
        let line = encode(&draft, format).line(42);
        write!(page, "\n{name}:\n\n    {line}").expect("a string takes everything");
    }
}

fn render() -> String {
    let mut page = HEAD.to_owned();
    events(&mut page);
    absent(&mut page);
    keys(&mut page);
    secrets(&mut page);
    page
}

#[test]
fn the_list_of_what_is_audited_says_what_the_code_says() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/audited.md");
    let page = render();
    if std::env::var_os("WATCHKEEPER_BLESS").is_some() {
        std::fs::write(&file, &page).expect("the docs folder can be written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/audited.md is stale; write it anew:\n  WATCHKEEPER_BLESS=1 cargo test -p watchkeeper-audit --test audited"
    );
}

#[test]
fn every_type_has_events() {
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for entry in AUDITED {
        *kinds.entry(entry.kind).or_default() += 1;
    }
    assert_eq!(kinds.len(), Kind::ALL.len());
}
