//! JSON Web Tokens (RFC 7519): HS256, signed with this installation's key.

use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto, encode};
use serde::{Deserialize, Serialize};

use super::SigningKey;
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

/// What a genuine token that has not expired says: who, in which session, and until when.
/// It does not say what the bearer may do; the store does.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The account.
    pub subject: UserId,
    /// The session that the token is of.
    pub session: SessionId,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// How many tokens are remembered as genuine.
const REMEMBERED: usize = 256;

/// Tokens whose signature was checked lately, each at the place that its signature names.
///
/// Whether a token is genuine never changes, unlike whether it is still good for anything, which
/// is asked of the clock and the store every time. Checking costs as much as a read of the store;
/// and only genuine tokens get in, so that nobody else can crowd them out.
struct Remembered(Vec<RwLock<Option<Genuine>>>);

#[derive(Clone)]
struct Genuine {
    token: Arc<str>,
    verified: Arc<Verified>,
}

impl Remembered {
    fn new() -> Self {
        Self((0..REMEMBERED).map(|_| RwLock::new(None)).collect())
    }

    /// The last characters of a signature are as good as random.
    fn place(&self, token: &str) -> &RwLock<Option<Genuine>> {
        let end = token.bytes().rev().skip(1).take(3);
        &self.0[end.fold(0, |place, byte| place * 64 + usize::from(byte)) % REMEMBERED]
    }

    fn find(&self, token: &str) -> Option<Arc<Verified>> {
        let place = self.place(token).read().unwrap_or_else(PoisonError::into_inner);
        place
            .as_ref()
            .filter(|genuine| is_same(&genuine.token, token))
            .map(|genuine| Arc::clone(&genuine.verified))
    }

    fn remember(&self, token: &str, verified: &Arc<Verified>) {
        let genuine = Genuine { token: token.into(), verified: Arc::clone(verified) };
        *self.place(token).write().unwrap_or_else(PoisonError::into_inner) = Some(genuine);
    }
}

/// Compares without telling by the time it takes where the first difference is.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Signs and verifies access tokens. Knows the key and the installation, and no account.
pub struct Tokens {
    encoding_key: EncodingKey,
    decoding_key: DecodingKey,
    header: Header,
    /// The header as it stands at the start of every token.
    header_segment: String,
    issuer: String,
    life_seconds: u32,
    remembered: Remembered,
}

impl Tokens {
    /// Tokens of the installation with that id, signed with `key`, that live `life_seconds`.
    pub fn new(key: &SigningKey, installation_id: &str, life_seconds: u32) -> Result<Self, Error> {
        let encoding_key = EncodingKey::from_secret(key.as_bytes());
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key_id(&encoding_key).map_err(signing_failed)?);
        let nothing =
            encode(&header, &serde_json::Map::new(), &encoding_key).map_err(signing_failed)?;
        let header_segment = nothing.split('.').next().unwrap_or_default().to_owned();
        Ok(Self {
            encoding_key,
            decoding_key: DecodingKey::from_secret(key.as_bytes()),
            header,
            header_segment,
            issuer: format!("urn:uuid:{installation_id}"),
            life_seconds,
            remembered: Remembered::new(),
        })
    }

    /// How many seconds a new token lives.
    pub fn life_seconds(&self) -> u32 {
        self.life_seconds
    }

    /// When a token expires that is signed at `now`: a whole number of seconds, as `exp` is.
    pub fn expiry(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_seconds(now.as_seconds()).plus_seconds(i64::from(self.life_seconds))
    }

    /// A token for a session of `subject`.
    pub fn sign(
        &self,
        subject: UserId,
        session: SessionId,
        admin: bool,
        now: Timestamp,
    ) -> Result<String, Error> {
        let claims = Claims {
            sub: subject.to_string(),
            iat: now.as_seconds(),
            exp: self.expiry(now).as_seconds(),
            jti: session.to_string(),
            iss: self.issuer.clone(),
            admin,
        };
        encode(&self.header, &claims, &self.encoding_key).map_err(signing_failed)
    }

    /// Reads a token. Every way of not being one of ours is the same [`TokenError::Invalid`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Verified>, TokenError> {
        let verified = match self.remembered.find(token) {
            Some(verified) => verified,
            None => self.read(token).ok_or(TokenError::Invalid)?,
        };
        // "On or after which the JWT MUST NOT be accepted" (RFC 7519 section 4.1.4).
        if now < verified.expires_at { Ok(verified) } else { Err(TokenError::Expired) }
    }

    /// Reads a token that is genuine and whole, and remembers it.
    fn read(&self, token: &str) -> Option<Arc<Verified>> {
        let claims = self.genuine_claims(token)?;
        let verified = Arc::new(Verified {
            subject: UserId::parse(&claims.sub)?,
            session: SessionId::parse(&claims.jti)?,
            expires_at: Timestamp::from_seconds(claims.exp),
        });
        self.remembered.remember(token, &verified);
        Some(verified)
    }

    /// The claims of a token that we signed; `None` for any other.
    ///
    /// Every token of ours starts with the same header to the letter, so nothing that another
    /// header says (an algorithm, a key) is ever looked at. The signature is checked before
    /// anything behind it is read.
    fn genuine_claims(&self, token: &str) -> Option<Claims> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, _) = message.split_once('.')?;
        if header != self.header_segment {
            return None;
        }
        if !crypto::verify(signature, message.as_bytes(), &self.decoding_key, Algorithm::HS256)
            .ok()?
        {
            return None;
        }
        insecure_decode_claims::<Claims>(token).ok().filter(|claims| claims.iss == self.issuer)
    }
}

