//! JSON Web Tokens (RFC 7519): HS256, signed with this installation's key.

use std::sync::{PoisonError, RwLock};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use serde::{Deserialize, Serialize};

use super::hmac_sha256;
use super::signing_key::SigningKey;
use crate::domain::{SessionId, Timestamp, UserId};
use crate::error::{Error, TokenError};

/// What a token says. `admin` is for the client to read; the server never trusts it.
#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
    jti: String,
    iss: String,
    admin: bool,
}

/// What a genuine token says. It does not say what the bearer may do; the store does.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    pub subject: UserId,
    pub session: SessionId,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// How far in the future a token may have been issued: clocks are corrected by seconds.
const CLOCK_TOLERANCE_SECONDS: i64 = 60;

const CACHED_TOKENS: usize = 256;

/// A cache of tokens whose signature was checked, each in a slot chosen by its signature.
///
/// A signature stays genuine; expiry and revocation are checked at every request. To verify a
/// signature costs as much as a read of the store. Only genuine tokens are cached, so forged ones
/// cannot evict them.
struct GenuineTokens(Vec<Slot>);

type Slot = RwLock<Option<(Box<str>, Verified)>>;

impl GenuineTokens {
    fn new() -> Self {
        Self((0..CACHED_TOKENS).map(|_| RwLock::new(None)).collect())
    }

    /// The last characters of a signature are as good as random numbers.
    fn slot(&self, token: &str) -> &Slot {
        let end = token.bytes().rev().skip(1).take(3);
        &self.0[end.fold(0, |slot, byte| slot * 64 + usize::from(byte)) % CACHED_TOKENS]
    }

    fn find(&self, token: &str) -> Option<Verified> {
        let slot = self.slot(token).read().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().filter(|(genuine, _)| is_same(genuine, token)).map(|(_, verified)| *verified)
    }

    fn insert(&self, token: &str, verified: Verified) {
        let mut slot = self.slot(token).write().unwrap_or_else(PoisonError::into_inner);
        *slot = Some((token.into(), verified));
    }
}

/// Compares in constant time.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Signs and verifies access tokens.
pub struct Tokens {
    encoding_key: EncodingKey,
    decoding_key: DecodingKey,
    header: Header,
    /// The encoded header, with which every token starts.
    header_segment: String,
    issuer: String,
    validation: Validation,
    genuine: GenuineTokens,
}

impl Tokens {
    /// `installation_id` becomes part of the claim `iss`.
    pub fn new(key: &SigningKey, installation_id: &str) -> Result<Self, Error> {
        hmac_sha256::install();
        let encoding_key = EncodingKey::from_secret(key.as_bytes());
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key_id(&encoding_key).map_err(signing_failed)?);
        let nothing = jsonwebtoken::encode(&header, &serde_json::Map::new(), &encoding_key)
            .map_err(signing_failed)?;
        let header_segment = nothing.split('.').next().unwrap_or_default().to_owned();
        let issuer = format!("urn:uuid:{installation_id}");
        Ok(Self {
            encoding_key,
            decoding_key: DecodingKey::from_secret(key.as_bytes()),
            header,
            header_segment,
            validation: validation(&issuer),
            issuer,
            genuine: GenuineTokens::new(),
        })
    }

    /// A token for a session of `subject`. `expires_at` counts in whole seconds, as `exp` does.
    pub fn sign(
        &self,
        subject: UserId,
        session: SessionId,
        admin: bool,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<String, Error> {
        let claims = Claims {
            sub: subject.to_string(),
            iat: now.as_seconds(),
            exp: expires_at.as_seconds(),
            jti: session.to_string(),
            iss: self.issuer.clone(),
            admin,
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding_key).map_err(signing_failed)
    }

    /// Verifies a token. [`TokenError::Invalid`] if this installation did not sign it, or will sign it
    /// in the future only: a clock that was set back must not prolong a session.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let verified = match self.genuine.find(token) {
            Some(verified) => verified,
            None => self.decode(token).ok_or(TokenError::Invalid)?,
        };
        if verified.issued_at > now.plus_seconds(CLOCK_TOLERANCE_SECONDS) {
            return Err(TokenError::Invalid);
        }
        // "On or after which the JWT MUST NOT be accepted" (RFC 7519 section 4.1.4).
        if now < verified.expires_at { Ok(verified) } else { Err(TokenError::Expired) }
    }

    /// Decodes a genuine token, and caches it; `None` for any other.
    ///
    /// The header must be our own, byte for byte, so no other algorithm or key is ever considered.
    /// The signature is checked before the claims are read.
    fn decode(&self, token: &str) -> Option<Verified> {
        let (header, _) = token.split_once('.')?;
        if header != self.header_segment {
            return None;
        }
        let decoded = jsonwebtoken::decode(token, &self.decoding_key, &self.validation);
        let claims: Claims = decoded.ok()?.claims;
        let verified = Verified {
            subject: UserId::parse(&claims.sub)?,
            session: SessionId::parse(&claims.jti)?,
            issued_at: Timestamp::from_seconds(claims.iat),
            expires_at: Timestamp::from_seconds(claims.exp),
        };
        self.genuine.insert(token, verified);
        Some(verified)
    }
}

