//! Signed notes as <https://c2sp.org/signed-note> has them, with Ed25519 and nothing else: a text, an empty line, and
//! a line a signature. Whoever has a tool for such notes can check ours. A secret never leaves this file but through
//! `Signer::secret`, into the key file, and has no form in which it could be printed.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// More signatures than this on one note are refused; the specification asks for 16 at least.
const SIGNATURES_MAX: usize = 64;
/// «Ed25519 signatures as specified by this document».
const ED25519_TYPE: u8 = 1;
const SIGNER_PREFIX: &str = "PRIVATE+KEY+";

/// The first four bytes of the hash of a key and its name: tells keys apart, and proves nothing.
pub type KeyId = [u8; 4];

/// What a signature is checked with: `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    public: [u8; 32],
}

/// What signs. `Debug` shows the verifier key only.
pub struct Signer {
    key: VerifierKey,
    seed: SecretBox<[u8; 32]>,
}

/// What is wrong with a note or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has not the form of one.
    #[error("not a signed note")]
    NotANote,
    /// It has not the form of one.
    #[error("not a key: a verifier key looks like name+0a1b2c3d+base64")]
    NotAKey,
    /// The id in the text is not the one of the key.
    #[error("the key is damaged: its id does not fit")]
    WrongId,
    /// None of the keys at hand signed it.
    #[error("not signed by a key that is known")]
    UnknownKey,
    /// It bears the name and id of a key, and the signature is not of that key over that text.
    #[error("the signature is not of this key and this text")]
    WrongSignature,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
}

/// A note of which a signature was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// What was signed, with its last `\n`.
    pub text: &'a str,
    /// Index of the key that signed it, the first if several did.
    pub key: usize,
    /// How many more signatures it has, of keys known and unknown.
    pub others: usize,
}

fn id_of(name: &str, public: &[u8; 32]) -> KeyId {
    let mut sha = Sha256::new();
    sha.update(name);
    sha.update([b'\n', ED25519_TYPE]);
    sha.update(public);
    let hash: [u8; 32] = sha.finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// Reads `name+id+base64(type ‖ 32 bytes)`; base64 may have a `+`, a name may not.
fn read_key(text: &str) -> Result<(&str, KeyId, [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::NotAKey);
    };
    let lower = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_name(name) || id.len() != 8 || !lower {
        return Err(NoteError::NotAKey);
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| NoteError::NotAKey)?.to_be_bytes();
    let mut body = STANDARD.decode(body).map_err(|_| NoteError::NotAKey)?;
    let bytes = match body.split_first() {
        Some((&ED25519_TYPE, bytes)) => bytes.try_into().map_err(|_| NoteError::NotAKey),
        _ => Err(NoteError::NotAKey),
    };
    body.zeroize();
    Ok((name, id, bytes?))
}

impl VerifierKey {
    fn new(name: &str, public: [u8; 32]) -> Self {
        Self { name: name.to_owned(), id: id_of(name, &public), public }
    }

    /// Its name: of our keys, the origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The signature line's last word is this key's, and right for this text.
    fn check(&self, text: &str, signature: &[u8]) -> Result<(), NoteError> {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(text.as_bytes(), signature)
            .map_err(|_| NoteError::WrongSignature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = vec![ED25519_TYPE];
        body.extend(self.public);
        write!(out, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), STANDARD.encode(body))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public) = read_key(text)?;
        let key = Self::new(name, public);
        if key.id == id { Ok(key) } else { Err(NoteError::WrongId) }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signer({})", self.key)
    }
}

impl Signer {
    /// A new key; its name is made of its own public half, so that no two logs bear the same.
    pub fn generate(name: impl FnOnce(&[u8; 32]) -> String) -> Result<Self, NoteError> {
        let mut seed = Box::new([0; 32]);
        SystemRandom::new().fill(&mut seed[..]).map_err(|_| NoteError::NoRandom)?;
        let seed = SecretBox::new(seed);
        let public = public_of(&seed)?;
        Ok(Self { key: VerifierKey::new(&name(&public), public), seed })
    }

    /// Reads what `secret` wrote.
    pub fn from_secret(text: &SecretString) -> Result<Self, NoteError> {
        let text = text.expose_secret().strip_prefix(SIGNER_PREFIX).ok_or(NoteError::NotAKey)?;
        let (name, id, mut bytes) = read_key(text)?;
        let seed = SecretBox::new(Box::new(bytes));
        bytes.zeroize();
        let key = VerifierKey::new(name, public_of(&seed)?);
        if key.id == id { Ok(Self { key, seed }) } else { Err(NoteError::WrongId) }
    }

