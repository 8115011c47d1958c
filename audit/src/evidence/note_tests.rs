//! Notes, against those that Go's `golang.org/x/mod/sumdb/note` and the specification publish.

use super::*;

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng\
                          otpRZb6KE6RyyBwJnAM=\n";

fn peter() -> VerifierKey {
    PETER.parse().unwrap()
}

fn signer() -> Signer {
    Signer::from_secret(&SecretString::from(PETER_SECRET)).unwrap()
}

#[test]
fn the_published_note_is_opened_and_signed_byte_for_byte() {
    let note = format!("{TEXT}\n{PETER_LINE}");
    assert_eq!(open(&note, &[peter()]), Ok(Opened { text: TEXT, key: 0, others: 0 }));
    assert_eq!(sign(TEXT, &signer()).unwrap(), note);
    assert_eq!(signer().verifier(), &peter());
    assert_eq!(peter().to_string(), PETER);
    assert_eq!(signer().secret().expose_secret(), PETER_SECRET);
}

#[test]
fn a_key_that_did_not_sign_opens_nothing() {
    let note = format!("{TEXT}\n{PETER_LINE}");
    let enoch: VerifierKey = ENOCH.parse().unwrap();
    assert_eq!(open(&note, std::slice::from_ref(&enoch)), Err(NoteError::UnknownKey));
    assert_eq!(open(&note, &[]), Err(NoteError::UnknownKey));
    assert_eq!(open(&note, &[enoch, peter()]).map(|opened| opened.key), Ok(1));
}

#[test]
fn every_byte_of_a_note_matters() {
    let note = format!("{TEXT}\n{PETER_LINE}");
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            if let Ok(text) = str::from_utf8(&bytes) {
                assert!(open(text, &[peter()]).is_err(), "byte {at}, bit {bit}: {text}");
            }
        }
        assert!(!note.is_char_boundary(at) || open(&note[..at], &[peter()]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_signature_of_somebody_else_is_passed_over_and_a_wrong_one_of_ours_is_not() {
    let other = Signer::generate(|_| "witness.example/w".to_owned()).unwrap();
    let theirs = other.signature(TEXT).unwrap();
    let note = format!("{TEXT}\n— witness.example/w {theirs}\n{PETER_LINE}");
    assert_eq!(open(&note, &[peter()]), Ok(Opened { text: TEXT, key: 0, others: 1 }));

    let forged = signer().signature("another text\n").unwrap();
    let note = format!("{TEXT}\n{PETER_LINE}— PeterNeumann {forged}\n");
    assert_eq!(open(&note, &[peter()]), Err(NoteError::WrongSignature));
}

#[test]
fn what_is_not_a_note_or_a_key_is_refused() {
    let crowd = PETER_LINE.repeat(SIGNATURES_MAX + 1);
    for bad in [
        String::new(),
        "\n\n".into(),
        format!("{TEXT}{PETER_LINE}"),
        format!("{TEXT}\n{}", PETER_LINE.trim_end()),
        format!("{TEXT}\n{PETER_LINE}\n"),
        format!("{TEXT}\n- {}", &PETER_LINE[4..]),
        format!("{TEXT}\n— PeterNeumann AAAA\n"),
        format!("{TEXT}\ttab\n\n{PETER_LINE}"),
        format!("{TEXT}\n{crowd}"),
    ] {
        assert!(open(&bad, &[peter()]).is_err(), "{bad}");
    }
    assert_eq!(sign("no end", &signer()), Err(NoteError::NotANote));
    for bad in
        ["", "+", "++", "a b+c74f20a3+AQ==", &PETER[1..], &PETER[..PETER.len() - 4], &PETER.to_uppercase()]
    {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
    assert_eq!(PETER.replace("c74f20a3", "c74f20a4").parse::<VerifierKey>(), Err(NoteError::WrongId));
}

#[test]
fn a_secret_has_no_form_in_which_it_is_printed() {
    let signer = signer();
    let shown = format!("{signer:?} {:?} {:?}", signer.secret(), signer.seed);
    assert!(!shown.contains("AYEKFALVFGyNhPJEMzD1QIDr"), "{shown}");
    assert!(!shown.contains("129, 10, 20"), "{shown}");
}

#[test]
fn a_new_key_bears_its_own_name_and_is_read_back() {
    let signer = Signer::generate(|public| format!("watchkeeper/{:02x}", public[0])).unwrap();
    let back = Signer::from_secret(&signer.secret()).unwrap();
    assert_eq!(back.verifier(), signer.verifier());
    assert_eq!(check("text", &signer.signature("text").unwrap(), &[peter(), back.verifier().clone()]), Ok(1));
    assert!(check("texT", &signer.signature("text").unwrap(), &[back.verifier().clone()]).is_err());
}
