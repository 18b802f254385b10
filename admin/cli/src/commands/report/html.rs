//! Markup. Only literals are markup; what comes from outside enters as text.

use std::fmt::Write as _;

use muster_common::text::visible;

/// A piece of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    header: &'static str,
    class: &'static str,
}

impl Html {
    pub(super) const fn new() -> Self {
        Self(String::new())
    }

    /// Text alone.
    pub(super) fn of(text: &str) -> Self {
        let mut html = Self::new();
        html.text(text);
        html
    }

    /// A literal of the program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text from anywhere.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escaped(text));
        self
    }

    /// `<name a="b">`, without empty attributes.
    pub(super) fn open(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
    ) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        let given = attributes.iter().filter(|(_, value)| !value.is_empty());
        for (attribute, value) in given {
            // A string takes any write.
            let _ = write!(self.0, " {attribute}=\"{}\"", escaped(value));
        }
        self.0.push('>');
        self
    }

    /// `</name>`.
    pub(super) fn close(&mut self, name: &'static str) -> &mut Self {
        let _ = write!(self.0, "</{name}>");
        self
    }

    /// `<name>text</name>` on a line.
    pub(super) fn line(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.open(name, &[]).text(text).close(name).raw("\n")
    }

    pub(super) fn append(&mut self, other: Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A column of texts.
pub(super) const fn text(header: &'static str) -> Column {
    Column { header, class: "" }
}

/// A column of numbers.
pub(super) const fn number(header: &'static str) -> Column {
    Column {
        header,
        class: "number",
    }
}

/// A table. The first cell of a row is its header.
pub(super) fn table(caption: &str, columns: &[Column], rows: Vec<Vec<Html>>) -> Html {
    let mut html = Html::new();
    html.open(
        "div",
        &[
            ("class", "scroll"),
            ("role", "region"),
            ("tabindex", "0"),
            ("aria-label", caption),
        ],
    );
    html.raw("\n<table>\n").line("caption", caption);
    html.raw("<thead><tr>");
    for column in columns {
        html.open("th", &[("scope", "col"), ("class", column.class)])
            .text(column.header)
            .close("th");
    }
    html.raw("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.raw("<tr>");
        for (at, (cell, column)) in row.into_iter().zip(columns).enumerate() {
            if at == 0 {
                html.open("th", &[("scope", "row"), ("class", column.class)])
                    .append(cell)
                    .close("th");
            } else {
                html.open("td", &[("class", column.class)])
                    .append(cell)
                    .close("td");
            }
        }
        html.raw("</tr>\n");
    }
    html.raw("</tbody>\n</table>\n</div>\n");
    html
}

/// Text that is nothing but text, in elements and in quoted attributes. What nobody would see is shown as `�`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in visible(text).chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup() {
        let odd = "</td><script>alert('1')</script> & \"x\" \u{202e}\u{0}";
        let said = Html::of(odd).finish();
        assert_eq!(
            said,
            "&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot; \u{fffd}\u{fffd}"
        );
        let mut html = Html::new();
        html.open("a", &[("title", odd)]);
        assert_eq!(html.finish(), format!("<a title=\"{said}\">"));
    }

    #[test]
    fn tables_name_their_rows_and_columns() {
        let rows = vec![vec![Html::of("S3.8"), Html::of("<2>")]];
        let html = table("Failed & found", &[text("Control"), number("Failed")], rows);
        insta::assert_snapshot!(html.finish(), @r#"
        <div class="scroll" role="region" tabindex="0" aria-label="Failed &amp; found">
        <table>
        <caption>Failed &amp; found</caption>
        <thead><tr><th scope="col">Control</th><th scope="col" class="number">Failed</th></tr></thead>
        <tbody>
        <tr><th scope="row">S3.8</th><td class="number">&lt;2&gt;</td></tr>
        </tbody>
        </table>
        </div>
        "#);
    }
}
