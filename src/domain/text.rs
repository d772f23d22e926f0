//! What texts have in common that people see beside each other.

/// Whether a text is a line that somebody can read and tell from another: 1 to `most` characters
/// that are not all blanks, and none that controls how the others are shown.
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

/// Whether a character turns the direction of a text (UAX #9), which makes one name look like
/// another.
pub const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_that_somebody_can_read() {
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
