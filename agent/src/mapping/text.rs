//! Texts that are no longer than a format allows, in characters.

/// Not longer than so many characters. Blanks before a text that is too long go first, so that no cut text is blank.
pub(super) fn cut(text: &str, max: usize) -> &str {
    if !longer(text, max) {
        return text;
    }
    let text = text.trim_start();
    let end = text.char_indices().nth(max).map(|(end, _)| end);
    &text[..end.unwrap_or(text.len())]
}

/// Not longer than so many characters; dots show that something is missing.
pub(super) fn abridged(text: &str, max: usize) -> String {
    marked(text, max, "...")
}

/// Not longer than so many characters; the mark at the end shows that something is missing.
pub(super) fn marked(text: &str, max: usize, mark: &str) -> String {
    if longer(text, max) {
        cut(text, max - mark.len()).to_owned() + mark
    } else {
        text.to_owned()
    }
}

pub(super) fn longer(text: &str, max: usize) -> bool {
    text.len() > max && text.chars().count() > max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abridged_text_ends_with_dots_and_never_inside_a_character() {
        assert_eq!(abridged("\u{e4}\u{f6}\u{fc}\u{df}\u{e4}", 4), "\u{e4}...");
        assert_eq!(
            abridged("\u{e4}\u{f6}\u{fc}\u{df}", 4),
            "\u{e4}\u{f6}\u{fc}\u{df}"
        );
    }
}
