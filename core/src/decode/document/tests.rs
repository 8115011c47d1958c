//! Members and what leads to them, names that occur twice, and documents that are too large.

use super::*;

fn leaves(text: &str) -> Leaves {
    let mut leaves = Leaves::nothing();
    leaves.read(text);
    leaves
}

fn told(text: &str) -> Vec<String> {
    let leaves = leaves(text);
    let document = Document::new(&leaves, text);
    document.scalars().map(|leaf| format!("{}={}", leaf.path(), leaf.raw())).collect()
}

#[test]
fn every_member_is_found_by_the_names_that_lead_to_it() {
    let text = r#" {"a": 1.50, "b": {"c": [true, null, {"d\u0041": "x\"y"}], "": {}}, "e": []} "#;
    assert_eq!(told(text), ["a=1.50", "b.c.0=true", "b.c.1=null", "b.c.2.dA=x\"y"]);
    let leaves = leaves(text);
    let document = Document::new(&leaves, text);
    let find = |path: &str| document.find(&Path::parse(path).unwrap()).map(Leaf::is);
    assert_eq!(find("$.a"), Some(Is::Number(1.5)));
    assert_eq!(find("$.b.c[0]"), Some(Is::Bool(true)));
    assert_eq!(find("$.b.c[2].dA"), Some(Is::Text));
    assert_eq!(find("$.b"), Some(Is::Object));
    assert_eq!(find("$.b.x"), None);
    assert_eq!(find("$.b['c']"), Some(Is::Array));
    assert_eq!(find("$.b[0]"), None);
    assert_eq!(document.first(&["x", "e", "a"]).map(Leaf::key), Some("e"));
    assert_eq!(document.member("b").unwrap().members().map(Leaf::key).collect::<Vec<_>>(), ["c", ""]);
}

#[test]
fn of_two_equal_names_the_second_counts_with_all_that_is_below_it() {
    assert_eq!(told(r#"{"a":{"x":1},"b":2,"a":{"y":3},"b":4}"#), ["a.y=3", "b=4"]);
}

#[test]
fn a_word_is_text_or_digits_and_never_nothing() {
    let text = r#"{"t":" x ","n":12,"e":"","b":true,"o":{}}"#;
    let leaves = leaves(text);
    let word = |name: &str| Document::new(&leaves, text).member(name).and_then(Leaf::word);
    assert_eq!(["t", "n", "e", "b", "o"].map(word), [Some("x"), Some("12"), None, None, None]);
}

#[test]
fn what_is_no_document_has_no_members_and_a_huge_one_is_cut() {
    assert!(Document::nothing().root().is_none());
    assert_eq!(told("7"), ["=7"]);
    let text = format!("[{}1]", "1,".repeat(5000));
    let leaves = leaves(&text);
    let document = Document::new(&leaves, &text);
    assert!(document.is_cut());
    assert_eq!(document.root().unwrap().members().count(), LEAVES_MAX - 1);
}
