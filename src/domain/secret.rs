//! Secrets that the service generates, and stores only as hashes.

use std::fmt;

/// A random API key, reset code or setup code. It is shown once and never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a generated secret, or one that a client sent.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The plain text, for the only answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 (FIPS 180-4) of a secret. A slow hash is unnecessary for 80 random bits and more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

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
