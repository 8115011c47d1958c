//! A walk through a document up to the first byte that cannot stand where it stands. It accepts what RFC 8259
//! accepts, keeps the way to where it is, and must not recurse: depth is a limit of the caller.

use super::cause::Cause;

/// What is wrong, and where.
pub(super) type Fault = (Cause, usize);

/// What is open around the place.
enum Open {
    /// An object, and the key that is being read.
    Object(String),
    /// A list, and the index that is being read.
    List(usize),
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// An element, or the end of what was just opened.
    Opened,
    /// A comma, or the end of what is open.
    After,
}

/// See the head of this file.
pub(super) struct Walk<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) text: &'a str,
    pub(super) at: usize,
    open: Vec<Open>,
    depth_max: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a str, depth_max: usize) -> Self {
        Self { bytes: text.as_bytes(), text, at: 0, open: Vec::new(), depth_max }
    }

    /// Where we are: `$.points[5].name`.
    pub(super) fn path(&self) -> String {
        let mut path = String::from("$");
        for open in &self.open {
            match open {
                Open::Object(key) if key.is_empty() => {}
                Open::Object(key) if key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                    path.push('.');
                    path.push_str(key);
                }
                Open::Object(key) => path.extend(["[", &format!("{key:?}"), "]"]),
                Open::List(index) => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        path
    }

    /// The whole document.
    pub(super) fn document(&mut self) -> Result<(), Fault> {
        if self.text.starts_with('\u{feff}') {
            return Err((Cause::Bom, 0));
        }
        self.space();
        if self.at == self.bytes.len() {
            return Err((Cause::Empty, self.at));
        }
        let mut next = Next::Value;
        while next == Next::Value || !self.open.is_empty() {
            self.space();
            next = match next {
                Next::Value => self.value()?,
                Next::Opened => self.opened()?,
                Next::After => self.after()?,
            };
        }
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(b'/' | b'#') => Err((Cause::Comment, self.at)),
            Some(_) => Err((Cause::AfterTheEnd, self.at)),
        }
    }

    /// Something was opened: its end, or its first element.
    fn opened(&mut self) -> Result<Next, Fault> {
        let in_object = self.in_object();
        match self.peek() {
            Some(b'}') if in_object => Ok(self.close()),
            Some(b']') if !in_object => Ok(self.close()),
            Some(b'}' | b']') => Err((Cause::WrongBracket, self.at)),
            _ if in_object => self.key(),
            _ => Ok(Next::Value),
        }
    }

    /// A value was read, within something that is open: a comma and the next one, or the end of it.
    fn after(&mut self) -> Result<Next, Fault> {
        let in_object = self.in_object();
        let at = self.at;
        match self.peek() {
            None => Err((Cause::Truncated, at)),
            Some(b',') => self.comma(),
            Some(b'}') if in_object => Ok(self.close()),
            Some(b']') if !in_object => Ok(self.close()),
            Some(b'}' | b']') => Err((Cause::WrongBracket, at)),
            Some(b'/' | b'#') => Err((Cause::Comment, at)),
            Some(b'\'') => Err((Cause::SingleQuotes, at)),
            Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9') => Err((Cause::MissingComma, at)),
            Some(_) if self.is_word() => Err((Cause::MissingComma, at)),
            Some(_) => Err((Cause::Unexpected, at)),
        }
    }

    fn comma(&mut self) -> Result<Next, Fault> {
        let at = self.at;
        self.at += 1;
        self.space();
        match self.peek() {
            Some(b'}' | b']') => Err((Cause::TrailingComma, at)),
            Some(b',') => Err((Cause::ExtraComma, self.at)),
            _ => match self.open.last_mut() {
                Some(Open::List(index)) => {
                    *index += 1;
                    Ok(Next::Value)
                }
                _ => self.key(),
            },
        }
    }

    fn in_object(&self) -> bool {
        matches!(self.open.last(), Some(Open::Object(_)))
    }

    fn close(&mut self) -> Next {
        self.at += 1;
        self.open.pop();
        Next::After
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<Next, Fault> {
        let at = self.at;
        let key = match self.peek() {
            None => return Err((Cause::Truncated, at)),
            Some(b'"') => self.string()?,
            Some(b'\'') => return Err((Cause::SingleQuotes, at)),
            Some(b'/' | b'#') => return Err((Cause::Comment, at)),
            Some(b',') => return Err((Cause::ExtraComma, at)),
            Some(b']') => return Err((Cause::WrongBracket, at)),
            Some(b':') => return Err((Cause::Unexpected, at)),
            Some(_) if self.is_word() || self.bytes[at].is_ascii_digit() => {
                return Err((Cause::UnquotedKey, at));
            }
            Some(_) => return Err((Cause::Unexpected, at)),
        };
        if let Some(Open::Object(open)) = self.open.last_mut() {
            *open = key;
        }
        self.space();
        match self.peek() {
            None => return Err((Cause::Truncated, self.at)),
            Some(b':') => self.at += 1,
            Some(b'=' | b',' | b'}' | b'"' | b'{' | b'[') => return Err((Cause::MissingColon, self.at)),
            Some(_) => return Err((Cause::Unexpected, self.at)),
        }
        Ok(Next::Value)
    }

    /// A value, or the bracket that opens it.
    fn value(&mut self) -> Result<Next, Fault> {
        let at = self.at;
        match self.peek() {
            None => return Err((Cause::Truncated, at)),
            Some(b'{') => return self.begin(Open::Object(String::new())),
            Some(b'[') => return self.begin(Open::List(0)),
            Some(b'"') => drop(self.string()?),
            Some(b'\'') => return Err((Cause::SingleQuotes, at)),
            Some(b'/' | b'#') => return Err((Cause::Comment, at)),
            Some(b'}' | b']') => return Err((Cause::MissingValue, at)),
            Some(b',') if self.in_object() => return Err((Cause::MissingValue, at)),
            Some(b',') => return Err((Cause::ExtraComma, at)),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number()?,
            Some(_) if self.is_word() => self.word()?,
            Some(_) => return Err((Cause::Unexpected, at)),
        }
        Ok(Next::After)
    }

    fn begin(&mut self, open: Open) -> Result<Next, Fault> {
        if self.open.len() >= self.depth_max {
            return Err((Cause::Depth, self.at));
        }
        self.at += 1;
        self.open.push(open);
        Ok(Next::Opened)
    }
}
