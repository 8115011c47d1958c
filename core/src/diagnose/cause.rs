//! What can be wrong with a document, each with its word, its sentence and its cure. A closed set; the words are
//! label values and are never reused.

macro_rules! causes {
    ($($(#[$doc:meta])+ $variant:ident = $word:literal, $says:literal, $cure:literal;)+) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause { $($(#[$doc])+ $variant),+ }

        impl Cause {
            /// All of them.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant),+];

            /// One word for machines.
            pub fn word(self) -> &'static str {
                match self { $(Cause::$variant => $word),+ }
            }

            /// What it is.
            pub fn says(self) -> &'static str {
                match self { $(Cause::$variant => $says),+ }
            }

            /// What to do about it.
            pub fn cure(self) -> &'static str {
                match self { $(Cause::$variant => $cure),+ }
            }
        }
    };
}

causes! {
    /// No bytes at all, or white space only.
    Empty = "empty", "the payload is empty", "send a document, or no message at all";
    /// A byte order mark in front.
    Bom = "bom", "a UTF-8 byte order mark stands in front", "write the text without BOM (in Python: utf-8, not utf-8-sig)";
    /// Bytes that are no UTF-8.
    NotUtf8 = "not_utf8", "bytes that are not UTF-8", "encode the text as UTF-8; a damaged transfer or a buffer that was not ended looks like this as well";
    /// The text ends before the document does.
    Truncated = "truncated", "the document is cut off", "make the sender's buffer large enough (PubSubClient: setBufferSize) and check the length that is sent";
    /// `'text'`.
    SingleQuotes = "single_quotes", "single quotes", "JSON has double quotes only; send what a JSON library writes, not how a language prints its values";
    /// `,}` or `,]`.
    TrailingComma = "trailing_comma", "a comma after the last element", "remove it";
    /// `,,` or `[,`.
    ExtraComma = "extra_comma", "a comma without an element before it", "remove it, or write null for what is missing";
    /// Two elements without a comma between them.
    MissingComma = "missing_comma", "a comma is missing between two elements", "write it";
    /// `{key: …`.
    UnquotedKey = "unquoted_key", "a key without quotes", "put it into double quotes";
    /// A key without a value.
    MissingColon = "missing_colon", "a key without a colon after it", "write \"key\": value";
    /// A colon without a value, as `{"a":}`.
    MissingValue = "missing_value", "a value is missing", "write null where there is none";
    /// `undefined`.
    Undefined = "undefined", "undefined is no JSON", "write null";
    /// `NaN`, `Infinity`.
    NotANumber = "nan", "NaN and infinity are no JSON", "write null, and say in a status member that there is no value";
    /// `True`, `None`, `NULL`.
    OtherWord = "other_word", "a word that is not true, false or null", "in small letters: true, false, null; everything else is text and needs double quotes";
    /// `+1`, `.5`, `1.`, `01`, `0x1F`, `1_000`.
    BadNumber = "bad_number", "a number that is not written as JSON has it", "digits without leading zeros or plus, with digits on both sides of the point";
    /// `// …`, `/* … */`, `# …`.
    Comment = "comment", "a comment", "JSON has none; remove it";
    /// A line break or another control character within text.
    ControlCharacter = "control_character", "a control character within text", "escape it: \\n, \\t, \\u0000";
    /// `\x`, `\'`, `\u12`.
    BadEscape = "bad_escape", "an escape that JSON does not have", "only \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four digits";
    /// Half of a surrogate pair.
    LoneSurrogate = "lone_surrogate", "half of a surrogate pair", "write characters beyond U+FFFF as two \\u escapes, or as they are";
    /// More text after the document.
    AfterTheEnd = "after_the_end", "more text after the end of the document", "send one document a message; a NUL byte there means that the length counts the end of the string";
    /// Nested too deep.
    Depth = "depth", "nested too deep", "flatten the document, or raise limits.json_depth_max";
    /// The wrong bracket closes.
    WrongBracket = "wrong_bracket", "a bracket that closes what is not open", "objects end with }, lists with ]";
    /// Something else.
    Unexpected = "unexpected", "a character that cannot stand here", "send what a JSON library writes";
}
