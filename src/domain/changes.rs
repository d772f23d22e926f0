//! What a change of a record did: its fields, from what to what.

use std::collections::BTreeMap;

use super::Named;

/// Longer texts are cut.
const MAX_CHARS: usize = 255;

/// Fields by name, each with its text before and after, `None` if it had no value. `None` in place of
/// both: nobody but the owner may see the field.
pub type ChangedFields = BTreeMap<String, Option<[Option<String>; 2]>>;

/// The fields that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(pub ChangedFields);

impl Changes {
    /// An object with a list of two texts, or `null`, for each field.
    pub fn to_json(&self) -> String {
        // Maps of texts always serialize.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Adds a field, unless it is as before. There is no record before it is created, and none after
    /// it is deleted.
    pub fn add<T: AuditedField>(&mut self, name: &str, old: Option<&T>, new: Option<&T>) {
        if old == new {
            return;
        }
        let texts = [old, new].map(|value| value.and_then(T::audit_text));
        // No value, of a record that is created or deleted.
        if texts != [None, None] {
            self.0.insert(name.to_owned(), Some(texts));
        }
    }

    /// Adds a private field by its name alone, if it was changed.
    pub fn add_private<T: PartialEq>(&mut self, name: &str, old: Option<&T>, new: Option<&T>) {
        if old.zip(new).is_some_and(|(old, new)| old != new) {
            self.0.insert(name.to_owned(), None);
        }
    }
}

/// A field as the audit shows it.
pub trait AuditedField: PartialEq {
    /// `None` if it has no value.
    fn audit_text(&self) -> Option<String>;
}

impl<T: AuditedField> AuditedField for Option<T> {
    fn audit_text(&self) -> Option<String> {
        self.as_ref().and_then(T::audit_text)
    }
}

impl<T: Named + PartialEq> AuditedField for T {
    fn audit_text(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}

/// A text of which the audit keeps the beginning, with `…` where it goes on. An empty one is no
/// value.
pub fn beginning(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    Some(match text.char_indices().nth(MAX_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{TaskDescription, TaskStatus};

    fn changes(add: impl FnOnce(&mut Changes)) -> Vec<(String, Option<[Option<String>; 2]>)> {
        let mut changes = Changes::default();
        add(&mut changes);
        changes.0.into_iter().collect()
    }

    #[test]
    fn a_field_is_listed_if_it_has_another_value() {
        let (done, pending) = (Some(&TaskStatus::Done), Some(&TaskStatus::Pending));
        let texts = |old: Option<&str>, new: Option<&str>| {
            let texts = [old, new].map(|text| text.map(str::to_owned));
            vec![("status".to_owned(), Some(texts))]
        };
        let add = |old, new| changes(|changes| changes.add("status", old, new));
        assert_eq!(add(pending, done), texts(Some("pending"), Some("done")));
        assert_eq!(add(None, done), texts(None, Some("done")));
        assert_eq!(add(done, None), texts(Some("done"), None));
        assert_eq!(add(done, done), []);

        let (none, some) = (None::<TaskStatus>, Some(TaskStatus::Done));
        let add = |old, new| changes(|changes| changes.add("status", old, new));
        assert_eq!(add(Some(&none), Some(&some)), texts(None, Some("done")));
        assert_eq!(add(None, Some(&none)), []);
    }

    #[test]
    fn a_long_text_is_cut_and_compared_as_a_whole() {
        let text = |end| TaskDescription::parse(&format!("{}{end}", "ä".repeat(255))).unwrap();
        assert_eq!(text("").audit_text(), Some("ä".repeat(255)));
        let cut = Some(format!("{}…", "ä".repeat(255)));
        let found = changes(|changes| changes.add("d", Some(&text("1")), Some(&text("2"))));
        assert_eq!(found, [("d".to_owned(), Some([cut.clone(), cut]))]);
        assert_eq!(TaskDescription::default().audit_text(), None);
    }

    #[test]
    fn a_private_field_is_listed_without_its_text() {
        let add = |old, new| changes(|changes| changes.add_private("body", old, new));
        assert_eq!(add(Some(&"secret"), Some(&"other")), [("body".to_owned(), None)]);
        assert_eq!(add(Some(&"secret"), Some(&"secret")), []);
        assert_eq!(add(None, Some(&"secret")), []);
        assert_eq!(add(Some(&"secret"), None), []);
    }
}
