//! What is found in documents of each shape, and why others cannot be read.

use super::*;

/// The points of a text under a plan, each as `name=value`.
fn check(points: Option<&str>, value: Option<&str>, text: &str, found: &str) {
    check_by(&StreamRules { kind: Kind::Telemetry, ..rules(points, value) }, text, found);
}

fn check_by(rules: &StreamRules, text: &str, found: &str) {
    let mut read = Decoded::default();
    read.read(text.as_bytes(), &Plan::new(rules), BOUNDS).unwrap();
    let points: Vec<String> = read
        .points
        .iter()
        .map(|point| {
            let name = read.text(text, point.name);
            match point.value {
                Value::Absent => name.to_owned(),
                Value::Number(number) => format!("{name}={number}"),
                Value::Wrong => format!("{name}!"),
            }
        })
        .collect();
    assert_eq!(points.join(" "), found, "{text}");
}

#[test]
fn every_form_of_path_finds_its_points() {
    let each = Some("$.points.*");
    check(each, Some("temp"), r#"{"points":{"7":{"temp":1,"x":2},"8":{"temp":null},"9":{}}}"#, "7=1 8 9");
    check(each, Some("temp"), r#"{"points":{"1":{"temp":"26.5"},"2":{"temp":true},"3":4}}"#, "1! 2! 3!");
    check(each, Some("temp"), r#"{"points":{"1":{"temp":1e999},"2":{"temp":-1e999}}}"#, "1=inf 2=-inf");
    check(each, Some("temp"), r#"{"points":[{"temp":1},{"temp":2}]}"#, "0=1 1=2");
    check(each, None, r#"{"points":{"1":2,"3":null,"4":"x"}}"#, "1=2 3 4!");
    check(each, Some("$.v.c"), r#"{"points":{"1":{"v":{"c":1},"v":{}},"2":{"v":{"c":2}}}}"#, "1 2=2");
    check(Some("$.sensors.*.reading"), None, r#"{"sensors":{"a":{"reading":1},"b":{},"c":5}}"#, "a=1");
    let twice = r#"{"sensors":{"a":{"reading":1,"reading":2},"a":{"reading":3}}}"#;
    check(Some("$.sensors.*.reading"), None, twice, "a=3");
    check(Some("$['a b'][2].*"), None, r#"{"a b":[{"x":1},{"x":2},{"x":3,"y":4},{"x":5}]}"#, "x=3 y=4");
    check(Some("$.a.temp"), None, r#"{"a":{"temp":21.5}}"#, "temp=21.5");
    check(Some("$.a.temp"), None, r#"{"a":{"temp":21.5},"a":{}}"#, "");
    check(Some("$[1]"), None, "[5, 6, 7]", "1=6");
    check(each, None, r#"{"points":{"a\n\"b":1,"\u00e9":2,"\ud800":3}}"#, "a\n\"b=1 é=2 \u{fffd}=3");
    check(each, None, r#"{"points":{"1":1},"points":{"2":2}}"#, "2=2");
    check(each, None, r#"{"points":{"ab":1,"\u0061b":2,"a\u0062":3}}"#, "ab=3");
    check(each, None, r#"{"points":{"a longer name":1,"a l\u006fnger name":2}}"#, "a longer name=2");
    check(Some("$.*"), None, r#"{"ab":1,"ab":2}"#, "ab=2");
    check(Some("$.*"), None, r#"{"":1,"":2}"#, "=2");
    check(each, None, r#"{"points":{"1":1},"points":null}"#, "");
}

#[test]
fn below_a_place_every_number_is_a_point_and_elsewhere_none() {
    let rules = below("$.p", &["id", "sys"]);
    for (text, found) in [
        (
            r#"{"id":1,"n":2,"p":{"a:0":{"id":3,"x":4,"y":{"z":5}},"sys":{"up":6}},"m":7}"#,
            "a:0.x=4 a:0.y.z=5",
        ),
        // Where there is no such place, or not yet.
        (r#"{"id":1,"n":2,"q":{"x":3,"sys":[4]}}"#, "n=2 q.x=3"),
        (r#"{"n":2,"p":{}}"#, ""),
        (r#"{"n":{"o":2},"p":{"x":1},"p":{"y":2}}"#, "y=2"),
        (r#"{"n":2,"p":5}"#, "=5"),
        (r#"{"n":2,"p":[1,{"i\u0064":2,"k":3}]}"#, "0=1 1.k=3"),
        (r#"{"p":{"timestamp":1,"p":{"x":1}}}"#, "timestamp=1 p.x=1"),
        ("[1]", "0=1"),
    ] {
        check_by(&rules, text, found);
    }
}

#[test]
fn a_name_is_put_before_those_of_the_payload() {
    let text = r#"{"a\u0062":1,"c":{"d":2}}"#;
    let mut read = Decoded::default();
    read.read(text.as_bytes(), &Plan::new(&below("$.x", &[])), BOUNDS).unwrap();
    read.prefix(text, "é/0");
    let names: Vec<&str> = read.points.iter().map(|point| read.text(text, point.name)).collect();
    assert_eq!(names, ["é/0.ab", "é/0.c.d"]);
    read.read(b"7", &Plan::new(&below("$.x", &[])), BOUNDS).unwrap();
    read.prefix("7", "é/0");
    assert_eq!(read.text("7", read.points[0].name), "", "the topic names it already");
}

#[test]
fn without_a_path_every_number_is_a_point() {
    let text = r#"{"a":1,"b":{"c":2,"d":[3,{"e":4}]},"f":"5","g":null,"timestamp":6,"device_id":7,"":8}"#;
    check(None, None, text, "a=1 b.c=2 b.d.0=3 b.d.1.e=4 =8");
    check(None, None, "17.5", "=17.5");
    check(None, None, "[1,2]", "0=1 1=2");
    check(None, None, r#"{"a":1,"a":2}"#, "a=2");
    // The one exception to «the last one counts»: an object that occurs twice is joined.
    check(None, None, r#"{"o":{"a":1},"o":{"b":2}}"#, "o.a=1 o.b=2");
}

#[test]
fn a_payload_that_cannot_be_read_has_its_one_reason() {
    let deep = |open: &str, n: usize| open.repeat(n).into_bytes();
    let json = [
        (&b""[..], Reason::Json),
        (b" ", Reason::Json),
        (b"\xEF\xBB\xBF{}", Reason::Json),
        (b"\0{}", Reason::Json),
        (b"{}\0", Reason::Json),
        (b"{\"a\":1", Reason::Json),
        (b"{'a':1}", Reason::Json),
        (b"{\"a\":1,}", Reason::Json),
        (b"{a:1}", Reason::Json),
        (b"{\"a\":undefined}", Reason::Json),
        (b"{\"a\":NaN}", Reason::Json),
        (b"01", Reason::Json),
        (b"{} {}", Reason::Json),
        (b"{\"a\":\"\xFF\xFE\"}", Reason::Encoding),
        (b"\"\xC3\"", Reason::Encoding),
    ];
    let mut read = Decoded::default();
    for (_, plan) in plans() {
        for (payload, reason) in json {
            let found = read.read(payload, &plan, BOUNDS).map_err(|malformed| malformed.reason);
            assert_eq!(found, Err(reason), "{:?}", String::from_utf8_lossy(payload));
        }
        for payload in [deep("[", 100_000), deep("{\"a\":", 100_000), deep("[", 65)] {
            let found = read.read(&payload, &plan, BOUNDS).map_err(|malformed| malformed.reason);
            assert_eq!(found, Err(Reason::Depth));
        }
        let closed = [deep("[", 64), deep("]", 64)].concat();
        assert!(read.read(&closed, &plan, BOUNDS).is_ok());
        let shallow = read.read(b"{\"a\":[[\"x\\", &plan, BOUNDS).map_err(|malformed| malformed.at);
        assert_eq!(shallow, Err(10));
    }
    let number = StreamRules { format: Format::Number, ..rules(None, None) };
    for (payload, reason) in [(&b"ON"[..], Reason::Type), (b"", Reason::Type), (b"\xFF", Reason::Encoding)] {
        let found = read.read(payload, &Plan::new(&number), BOUNDS).map_err(|malformed| malformed.reason);
        assert_eq!(found, Err(reason));
    }
}

#[test]
fn however_deep_the_limit_is_set_no_document_overflows_the_stack() {
    let boundless = Bounds { depth_max: usize::MAX, points_max: 10 };
    let mut read = Decoded::default();
    for (_, plan) in plans() {
        for open in ["[", "{\"points\":", "{\"a\":[", "[[{\"temp\":"] {
            let text = open.repeat(100_000);
            let found = read.read(text.as_bytes(), &plan, boundless);
            assert_eq!(found.map_err(|malformed| malformed.reason), Err(Reason::Depth));
        }
    }
}

#[test]
fn an_automatic_format_reads_documents_numbers_and_text() {
    let auto = Plan::new(&StreamRules { format: Format::Auto, ..rules(None, None) });
    let mut read = Decoded::default();
    for (payload, result, points) in [
        (&b"21.5"[..], None, 1),
        (b"ON", None, 0),
        (b"", None, 0),
        (b" {\"a\":1}", None, 0),
        (b"{\"a\":", Some(Reason::Json), 0),
        (b"\xEF\xBB\xBF{}", Some(Reason::Json), 0),
        (b"\0{}", Some(Reason::Json), 0),
        (b"\xFF", Some(Reason::Encoding), 0),
    ] {
        let found = read.read(payload, &auto, BOUNDS).err().map(|malformed| malformed.reason);
        assert_eq!((found, read.points.len()), (result, points), "{payload:?}");
    }
}

#[test]
fn points_beyond_the_limit_are_counted_and_not_kept() {
    let (_, plan) = plans().swap_remove(1);
    let mut read = Decoded::default();
    let bounds = Bounds { points_max: 2, ..BOUNDS };
    let text = r#"{"points":{"1":{"temp":1},"2":{"temp":2},"3":{"temp":3},"1":{"temp":4}}}"#;
    read.read(text.as_bytes(), &plan, bounds).unwrap();
    assert_eq!((read.points.len(), read.points_refused), (2, 1));
    assert_eq!(read.points[0].value, Value::Number(4.0));
}

#[test]
fn thousands_of_names_are_told_apart_whether_they_are_equal_or_not() {
    let rules = crate::presets::generic();
    let plan = Plan::new(&rules);
    let bounds = Bounds { depth_max: 64, points_max: 1024 };
    let mut out = Decoded::default();
    let document = |name: &dyn Fn(usize) -> usize| {
        let members: Vec<String> = (0..20_000).map(|at| format!("\"n{}\":{at}", name(at))).collect();
        format!("{{{}}}", members.join(","))
    };
    for (text, points, refused, last) in [
        (document(&|at| at), 1024, 18_976, 1023.0),
        (document(&|_| 7), 1, 0, 19_999.0),
        (document(&|at| at % 500), 500, 0, 19_999.0),
    ] {
        out.read(text.as_bytes(), &plan, bounds).unwrap();
        assert_eq!((out.points.len(), out.points_refused), (points, refused));
        assert_eq!(out.points.last().unwrap().value, Value::Number(last));
    }
}
