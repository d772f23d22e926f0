//! What things are: types that cannot hold a wrong value, how they are read from text,
//! and decisions that need nothing but their arguments.

/// What the types have in common that hold a text which was checked when it was read.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// A value that was checked before it was stored.
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }

            /// As it was typed.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// As it was typed, without a copy.
            pub fn into_string(self) -> String {
                self.0
            }
        }
    };
}

mod date;
mod deadline;
mod page;
mod password;
mod timestamp;
mod token;
mod user;
mod widget;

pub use deadline::Deadline;
pub use page::{PAGE_SIZES, Page, PageRequest};
pub use password::{MAX_PASSWORD_CHARS, NewPassword, Password, PasswordHash, PasswordPolicy};
pub use timestamp::Timestamp;
pub use token::{Authority, TokenId};
pub use user::{Credentials, Email, Login, NewUser, PublicId, Role, Status, User, Username};
pub use widget::{InfoUrl, NewWidget, Owner, Put, Widget, WidgetName};
