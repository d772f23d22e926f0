//! The sort order of a list, and full-text search in it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Named;

/// By default ascending, by the default key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort<K> {
    pub key: K,
    pub descending: bool,
}

impl<K: Named> Sort<K> {
    /// Parses a key, with a `-` before it for descending order.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let key = K::ALL.iter().copied().find(|key| key.name() == name);
        key.map(|key| Self { key, descending }).ok_or_else(|| {
            format!("'{text}' must be one of {}", Self::names().collect::<Vec<_>>().join(", "))
        })
    }

    /// All inputs that [`Self::parse`] accepts.
    pub fn names() -> impl Iterator<Item = String> {
        K::ALL.iter().flat_map(|key| [key.name().to_owned(), format!("-{}", key.name())])
    }
}

/// Words to search for. Each matches the words that start with it, without regard to letter case
/// and diacritics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

impl Search {
    pub const MAX_CHARS: usize = 100;

    /// Each word is looked up by itself, so that their number bounds what a search costs.
    pub const MAX_WORDS: usize = 8;

    /// Accepts any short text; none of it is syntax.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > Self::MAX_CHARS {
            return Err(format!("must have at most {} characters", Self::MAX_CHARS));
        }
        let search = Self(text.to_owned());
        if search.words().len() > Self::MAX_WORDS {
            return Err(format!("must have at most {} different words", Self::MAX_WORDS));
        }
        Ok(search)
    }

    /// The words, each once.
    pub fn words(&self) -> BTreeSet<&str> {
        self.0.split_whitespace().collect()
    }
}

/// A text without letter case and diacritics, for comparison.
pub fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            text.to_ascii_lowercase().into()
        } else {
            text.into()
        };
    }
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Role;

    #[test]
    fn a_sort_order_is_a_name_and_a_minus_for_descending() {
        assert_eq!(Sort::parse("admin"), Ok(Sort { key: Role::Admin, descending: false }));
        assert_eq!(Sort::parse("-admin"), Ok(Sort { key: Role::Admin, descending: true }));
        for text in ["", "-", "--admin", "admins", "-root"] {
            let why = Sort::<Role>::parse(text).unwrap_err();
            assert_eq!(
                why,
                format!(
                    "'{text}' must be one of employee, -employee, manager, -manager, admin, -admin"
                )
            );
        }
    }

    #[test]
    fn folding_removes_letter_case_and_diacritics() {
        for (text, expected) in [
            ("Ann", "ann"),
            ("ann", "ann"),
            ("ZOË", "zoe"),
            ("Ǆ", "dz"),
            ("愛", "愛"),
            ("Αθήνα", "αθηνα"),
        ] {
            assert_eq!(folded(text), expected);
        }
    }

    #[test]
    fn a_search_has_at_most_8_different_words_and_100_characters() {
        for text in ["", " ", "a b c d e f g h", &"a ".repeat(50), &"ä".repeat(100)] {
            assert!(Search::parse(text).is_ok(), "{text}");
        }
        let why = |text: &str| Search::parse(text).unwrap_err();
        assert_eq!(why("a b c d e f g h i"), "must have at most 8 different words");
        assert_eq!(why(&"a ".repeat(51)), "must have at most 100 characters");
        assert_eq!(why(&"ä".repeat(101)), "must have at most 100 characters");
        let search = Search::parse("star  north star").unwrap();
        assert_eq!(search.words(), ["north", "star"].into());
    }
}