    /// The secret as Go's `note` package writes it: `PRIVATE+KEY+name+id+base64`.
    pub fn secret(&self) -> SecretString {
        let mut body = [ED25519_TYPE; 33];
        body[1..].copy_from_slice(self.seed.expose_secret());
        let id = u32::from_be_bytes(self.key.id);
        let text = format!("{SIGNER_PREFIX}{}+{id:08x}+{}", self.key.name, STANDARD.encode(body));
        body.zeroize();
        SecretString::from(text)
    }

    /// What its signatures are checked with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// The word that ends a signature line: base64 of id and signature.
    pub fn signature(&self, text: &str) -> Result<String, NoteError> {
        // The pair is made anew each time, because ring's does not wipe itself; a signature a second costs nothing.
        let pair = pair_of(&self.seed)?;
        let mut word = self.key.id.to_vec();
        word.extend(pair.sign(text.as_bytes()).as_ref());
        Ok(STANDARD.encode(word))
    }
}

fn pair_of(seed: &SecretBox<[u8; 32]>) -> Result<Ed25519KeyPair, NoteError> {
    Ed25519KeyPair::from_seed_unchecked(seed.expose_secret()).map_err(|_| NoteError::NotAKey)
}

fn public_of(seed: &SecretBox<[u8; 32]>) -> Result<[u8; 32], NoteError> {
    pair_of(seed)?.public_key().as_ref().try_into().map_err(|_| NoteError::NotAKey)
}

/// The text as a note, signed. `text` ends with `\n` and has no control character beside it.
pub fn sign(text: &str, signer: &Signer) -> Result<String, NoteError> {
    if !is_text(text) {
        return Err(NoteError::NotANote);
    }
    Ok(format!("{text}\n— {} {}\n", signer.key.name, signer.signature(text)?))
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.contains(|c: char| c < ' ' && c != '\n')
}

/// Reads a note and finds a signature of one of `keys`. A signature that bears the name and the id of such a key and
/// is wrong refuses the whole note, whatever else it has.
pub fn open<'a>(note: &'a str, keys: &[VerifierKey]) -> Result<Opened<'a>, NoteError> {
    let split = note.rfind("\n\n").ok_or(NoteError::NotANote)?;
    let (text, lines) = (&note[..=split], &note[split + 2..]);
    if !is_text(text) || !lines.ends_with('\n') {
        return Err(NoteError::NotANote);
    }
    let (mut found, mut count) = (None, 0);
    for line in lines.split_terminator('\n') {
        count += 1;
        let (name, id, signature) = read_signature(line)?;
        let Some(key) = keys.iter().position(|key| key.id == id && key.name == name) else { continue };
        keys[key].check(text, &signature)?;
        found = found.or(Some(key));
    }
    match found {
        _ if count > SIGNATURES_MAX => Err(NoteError::NotANote),
        Some(key) => Ok(Opened { text, key, others: count - 1 }),
        None => Err(NoteError::UnknownKey),
    }
}

fn read_signature(line: &str) -> Result<(&str, KeyId, Vec<u8>), NoteError> {
    let (name, word) =
        line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or(NoteError::NotANote)?;
    let (id, signature) = read_word(word)?;
    if is_name(name) { Ok((name, id, signature)) } else { Err(NoteError::NotANote) }
}

fn read_word(word: &str) -> Result<(KeyId, Vec<u8>), NoteError> {
    let bytes = STANDARD.decode(word).map_err(|_| NoteError::NotANote)?;
    match bytes.split_first_chunk() {
        Some((id, signature)) if !signature.is_empty() => Ok((*id, signature.to_vec())),
        _ => Err(NoteError::NotANote),
    }
}

/// Checks a signature that stands elsewhere than in a note: `word` is what `Signer::signature` gave for `text`. Says
/// which key it was.
pub fn check(text: &str, word: &str, keys: &[VerifierKey]) -> Result<usize, NoteError> {
    let (id, signature) = read_word(word)?;
    let key = keys.iter().position(|key| key.id == id).ok_or(NoteError::UnknownKey)?;
    keys[key].check(text, &signature)?;
    Ok(key)
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