/// Names a key without telling anything about it: the start of an HMAC that only its owner can make.
fn key_id(key: &EncodingKey) -> Result<String, jsonwebtoken::errors::Error> {
    let fingerprint = crypto::sign(b"widgetd key id", key, Algorithm::HS256)?;
    Ok(fingerprint.chars().take(16).collect())
}

fn signing_failed(cause: jsonwebtoken::errors::Error) -> Error {
    Error::internal("signing a token", cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::get_current_timestamp;
    use serde_json::{Value, json};

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
        Tokens::new(&key(1), "installation", 3_600).unwrap()
    }

    /// Signs whatever it is given with the right key: what only a thief of the key could do.
    fn forge(tokens: &Tokens, header: &Header, claims: &Value) -> String {
        encode(header, claims, &tokens.encoding_key).unwrap()
    }

    fn claims(tokens: &Tokens) -> Value {
        json!({
            "sub": UserId::generate().to_string(), "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 60,
            "jti": SessionId::generate().to_string(), "iss": tokens.issuer, "admin": false,
        })
    }

    fn decoded_part(token: &str, part: usize) -> Value {
        use jsonwebtoken::dangerous::insecure_decode;
        if part == 0 {
            serde_json::to_value(jsonwebtoken::decode_header(token).unwrap()).unwrap()
        } else {
            insecure_decode::<Value>(token).unwrap().claims
        }
    }

    #[test]
    fn a_token_reads_back_until_its_very_last_second() {
        let tokens = tokens();
        let subject = UserId::generate();
        let token = tokens.sign(subject, SessionId::generate(), false, NOW).unwrap();
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
    fn header_and_claims_are_exactly_the_documented_ones() {
        let token = tokens().sign(UserId::generate(), SessionId::generate(), true, NOW).unwrap();
        let names = |value: Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut header = names(decoded_part(&token, 0));
        header.sort();
        assert_eq!(header, ["alg", "kid", "typ"]);
        let mut claims = names(decoded_part(&token, 1));
        claims.sort();
        assert_eq!(claims, ["admin", "exp", "iat", "iss", "jti", "sub"]);
    }

    #[test]
    fn what_only_a_thief_of_the_key_could_sign_must_still_be_whole() {
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
    fn what_is_remembered_of_a_token_is_good_for_that_token_alone() {
        let tokens = tokens();
        let token = tokens.sign(UserId::generate(), SessionId::generate(), false, NOW).unwrap();
        for _ in 0..2 {
            assert!(tokens.verify(&token, NOW).is_ok());
        }
        // The same signature, and so the same place, behind other claims.
        let (message, signature) = token.rsplit_once('.').unwrap();
        let changed = format!("{}A.{signature}", &message[..message.len() - 1]);
        assert_eq!(tokens.verify(&changed, NOW).unwrap_err(), TokenError::Invalid);
        assert_eq!(
            tokens_of_another_installation().verify(&token, NOW).unwrap_err(),
            TokenError::Invalid
        );
        // Remembered or not, its time runs out.
        let late = Timestamp::from_seconds(NOW.as_seconds() + 3_600);
        assert_eq!(tokens.verify(&token, late).unwrap_err(), TokenError::Expired);
    }

    #[test]
    fn far_more_tokens_than_are_remembered_are_all_told_apart() {
        let tokens = tokens();
        let signed: Vec<_> = (0..REMEMBERED * 3)
            .map(|_| UserId::generate())
            .map(|subject| {
                (subject, tokens.sign(subject, SessionId::generate(), false, NOW).unwrap())
            })
            .collect();
        for (subject, token) in signed.iter().chain(&signed) {
            assert_eq!(tokens.verify(token, NOW).unwrap().subject, *subject);
        }
    }

    fn tokens_of_another_installation() -> Tokens {
        Tokens::new(&key(1), "another", 3_600).unwrap()
    }

    #[test]
    fn another_key_another_kid_and_another_algorithm_are_refused() {
        let tokens = tokens();
        let mut other_kid = tokens.header.clone();
        other_kid.kid = Some("another".to_owned());
        let mut no_kid = tokens.header.clone();
        no_kid.kid = None;
        let mut hs512 = tokens.header.clone();
        hs512.alg = Algorithm::HS512;
        for header in [other_kid, no_kid, hs512] {
            let token = forge(&tokens, &header, &claims(&tokens));
            assert_eq!(tokens.verify(&token, NOW).unwrap_err(), TokenError::Invalid);
        }
        let stranger = Tokens::new(&key(2), "installation", 3_600).unwrap();
        let token = stranger.sign(UserId::generate(), SessionId::generate(), true, NOW).unwrap();
        assert_eq!(tokens.verify(&token, NOW).unwrap_err(), TokenError::Invalid);
    }

    #[test]
    fn expiry_is_told_by_our_clock_not_by_the_library() {
        let tokens = tokens();
        let past = Timestamp::from_seconds(1_000);
        let token = tokens.sign(UserId::generate(), SessionId::generate(), false, past).unwrap();
        assert!(get_current_timestamp() > 10_000);
        assert!(tokens.verify(&token, past).is_ok());
    }
}
