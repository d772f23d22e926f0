//! Checks of texts that people read.

/// Fails unless the text is a readable line: 1 to `most` characters, not only blanks, without
/// control characters and without characters that change the direction.
pub fn check_line(text: &str, most: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is required".to_owned());
    }
    if text.chars().count() > most {
        return Err(format!("must have at most {most} characters"));
    }
    if text.chars().any(|c| c.is_control() || turns_direction(c)) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(())
}

/// Whether a character changes the direction of a text (UAX #9), which can make two names look the
/// same.
pub const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_readable_characters_only() {
        for text in ["a", "a b", "täglich", "مرحبا", "🎉", &"ä".repeat(100)] {
            assert_eq!(check_line(text, 100), Ok(()), "{text}");
        }
        for text in
            ["", "  ", "a\nb", "a\tb", "a\u{7f}", "a\u{85}", "a\u{61c}", "a\u{202e}b", "\u{2066}a"]
        {
            assert!(check_line(text, 100).is_err(), "{text:?}");
        }
        assert!(check_line(&"ä".repeat(101), 100).is_err());
    }
}
