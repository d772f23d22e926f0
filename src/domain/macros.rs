//! Macros for types of the domain that are alike.

/// Methods of a type that holds a text which its parser checked. If nothing but a check stands
/// between a text and the type, `parse` is that check.
macro_rules! checked_text {
    ($name:ident, $check:expr) => {
        checked_text!($name);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }
    };
    ($name:ident) => {
        impl $name {
            /// For a value that was checked before it was stored.
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn into_string(self) -> String {
                self.0
            }
        }
    };
}

/// Methods of a type whose values have names, on the wire and in the store.
macro_rules! named {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            pub fn from_name(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl $crate::domain::macros::Named for $type {
            const ALL: &'static [Self] = $type::ALL;

            fn name(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

/// A type whose values have names, on the wire and in the store.
pub trait Named: Copy + 'static {
    /// Every value, in the order of declaration.
    const ALL: &'static [Self];

    fn name(self) -> &'static str;

    /// Parses a name. The error echoes the input and lists the names.
    fn parse_name(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|value| value.name()).collect();
            format!("'{text}' must be one of {}", names.join(", "))
        })
    }
}

/// Makes texts fields of the audit, which keeps their beginnings.
macro_rules! audited_texts {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::domain::changes::AuditedField for $type {
            fn audit_text(&self) -> Option<String> {
                $crate::domain::changes::beginning(self.as_str())
            }
        }
    )+};
}

/// Declares how the changes of a record are audited: the actions that create, update and delete it;
/// the field by which events call it; the fields that they list, and those that only the owner may
/// see.
macro_rules! audited {
    (
        $record:ty: $create:ident, $update:ident, $delete:ident;
        $(name $name:ident;)?
        $(fields $($field:ident),+;)?
        $(private $($private:ident),+;)?
    ) => {
        impl $crate::domain::audit::Audited for $record {
            const CREATE: $crate::domain::audit::Action = $crate::domain::audit::Action::$create;
            const UPDATE: $crate::domain::audit::Action = $crate::domain::audit::Action::$update;
            const DELETE: $crate::domain::audit::Action = $crate::domain::audit::Action::$delete;

            fn audit_name(&self) -> Option<&str> {
                None::<&str>$(.or(Some(self.$name.as_str())))?
            }

            fn changes(
                old: Option<&Self>,
                new: Option<&Self>,
            ) -> $crate::domain::changes::Changes {
                let mut changes = $crate::domain::changes::Changes::default();
                $($(
                    let values = [old, new].map(|record| record.map(|record| &record.$field));
                    changes.add(stringify!($field), values[0], values[1]);
                )+)?
                $($(
                    let values = [old, new].map(|record| record.map(|record| &record.$private));
                    changes.add_private(stringify!($private), values[0], values[1]);
                )+)?
                changes
            }
        }
    };
}

/// Methods of a type that is a random UUID (RFC 9562 section 5.4).
macro_rules! uuid_id {
    ($type:ident) => {
        impl $type {
            pub fn generate() -> Self {
                Self(uuid::Uuid::new_v4())
            }

            /// Parses a UUID with hyphens. (Without them it could be a username.)
            pub fn parse(text: &str) -> Option<Self> {
                uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == 36).map(Self)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
