//! What things are: types that cannot hold a wrong value, how they are read from text,
//! and decisions that need nothing but their arguments.

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
