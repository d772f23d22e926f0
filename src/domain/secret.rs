//! Secrets that the service makes up itself, and remembers only as hashes.

use std::fmt;

/// A random text that opens something: an API key, a reset code or the setup code. Shown once,
/// stored never.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that was just made up, or that somebody claims to be a secret of ours.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 (FIPS 180-4) of a secret. A slow hash, as for passwords, would gain nothing: nobody
/// guesses 80 random bits and more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Wraps a hash.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash's bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_shows_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::new("wgt_x".to_owned())), "Secret(..)");
        assert_eq!(format!("{:?}", SecretHash::new([7; 32])), "SecretHash(..)");
    }
}
