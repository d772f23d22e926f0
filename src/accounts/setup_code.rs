//! The code that a start prints while there is no administrator.

use std::sync::atomic::{AtomicBool, Ordering};

use super::secrets::{hash_of_code, new_code, read_code};
use crate::domain::{Secret, SecretHash};
use crate::error::Error;

/// Who has this code may make themselves the first administrator.
#[derive(Debug)]
pub struct SetupCode(Secret);

impl SetupCode {
    /// A new one, like `abcd-efgh-ijkl-mnop`.
    pub fn generate() -> Result<Self, Error> {
        new_code().map(Self)
    }

    /// Letter case, hyphens and blanks do not count.
    pub fn parse(text: &str) -> Result<Self, String> {
        read_code("a setup code", text).map(Self)
    }

    /// The code in plain text, to show to whoever started the service.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// The setup code of this process, in memory only.
#[derive(Default)]
pub struct Setup {
    code: Option<SecretHash>,
    is_used: AtomicBool,
}

impl Setup {
    pub fn new(code: Option<&SetupCode>) -> Self {
        Self { code: code.map(|code| hash_of_code(&code.0)), is_used: AtomicBool::new(false) }
    }

    pub fn accepts(&self, SetupCode(code): &SetupCode) -> bool {
        self.code == Some(hash_of_code(code)) && !self.is_used.load(Ordering::Relaxed)
    }

    pub fn mark_used(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }
}
