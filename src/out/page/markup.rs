//! Markup under construction. Tags come from literals of this program; every other text is escaped on its way in, and
//! there is no third way: what strangers send can stand on the page, and can never become part of it.

use crate::out::escape::html;

/// A piece of HTML.
#[derive(Clone, Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// An empty piece.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A template of ours; each `{}` is replaced by the next of the texts, escaped. It may stand between tags and
    /// between double quotes.
    pub(super) fn put(&mut self, template: &'static str, texts: &[&str]) -> &mut Self {
        let mut texts = texts.iter();
        for (at, literal) in template.split("{}").enumerate() {
            if at > 0 {
                self.0.push_str(&html(texts.next().copied().unwrap_or_default()));
            }
            self.0.push_str(literal);
        }
        debug_assert!(texts.next().is_none(), "a text has no place in {template}");
        self
    }

    /// A literal of ours, braces and all.
    pub(super) fn raw(&mut self, literal: &'static str) -> &mut Self {
        self.0.push_str(literal);
        self
    }

    /// A piece that was built by these rules.
    pub(super) fn add(&mut self, piece: &Markup) -> &mut Self {
        self.0.push_str(&piece.0);
        self
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// The head of a table's column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Column {
    /// What stands there.
    pub(super) title: &'static str,
    /// Numbers stand at the right.
    pub(super) is_number: bool,
    /// In which windows it is left out.
    pub(super) left_out: LeftOut,
}

/// In which windows a column is left out. The view that its row leads to has everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LeftOut {
    #[default]
    Never,
    Medium,
    Narrow,
    VeryNarrow,
}

/// A column of words.
pub(super) const fn words(title: &'static str) -> Column {
    Column { title, is_number: false, left_out: LeftOut::Never }
}

/// A column of numbers.
pub(super) const fn number(title: &'static str) -> Column {
    Column { title, is_number: true, left_out: LeftOut::Never }
}

impl Column {
    /// Left out in narrow windows.
    pub(super) const fn minor(self) -> Self {
        Self { left_out: LeftOut::Narrow, ..self }
    }

    /// Left out in all but wide windows.
    pub(super) const fn seldom(self) -> Self {
        Self { left_out: LeftOut::Medium, ..self }
    }

    /// Left out in very narrow windows.
    pub(super) const fn wide(self) -> Self {
        Self { left_out: LeftOut::VeryNarrow, ..self }
    }

    /// The classes of its cells.
    pub(super) fn class(self) -> &'static str {
        match (self.is_number, self.left_out) {
            (false, LeftOut::Never) => "",
            (true, LeftOut::Never) => "n",
            (false, LeftOut::Medium) => "k",
            (true, LeftOut::Medium) => "n k",
            (false, LeftOut::Narrow) => "m",
            (true, LeftOut::Narrow) => "n m",
            (false, LeftOut::VeryNarrow) => "v",
            (true, LeftOut::VeryNarrow) => "n v",
        }
    }
}

/// A table under construction. It scrolls by itself where it is too wide, so that the page never does.
pub(super) struct Table<'a> {
    page: &'a mut Markup,
    columns: &'a [Column],
}

impl<'a> Table<'a> {
    /// Opens a table with this caption.
    pub(super) fn open(page: &'a mut Markup, caption: &str, columns: &'a [Column]) -> Self {
        let mut table = Self::open_head(page, caption, columns);
        for column in columns {
            table.page.put("<th scope=\"col\" class=\"{}\">{}</th>", &[column.class(), column.title]);
        }
        table.begin_body();
        table
    }

    /// Opens a table whose heads the caller puts in, up to `begin_body`.
    pub(super) fn open_head(page: &'a mut Markup, caption: &str, columns: &'a [Column]) -> Self {
        page.put(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table>",
            &[caption],
        );
        page.put("<caption>{}</caption><thead><tr>", &[caption]);
        Self { page, columns }
    }

    /// The heads are there.
    pub(super) fn begin_body(&mut self) {
        self.page.raw("</tr></thead><tbody>\n");
    }

    /// Where the caller may put a head.
    pub(super) fn page(&mut self) -> &mut Markup {
        self.page
    }

    /// A row: the first cell is its head.
    pub(super) fn row(&mut self, cells: &[Cell]) {
        self.page.raw("<tr>");
        for (at, (cell, column)) in cells.iter().zip(self.columns).enumerate() {
            let (open, close) = if at == 0 {
                ("<th scope=\"row\" class=\"{}\">", "</th>")
            } else {
                ("<td class=\"{}\">", "</td>")
            };
            self.page.put(open, &[column.class()]);
            match cell {
                Cell::Text(text) if is_long(text) => self.page.put("<span class=\"long\">{}</span>", &[text]),
                Cell::Text(text) => self.page.put("{}", &[text]),
                Cell::Link(link, text) if is_long(text) => {
                    self.page.put("<a class=\"long\" href=\"{}\">{}</a>", &[link, text])
                }
                Cell::Link(link, text) => self.page.put("<a href=\"{}\">{}</a>", &[link, text]),
                Cell::Markup(piece) => self.page.add(piece),
            };
            self.page.raw(close);
        }
        self.page.raw("</tr>\n");
    }

    /// The end of it.
    pub(super) fn close(self) {
        self.page.raw("</tbody></table></div>\n");
    }
}

/// A word that is broken anywhere, for else its table would be as wide.
fn is_long(text: &str) -> bool {
    text.split(' ').any(|word| word.chars().count() > 28)
}

/// What stands in a cell.
pub(super) enum Cell {
    Text(String),
    Link(String, String),
    Markup(Markup),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Markup> for Cell {
    fn from(piece: Markup) -> Self {
        Self::Markup(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_escaped_wherever_it_stands() {
        let mut page = Markup::new();
        page.put("<a href=\"{}\">{}</a>", &["\"><script>", "<b>&'\u{202e}\0"]);
        assert_eq!(
            page.into_string(),
            "<a href=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;&#39;\u{fffd}\u{fffd}</a>"
        );
        let mut page = Markup::new();
        let columns = [words("A"), number("B").minor()];
        let mut table = Table::open(&mut page, "<i>", &columns);
        table.row(&["<b>".into(), Cell::Link("/\"".to_owned(), "<u>".to_owned())]);
        table.close();
        let text = page.into_string();
        assert!(text.contains("<th scope=\"row\" class=\"\">&lt;b&gt;</th>"), "{text}");
        assert!(text.contains("<td class=\"n m\"><a href=\"/&quot;\">&lt;u&gt;</a></td>"), "{text}");
        assert!(text.contains("<caption>&lt;i&gt;</caption>"), "{text}");
    }

    #[test]
    fn a_text_is_no_template() {
        let mut page = Markup::new();
        page.put("{} {}", &["{}", "x"]);
        assert_eq!(page.into_string(), "{} x");
    }
}
