//! Requests that are done once, however often they are sent.

use std::sync::OnceLock;

use super::Timestamp;

/// How long a request is remembered, in seconds.
pub const IDEMPOTENCY_SECONDS: i64 = 86_400;

/// A name that a client gives to a request, and what the service finds out about it while it is
/// answered: its digest when the body has arrived, and when it was done if it was done before.
#[derive(Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    text: String,
    digest: OnceLock<RequestDigest>,
    done_at: OnceLock<Timestamp>,
}

/// SHA-256 of all that makes two requests the same.
pub type RequestDigest = [u8; 32];

impl IdempotencyKey {
    /// Accepts 1 to 255 printable ASCII characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !(1..=255).contains(&text.len())
            || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        {
            return Err("must have 1 to 255 printable ASCII characters".to_owned());
        }
        Ok(Self { text: text.to_owned(), digest: OnceLock::new(), done_at: OnceLock::new() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `None` until the body has arrived.
    pub fn digest(&self) -> Option<&RequestDigest> {
        self.digest.get()
    }

    pub fn set_digest(&self, digest: RequestDigest) {
        // A body arrives once.
        let _ = self.digest.set(digest);
    }

    /// When the request was done, if it was done before.
    pub fn done_at(&self) -> Option<Timestamp> {
        self.done_at.get().copied()
    }

    pub fn set_done_at(&self, at: Timestamp) {
        // It is the same whoever finds it.
        let _ = self.done_at.set(at);
    }
}

/// What is stored of a request that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoneRequest {
    pub digest: RequestDigest,
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_a_short_printable_text() {
        for text in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\"quoted\"", &"x".repeat(255)] {
            assert_eq!(IdempotencyKey::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "ä", "a\tb", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text:?}");
        }
    }
}