/// [`Tokens::verify`] checks `exp` by our clock: the library uses the system's, with a leeway.
fn validation(issuer: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    validation
}

/// A name for a key that reveals nothing about it: the start of an HMAC.
fn key_id(key: &EncodingKey) -> Result<String, jsonwebtoken::errors::Error> {
    let fingerprint = crypto::sign(b"widgetd key id", key, Algorithm::HS256)?;
    Ok(fingerprint.chars().take(16).collect())
}

fn signing_failed(cause: jsonwebtoken::errors::Error) -> Error {
    Error::internal("signing a token", cause)
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use hmac::{Hmac, KeyInit, Mac};
    use jsonwebtoken::get_current_timestamp;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_500);

    fn key(byte: u8) -> SigningKey {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, [byte; 32]).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        SigningKey::load_or_create(&path).unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new(&key(1), "installation").unwrap()
    }

    /// A token for an hour from [`NOW`].
    fn sign(tokens: &Tokens, subject: UserId, admin: bool) -> String {
        let end = NOW.plus_seconds(3_600);
        tokens.sign(subject, SessionId::generate(), admin, NOW, end).unwrap()
    }

    /// Signs any header and claims with the right key.
    fn forge(tokens: &Tokens, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &tokens.encoding_key).unwrap()
    }

    fn claims(tokens: &Tokens) -> Value {
        json!({
            "sub": UserId::generate().to_string(), "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 60,
            "jti": SessionId::generate().to_string(), "iss": tokens.issuer, "admin": false,
        })
    }

    fn decoded_part(token: &str, part: usize) -> Value {
        let part = token.split('.').nth(part).unwrap();
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_token_reads_back_until_its_very_last_second() {
        let tokens = tokens();
        let subject = UserId::generate();
        let token = sign(&tokens, subject, false);
        let verified = tokens.verify(&token, NOW).unwrap();
        assert_eq!(verified.subject, subject);
        assert_eq!(verified.expires_at.as_seconds(), NOW.as_seconds() + 3_600);

        let end = verified.expires_at.as_millis();
        assert!(tokens.verify(&token, Timestamp::from_millis(end - 1)).is_ok());
        assert_eq!(
            tokens.verify(&token, Timestamp::from_millis(end)).unwrap_err(),
            TokenError::Expired
        );
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_prolong_a_token() {
        let tokens = tokens();
        let token = sign(&tokens, UserId::generate(), false);
        let issued = NOW.as_seconds() * 1_000;
        let at = |millis| tokens.verify(&token, Timestamp::from_millis(issued + millis));
        assert!(at(-60_000).is_ok());
        assert_eq!(at(-60_001).unwrap_err(), TokenError::Invalid);
        assert!(at(0).is_ok());
    }

    #[test]
    fn header_and_claims_are_exactly_the_documented_ones() {
        let token = sign(&tokens(), UserId::generate(), true);
        let names = |value: Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut header = names(decoded_part(&token, 0));
        header.sort();
        assert_eq!(header, ["alg", "kid", "typ"]);
        let mut claims = names(decoded_part(&token, 1));
        claims.sort();
        assert_eq!(claims, ["admin", "exp", "iat", "iss", "jti", "sub"]);
    }

    #[test]
    fn claims_signed_with_the_right_key_must_still_be_valid() {
        let tokens = tokens();
        assert!(tokens.verify(&forge(&tokens, &tokens.header, &claims(&tokens)), NOW).is_ok());
        for (claim, value) in [
            ("iss", json!("urn:uuid:another")),
            ("iss", Value::Null),
            ("sub", json!("ann")),
            ("sub", json!(7)),
            ("jti", json!("no-uuid")),
            ("exp", json!("soon")),
            ("exp", Value::Null),
        ] {
            let mut wrong = claims(&tokens);
            wrong[claim] = value;
            let token = forge(&tokens, &tokens.header, &wrong);
            assert_eq!(tokens.verify(&token, NOW).unwrap_err(), TokenError::Invalid, "{claim}");
        }
    }

    #[test]
    fn a_cached_signature_is_valid_for_its_token_only() {
        let tokens = tokens();
        let token = sign(&tokens, UserId::generate(), false);
        for _ in 0..2 {
            assert!(tokens.verify(&token, NOW).is_ok());
        }
        // The same signature, and so the same slot, behind other claims.
        let (message, signature) = token.rsplit_once('.').unwrap();
        let changed = format!("{}A.{signature}", &message[..message.len() - 1]);
        assert_eq!(tokens.verify(&changed, NOW).unwrap_err(), TokenError::Invalid);
        assert_eq!(
            tokens_of_another_installation().verify(&token, NOW).unwrap_err(),
            TokenError::Invalid
        );
        // Cached or not, it expires.
        let late = Timestamp::from_seconds(NOW.as_seconds() + 3_600);
        assert_eq!(tokens.verify(&token, late).unwrap_err(), TokenError::Expired);
    }

    #[test]
    fn more_tokens_than_the_cache_holds_are_distinguished() {
        let tokens = tokens();
        let signed: Vec<_> = (0..CACHED_TOKENS * 3)
            .map(|_| UserId::generate())
            .map(|subject| (subject, sign(&tokens, subject, false)))
            .collect();
        for (subject, token) in signed.iter().chain(&signed) {
            assert_eq!(tokens.verify(token, NOW).unwrap().subject, *subject);
        }
    }

    fn tokens_of_another_installation() -> Tokens {
        Tokens::new(&key(1), "another").unwrap()
    }

    #[test]
    fn another_key_and_another_kid_are_refused() {
        let tokens = tokens();
        let mut other_kid = tokens.header.clone();
        other_kid.kid = Some("another".to_owned());
        let mut no_kid = tokens.header.clone();
        no_kid.kid = None;
        for header in [other_kid, no_kid] {
            let token = forge(&tokens, &header, &claims(&tokens));
            assert_eq!(tokens.verify(&token, NOW).unwrap_err(), TokenError::Invalid);
        }
        let stranger = Tokens::new(&key(2), "installation").unwrap();
        let token = sign(&stranger, UserId::generate(), true);
        assert_eq!(tokens.verify(&token, NOW).unwrap_err(), TokenError::Invalid);
    }

    #[test]
    fn another_algorithm_is_refused_even_with_the_right_key() {
        let tokens = tokens();
        let mut header = tokens.header.clone();
        header.alg = Algorithm::HS512;
        // The library cannot sign with another algorithm.
        assert!(jsonwebtoken::encode(&header, &claims(&tokens), &tokens.encoding_key).is_err());
        let part = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let header = json!({ "typ": "JWT", "alg": "HS512", "kid": tokens.header.kid });
        let message = format!("{}.{}", part(header), part(claims(&tokens)));
        let hmac = Hmac::<sha2::Sha512>::new_from_slice(key(1).as_bytes()).unwrap();
        let signature = hmac.chain_update(&message).finalize().into_bytes();
        let token = format!("{message}.{}", BASE64URL_NOPAD.encode(&signature));
        assert_eq!(tokens.verify(&token, NOW).unwrap_err(), TokenError::Invalid);
        // Nor with our own header.
        let (_, rest) = token.split_once('.').unwrap();
        let token = format!("{}.{rest}", tokens.header_segment);
        assert_eq!(tokens.verify(&token, NOW).unwrap_err(), TokenError::Invalid);
    }

    #[test]
    fn expiry_is_checked_by_our_clock_not_by_the_library() {
        let tokens = tokens();
        let past = Timestamp::from_seconds(1_000);
        let token = tokens
            .sign(UserId::generate(), SessionId::generate(), false, past, past.plus_seconds(1))
            .unwrap();
        assert!(get_current_timestamp() > 10_000);
        assert!(tokens.verify(&token, past).is_ok());
    }
}
