//! Text from outside: which of its characters a person sees.
//!
//! A character that draws nothing, or that changes the order of what others draw, lets a text read other than it is.

/// The joiner of emoji such as a family or a rainbow flag.
const JOINER: char = '\u{200d}';

/// Whether a person sees every character, in the order in which it stands.
#[must_use]
pub fn is_visible(text: &str) -> bool {
    marked(text).all(|(_, hidden)| !hidden)
}

/// The text with `�` in place of what a person would not see.
#[must_use]
pub fn visible(text: &str) -> String {
    marked(text)
        .map(|(char, hidden)| if hidden { '\u{fffd}' } else { char })
        .collect()
}

/// The text with `\u{202e}` and the like in place of what a person would not see.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (char, hidden) in marked(text) {
        if hidden {
            escaped.extend(char.escape_unicode());
        } else {
            escaped.push(char);
        }
    }
    escaped
}

/// Each character, and whether it is hidden.
fn marked(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        let char = rest.next()?;
        let joins =
            char == JOINER && before.is_some_and(emoji) && rest.peek().copied().is_some_and(emoji);
        before = Some(char);
        Some((char, hidden(char) && !joins))
    })
}

/// Controls, and what Unicode calls default ignorable, line and paragraph separators and fillers. Variation selectors
/// are not among them: they change the shape of what stands before them.
/// Source: `DerivedCoreProperties.txt` of Unicode 16.
fn hidden(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// About what a joiner joins: pictographs, skin tones, and the selector of their colorful shape.
const fn emoji(char: char) -> bool {
    matches!(char, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reorders_or_hides_text_is_not_visible() {
        for char in "\u{1b}\n\u{7f}\u{9b}\u{61c}\u{ad}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}\u{e0041}".chars() {
            let text = format!("a{char}b");
            assert!(!is_visible(&text), "{char:?}");
            assert_eq!(visible(&text), "a\u{fffd}b");
        }
        assert_eq!(escaped("a\u{1b}[2J\u{202e}b"), r"a\u{1b}[2J\u{202e}b");
    }

    #[test]
    fn text_of_all_scripts_is_visible() {
        for text in [
            "",
            "plain",
            "Grüße",
            "שלום",
            "日本語",
            "हिन्दी",
            "👩\u{200d}💻 🏳\u{fe0f}\u{200d}🌈",
            "❤\u{fe0f}",
        ] {
            assert!(is_visible(text), "{text}");
            assert_eq!(visible(text), text);
            assert_eq!(escaped(text), text);
        }
    }
}
