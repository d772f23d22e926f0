//! The sort order of a list, and full-text search in it.

use super::Named;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Accepts any text; none of it is syntax.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split_whitespace()
    }
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
}
