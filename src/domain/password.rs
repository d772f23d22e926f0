//! Passwords, their policy and their hashes. `Debug` shows none of them.

use std::fmt;

use super::UserNames;

/// Longer passwords are refused, never truncated.
pub const MAX_PASSWORD_CHARS: usize = 128;

/// How many characters the strength estimator reads. Its work grows steeply with the length (over a
/// second for 100 adversarial characters), and further characters only make a password stronger.
const JUDGED_CHARS: usize = 32;

/// A password as it was typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Accepts 1 to 128 characters, without NUL.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is required".to_owned());
        }
        if text.contains('\0') {
            return Err("must not contain a NUL character".to_owned());
        }
        if text.chars().count() > MAX_PASSWORD_CHARS {
            return Err(format!("must have at most {MAX_PASSWORD_CHARS} characters"));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A password that the policy accepts for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrongPassword(Password);

impl StrongPassword {
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The requirements for a new password.
#[derive(Clone, Copy, Debug)]
pub struct PasswordPolicy {
    /// In characters.
    pub min_length: usize,
    /// A score of zxcvbn, 0 (too guessable) to 4 (very unguessable).
    pub min_score: u8,
}

impl PasswordPolicy {
    /// Parses a password and checks its length. This is fast; [`Self::judge`] is not.
    pub fn check_length(&self, text: &str) -> Result<Password, String> {
        let password = Password::parse(text)?;
        if text.chars().count() < self.min_length {
            return Err(format!("must have at least {} characters", self.min_length));
        }
        Ok(password)
    }

    /// Estimates how hard the password is to guess by an attacker who knows the account's names.
    ///
    /// Takes up to 100 ms: do not call it on a thread that serves requests.
    pub fn judge(
        &self,
        password: &Password,
        account: &UserNames,
    ) -> Result<StrongPassword, String> {
        let judged = |text: &str| text.chars().take(JUDGED_CHARS).collect::<String>();
        // Also the parts of an address: a password may be the address without its domain.
        let names: Vec<String> = account
            .texts()
            .flat_map(|name| [name].into_iter().chain(name.split('@')))
            .map(judged)
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let entropy = zxcvbn::zxcvbn(&judged(&password.0), &names);
        if u8::from(entropy.score()) >= self.min_score {
            return Ok(StrongPassword(password.clone()));
        }
        let mut why = "is too easy to guess.".to_owned();
        if let Some(feedback) = entropy.feedback() {
            let warning = feedback.warning().map(|warning| warning.to_string());
            let advice = feedback.suggestions().iter().map(ToString::to_string);
            for sentence in warning.into_iter().chain(advice) {
                why.push(' ');
                why.push_str(&sentence);
            }
        }
        Err(why)
    }
}

/// The hash of a password: a PHC string with algorithm, parameters and salt.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Email;

    const POLICY: PasswordPolicy = PasswordPolicy { min_length: 8, min_score: 2 };

    fn judge(text: &str) -> Result<StrongPassword, String> {
        let names = Email::parse("ann.hathaway@example.com")?.into();
        POLICY.judge(&POLICY.check_length(text)?, &names)
    }

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        assert_eq!(
            POLICY.check_length("ääääääa"),
            Err("must have at least 8 characters".to_owned())
        );
        assert!(POLICY.check_length("ääääääää").is_ok());
        assert!(POLICY.check_length(&"ä".repeat(128)).is_ok());
        assert_eq!(
            POLICY.check_length(&"a".repeat(129)),
            Err("must have at most 128 characters".to_owned())
        );
    }

    #[test]
    fn a_nul_character_is_refused() {
        assert!(POLICY.check_length("a\0quite long phrase").is_err());
    }

    #[test]
    fn what_is_easy_to_guess_is_refused_with_advice() {
        for text in [
            "password",
            "12345678",
            "qwertyuiop",
            "aaaaaaaaaaaaaaaa",
            "ann.hathaway@example.com",
            "ann.hathaway",
        ] {
            let why = judge(text).expect_err(text);
            assert!(why.starts_with("is too easy to guess. "), "{text}: {why}");
        }
    }

    #[test]
    fn a_phrase_is_good_enough() {
        assert!(judge("correct horse battery staple").is_ok());
    }

    #[test]
    fn a_password_never_shows_in_debug_output() {
        let password = judge("correct horse battery staple").unwrap();
        assert_eq!(format!("{password:?}"), "StrongPassword(Password(..))");
        assert_eq!(
            format!("{:?}", PasswordHash::from_stored("$argon2id$x".into())),
            "PasswordHash(..)"
        );
    }
}
