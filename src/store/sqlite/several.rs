//! What is done to several records at once: to all of them, or to none.

use crate::error::Error;

/// The error if one of several records of a kind does not exist any more.
pub fn one_is_gone(kind: &str) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::NotFound(_) => Error::Conflict(format!(
            "One of these {kind} does not exist any more. Nothing was changed."
        )),
        error => error,
    }
}

/// The error of one of several records, with its name.
pub fn in_the_way(name: &str) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Conflict(why) => Error::Conflict(format!("“{name}”: {why} Nothing was changed.")),
        Error::PreconditionFailed => {
            Error::Conflict(format!("“{name}” was changed meanwhile. Nothing was deleted."))
        }
        error => error,
    }
}

/// The error where one of several records, with its name, is not as it was left.
pub fn has_changed(name: &str) -> Error {
    Error::Conflict(format!("“{name}” was changed meanwhile. Nothing was undone."))
}
