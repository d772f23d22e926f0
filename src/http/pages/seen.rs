//! What a form showed when it was opened. With it, a form that comes back tells which fields its
//! user has changed, and which others have changed meanwhile.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::forms::Form;
use crate::http::wire::{Field, FieldContext, with_plain_lines};

/// The error of a hidden field that somebody has changed.
pub const NOT_OURS: &str = "is not what a form of these pages sends";

/// The fields of the form of a record, in its order.
#[derive(Clone, Copy)]
pub struct FormFields(pub &'static [&'static str]);

impl FormFields {
    /// The form of a record whose fields have these texts.
    pub fn filled(self, texts: Vec<String>) -> Form {
        let seen = Seen::of(&texts).to_string();
        let names = self.0.iter().map(|name| (*name).to_owned());
        let typed = names.zip(texts).chain([("seen".to_owned(), seen)]).collect();
        Form { typed, fields: self.0, ..Form::default() }
    }

    /// What was typed into each field.
    pub fn texts(self, typed: &[(String, String)]) -> Vec<String> {
        let text = |name: &&str| {
            let found = typed.iter().find(|(known, _)| known == name);
            found.map_or_else(String::new, |(_, text)| text.clone())
        };
        self.0.iter().map(text).collect()
    }

    /// The form again, with what others have written into the same fields. If it is sent again, it
    /// replaces that.
    pub fn conflicting(
        self,
        mut typed: Vec<(String, String)>,
        merge: &Merge,
        theirs: Vec<String>,
    ) -> Form {
        let seen = Seen::of(&theirs).to_string();
        typed.retain(|(name, _)| name != "seen");
        typed.push(("seen".to_owned(), seen));
        // What others have changed, and the user has not, is theirs.
        for ((name, text), is_changed) in self.0.iter().zip(&theirs).zip(&merge.changed) {
            if !is_changed {
                typed.retain(|(known, _)| known != name);
                typed.push(((*name).to_owned(), text.clone()));
            }
        }
        let theirs = self.0.iter().copied().zip(theirs).zip(&merge.conflicts);
        let theirs = theirs.filter(|(_, is_conflict)| **is_conflict).map(|(field, _)| field);
        let why = "Somebody else has changed the same meanwhile. What you typed is in the form, \
                   and below it what they wrote. Nothing is saved yet.";
        Form {
            typed,
            fields: self.0,
            theirs: theirs.collect(),
            message: Some(why.to_owned()),
            ..Form::default()
        }
    }
}

/// A digest of each field of a form, in the form's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen(Vec<u64>);

/// Which fields a form changes.
#[derive(Debug, PartialEq, Eq)]
pub struct Merge {
    /// Whether the user has changed each field.
    pub changed: Vec<bool>,
    /// Whether somebody else has changed it to something else meanwhile.
    pub conflicts: Vec<bool>,
}

impl Merge {
    /// Compares the texts of a form with those that are stored. If it does not say what it showed, it
    /// replaces them all.
    pub fn of(seen: Option<&Seen>, mine: &[String], theirs: &[String]) -> Self {
        let differs = |n, text: &str, default| seen.map_or(default, |seen| seen.differs(n, text));
        let fields = || mine.iter().zip(theirs).enumerate();
        let is_changed = |(n, (mine, theirs)): (usize, (&String, &String))| {
            differs(n, mine, true) && !is_same(mine, theirs)
        };
        let is_conflict = |field @ (n, (_, theirs)): (usize, (&String, &String))| {
            is_changed(field) && differs(n, theirs, false)
        };
        Self {
            changed: fields().map(is_changed).collect(),
            conflicts: fields().map(is_conflict).collect(),
        }
    }

    pub fn has_conflict(&self) -> bool {
        self.conflicts.contains(&true)
    }

    pub fn has_change(&self) -> bool {
        self.changed.contains(&true)
    }
}

impl Seen {
    pub fn of(texts: &[String]) -> Self {
        Self(texts.iter().map(|text| digest(text)).collect())
    }

    fn differs(&self, n: usize, text: &str) -> bool {
        self.0.get(n) != Some(&digest(text))
    }
}

/// A text area shows all line ends alike.
fn is_same(one: &str, other: &str) -> bool {
    with_plain_lines(one) == with_plain_lines(other)
}

/// The first bytes of a digest: they tell texts of one field apart.
fn digest(text: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(with_plain_lines(text)).into();
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digest| write!(f, "{digest:016x}"))
    }
}

impl Field for Seen {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        let wrong = || NOT_OURS.to_owned();
        if !text.is_ascii() || !text.len().is_multiple_of(16) {
            return Err(wrong());
        }
        let starts = (0..text.len()).step_by(16);
        let digests = starts.map(|at| u64::from_str_radix(&text[at..at + 16], 16));
        digests.collect::<Result<_, _>>().map(Self).map_err(|_| wrong())
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(base: [&str; 2], mine: [&str; 2], theirs: [&str; 2]) -> ([bool; 2], [bool; 2]) {
        let owned = |texts: [&str; 2]| texts.map(str::to_owned);
        let Merge { changed, conflicts } =
            Merge::of(Some(&Seen::of(&owned(base))), &owned(mine), &owned(theirs));
        (changed.try_into().unwrap(), conflicts.try_into().unwrap())
    }

    #[test]
    fn fields_that_different_people_changed_are_merged() {
        let base = ["a", "b"];
        assert_eq!(merge(base, ["a", "b"], ["x", "y"]), ([false, false], [false, false]));
        assert_eq!(merge(base, ["c", "b"], ["a", "b"]), ([true, false], [false, false]));
        assert_eq!(merge(base, ["c", "b"], ["a", "y"]), ([true, false], [false, false]));
        assert_eq!(merge(base, ["c", "b"], ["x", "b"]), ([true, false], [true, false]));
        // Both have changed it to the same.
        assert_eq!(merge(base, ["x", "b"], ["x", "y"]), ([false, false], [false, false]));
    }

    #[test]
    fn line_ends_of_browsers_are_no_change() {
        assert_eq!(merge(["a\nb", ""], ["a\r\nb", ""], ["a\nb", ""]), ([false; 2], [false; 2]));
        assert_eq!(merge(["a\r\nb", ""], ["a\r\nb", ""], ["a\r\nb", ""]), ([false; 2], [false; 2]));
        assert_eq!(merge(["a\rb", ""], ["a\nb", ""], ["a\rb", ""]), ([false; 2], [false; 2]));
    }
}
