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

/// Fails unless the text is a line that can be one segment of an address.
pub fn check_path_segment(text: &str, most: usize) -> Result<(), String> {
    check_line(text, most)?;
    if text.trim() != text {
        return Err("must not begin or end with a blank".to_owned());
    }
    // Clients resolve these in an address, even where they are escaped (WHATWG URL section 4.1).
    if matches!(text, "." | "..") {
        return Err(format!("must not be '{text}', which means something else in an address"));
    }
    // Rocket replaces bytes of a path that are not UTF-8 by it.
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err("must not contain U+FFFD, which stands for what could not be read".to_owned());
    }
    Ok(())
}

/// Fails unless the text has 1 to `most` bytes in UTF-8.
pub fn check_bytes(text: &str, most: usize) -> Result<(), String> {
    match text.len() {
        0 => Err("is required".to_owned()),
        bytes if bytes > most => {
            Err(format!("has {bytes} bytes in UTF-8; it may have at most {most}"))
        }
        _ => Ok(()),
    }
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
