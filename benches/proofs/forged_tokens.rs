//! Forged and mangled tokens and API keys, by rule and by chance.

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::random::Random;

/// What a forger has, and more: the key that signs, so that each part of a check is tried by itself.
pub struct Material {
    /// Of a session that is not over.
    pub token: String,
    /// Of other sessions, also of another installation.
    pub others: Vec<String>,
    pub key: String,
    pub signing_key: Vec<u8>,
    /// Another user, who has sessions, too.
    pub other_user: String,
}

/// Why a forged credential is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgery {
    /// It is none of ours, whatever it looks like.
    Malformed,
    /// The signature is genuine, and it is over.
    Expired,
    /// The signature is genuine, and there is no such session.
    Ended,
}

use Forgery::{Ended, Expired, Malformed};

type Rule = fn(&Material, &mut Random) -> (Vec<u8>, Forgery);

pub const RULES: &[(&str, Rule)] = &[
    ("algorithm none", no_algorithm),
    ("another algorithm, signed with the key", other_algorithm),
    ("another kid or header, signed with the key", other_header),
    ("the header in another order, signed with the key", permuted_header),
    ("changed claims with the old signature", changed_claims),
    ("changed claims signed with another key", other_key),
    ("wrong claims signed with the key", wrong_claims),
    ("genuine, but over or of no session", genuine),
    ("the signature", mangled_signature),
    ("base 64", other_base64),
    ("the number of parts", other_parts),
    ("Unicode", unicode),
    ("blanks and quotes", blanks),
    ("long", long),
    ("another session's parts", spliced_parts),
    ("API keys", mangled_key),
    ("by chance", mutated),
];

fn byte(r: &mut Random) -> u8 {
    r.below(256).to_le_bytes()[0]
}

fn encode(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn sign(key: &[u8], message: &str) -> String {
    let hmac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    BASE64URL_NOPAD.encode(&hmac.chain_update(message).finalize().into_bytes())
}

fn signed(key: &[u8], message: &str) -> Vec<u8> {
    format!("{message}.{}", sign(key, message)).into_bytes()
}

fn malformed(text: impl Into<String>) -> (Vec<u8>, Forgery) {
    (text.into().into_bytes(), Malformed)
}

impl Material {
    fn parts(&self) -> [&str; 3] {
        self.token.split('.').collect::<Vec<_>>().try_into().unwrap()
    }

    fn header(&self) -> Value {
        decode(self.parts()[0])
    }

    fn claims(&self) -> Value {
        decode(self.parts()[1])
    }

    /// Our header, these claims, and our signature.
    fn genuine(&self, claims: &Value) -> Vec<u8> {
        signed(&self.signing_key, &format!("{}.{}", self.parts()[0], encode(claims)))
    }
}

fn no_algorithm(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let [_, payload, signature] = m.parts();
    let mut header = m.header();
    header["alg"] = json!(r.pick(&["none", "None", "NONE", "nOnE", ""]));
    let mut claims = m.claims();
    claims["admin"] = json!(true);
    let payload = r.pick(&[payload.to_owned(), encode(&claims)]);
    let end = r.pick(&[String::new(), ".".to_owned(), format!(".{signature}")]);
    malformed(format!("{}.{payload}{end}", encode(&header)))
}

fn other_algorithm(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let algorithms =
        ["HS384", "HS512", "RS256", "RS512", "ES256", "PS256", "EdDSA", "hs256", "HS256 "];
    let mut header = m.header();
    header["alg"] = json!(r.pick(&algorithms));
    let message = format!("{}.{}", encode(&header), m.parts()[1]);
    if r.below(2) == 0 {
        return (signed(&m.signing_key, &message), Malformed);
    }
    let hmac = Hmac::<Sha512>::new_from_slice(&m.signing_key).unwrap();
    let signature = hmac.chain_update(&message).finalize().into_bytes();
    malformed(format!("{message}.{}", BASE64URL_NOPAD.encode(&signature)))
}

fn other_header(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let mut header = m.header();
    let own_key = BASE64URL_NOPAD.encode(&[7; 32]);
    match r.below(8) {
        0 => header["kid"] = json!(r.below(1 << 30).to_string()),
        1 => header["kid"] = r.pick(&[json!(null), json!(""), json!(0), json!(["x"])]),
        2 => header["kid"] = json!(r.pick(&["../../../../dev/null", "' OR 1=1 --", "\0"])),
        3 => drop(header.as_object_mut().unwrap().remove("kid")),
        4 => drop(header.as_object_mut().unwrap().remove("typ")),
        5 => header["jwk"] = json!({ "kty": "oct", "k": own_key, "alg": "HS256" }),
        6 => header[r.pick(&["jku", "x5u"])] = json!("https://example.com/keys"),
        _ => header["crit"] = json!(["exp"]),
    }
    let key = r.pick(&[m.signing_key.clone(), vec![7; 32]]);
    (signed(&key, &format!("{}.{}", encode(&header), m.parts()[1])), Malformed)
}

/// The same header in other bytes.
fn permuted_header(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let ours = BASE64URL_NOPAD.decode(m.parts()[0].as_bytes()).unwrap();
    let header = m.header();
    let mut fields: Vec<_> =
        ["alg", "typ", "kid"].iter().map(|name| format!("\"{name}\":{}", header[*name])).collect();
    for last in (1..fields.len()).rev() {
        fields.swap(last, r.below(last + 1));
    }
    if r.below(3) == 0 {
        fields.push(r.pick(&fields.clone()));
    }
    let blank = r.pick(&["", " ", "\n", "\t", "  "]);
    let text = format!("{{{blank}{}{blank}}}", fields.join(&format!(",{blank}")));
    if text.as_bytes() == ours {
        return no_algorithm(m, r);
    }
    let message = format!("{}.{}", BASE64URL_NOPAD.encode(text.as_bytes()), m.parts()[1]);
    (signed(&m.signing_key, &message), Malformed)
}

/// Claims with something else in them.
fn other_claims(m: &Material, r: &mut Random) -> Value {
    let mut claims = m.claims();
    match r.below(5) {
        0 => claims["admin"] = json!(!claims["admin"].as_bool().unwrap()),
        1 => claims["exp"] = json!(claims["exp"].as_u64().unwrap() + 1 + r.below(1 << 30) as u64),
        2 => claims["sub"] = json!(m.other_user),
        3 => claims["role"] = json!("admin"),
        _ => claims["iat"] = json!(r.below(1 << 30)),
    }
    claims
}

fn changed_claims(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let [header, _, signature] = m.parts();
    malformed(format!("{header}.{}.{signature}", encode(&other_claims(m, r))))
}

fn other_key(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let text = |value: &Value| value.as_str().unwrap().as_bytes().to_vec();
    let keys = [
        Vec::new(),
        vec![0; 32],
        vec![byte(r); 32],
        text(&m.header()["kid"]),
        text(&m.claims()["iss"]),
        text(&m.claims()["jti"]),
        HEXLOWER.encode(&m.signing_key).into_bytes(),
        BASE64.encode(&m.signing_key).into_bytes(),
        m.signing_key.iter().rev().copied().collect(),
        m.signing_key[..31].to_vec(),
        Sha256::digest(&m.signing_key).to_vec(),
    ];
    let claims = if r.below(2) == 0 { m.claims() } else { other_claims(m, r) };
    let message = format!("{}.{}", m.parts()[0], encode(&claims));
    (signed(&r.pick(&keys), &message), Malformed)
}

/// What only a fault of the service could sign.
fn wrong_claims(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let mut claims = m.claims();
    let wrong = [json!(null), json!([]), json!({}), json!(1.5), json!("x"), json!(""), json!(true)];
    match r.below(5) {
        0 => claims[r.pick(&["iss", "sub", "jti", "exp", "iat"])] = r.pick(&wrong),
        1 if r.below(2) == 0 => claims["exp"] = json!(r.pick(&[-1, i64::MIN])),
        1 => claims["iss"] = json!(format!("urn:uuid:{}", r.below(1 << 30))),
        2 => {
            let name = r.pick(&["iss", "sub", "jti", "exp", "iat", "admin"]);
            claims.as_object_mut().unwrap().remove(name);
        }
        3 => claims = r.pick(&wrong),
        _ => {
            let text = r
                .pick(&["", "{", "null", "{}{}", "\u{feff}{}", "[[[[[[[["])
                .repeat(1 + r.below(50));
            let message = format!("{}.{}", m.parts()[0], BASE64URL_NOPAD.encode(text.as_bytes()));
            return (signed(&m.signing_key, &message), Malformed);
        }
    }
    (m.genuine(&claims), Malformed)
}

fn genuine(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let mut claims = m.claims();
    if r.below(2) == 0 {
        let past = r.below(1 << 30) as u64;
        let now = claims["iat"].as_u64().unwrap();
        claims["exp"] = json!(r.pick(&[0, 1, now - 1, now - past]));
        return (m.genuine(&claims), Expired);
    }
    let id = uuid::Builder::from_u128(r.below(1 << 30) as u128).into_uuid().to_string();
    claims[r.pick(&["jti", "sub"])] = json!(id);
    if r.below(3) == 0 {
        claims["sub"] = json!(m.other_user);
    }
    (m.genuine(&claims), Ended)
}

fn mangled_signature(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let [header, payload, signature] = m.parts();
    let mangled = match r.below(8) {
        0 => String::new(),
        1 => signature[..r.below(signature.len())].to_owned(),
        2 => format!("{signature}{}", "A".repeat(1 + r.below(9))),
        3 => format!("{signature}{}", "=".repeat(1 + r.below(4))),
        // The last character has two bits that no byte needs.
        4 => {
            let (rest, last) = signature.split_at(signature.len() - 1);
            let n = ALPHABET.iter().position(|c| [*c] == last.as_bytes()).unwrap();
            format!("{rest}{}", char::from(ALPHABET[n ^ (1 + r.below(3))]))
        }
        5 => signature.chars().rev().collect(),
        6 => "A".repeat(signature.len()),
        _ => signature.to_ascii_lowercase(),
    };
    malformed(format!("{header}.{payload}.{mangled}"))
}

/// Other texts for the same bytes, signed as they are.
fn other_base64(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let [header, payload, _] = m.parts();
    let mut parts = [header.to_owned(), payload.to_owned()];
    // Our header needs no padding; another claim makes the payload need it.
    let mut claims = m.claims();
    claims["x"] = json!("x".repeat((claims.to_string().len() + 1 + 7) % 3 + 1));
    let bytes = claims.to_string();
    let part = r.below(2);
    parts[part] = match r.below(6) {
        0 => format!("{}=", parts[part]),
        1 => format!("{}==", parts[part]),
        2 => BASE64.encode(format!("{bytes}??>>").as_bytes()),
        3 => BASE64URL.encode(format!("{bytes} ").as_bytes()) + "=",
        4 => BASE64URL_NOPAD.encode(parts[part].as_bytes()),
        _ => {
            let at = r.below(parts[part].len());
            format!(
                "{}{}{}",
                &parts[part][..at],
                r.pick(&["=", "%", "+/", "\u{2028}"]),
                &parts[part][at..]
            )
        }
    };
    (signed(&m.signing_key, &parts.join(".")), Malformed)
}

fn other_parts(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let [header, payload, signature] = m.parts();
    let token = &m.token;
    malformed(match r.below(8) {
        0 => ".".repeat(r.below(6)),
        1 => format!("{header}.{payload}"),
        2 => format!("{token}.{}", r.pick(&["", "x", signature, token])),
        3 => format!(".{token}"),
        4 => format!("{header}..{payload}.{signature}"),
        5 => r.pick(&[header, payload, signature]).to_owned(),
        6 => token.replace('.', "%2E"),
        _ => format!("{header}.{payload}.{signature}.{payload}.{signature}"),
    })
}

fn unicode(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let token = &m.token;
    let at = r.below(token.len() + 1);
    let inserted = r.pick(&["\u{200d}", "\u{feff}", "\u{a0}", "é", "😀", "\u{202e}", "\u{301}"]);
    malformed(match r.below(4) {
        0 => token.replace('.', r.pick(&["\u{2024}", "\u{ff0e}", "\u{3002}"])),
        1 => {
            let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c);
            token
                .chars()
                .enumerate()
                .map(|(n, c)| if n == at { wide(c) } else { c })
                .collect::<String>()
                + inserted
        }
        _ => format!("{}{inserted}{}", &token[..at], &token[at..]),
    })
}

fn blanks(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let token = &m.token;
    let at = 1 + r.below(token.len() - 1);
    malformed(match r.below(5) {
        0 => format!("{} {}", &token[..at], &token[at..]),
        1 => format!("{}\t{}", &token[..at], &token[at..]),
        2 => format!("\"{token}\""),
        3 => format!("Bearer {token}"),
        _ => format!("{token}, {token}"),
    })
}

fn long(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let length = 1_000 + r.below(12_000);
    let text = r.pick(&["x", ".", "wxyz.", "-"]).repeat(length);
    malformed(match r.below(3) {
        0 => text[..length].to_owned(),
        1 => format!("{}{}", m.token, &text[..length]),
        _ => format!("{}.{}", m.parts()[0], &text[..length]),
    })
}

fn spliced_parts(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let other = r.pick(&m.others);
    let other: Vec<_> = other.split('.').collect();
    let [header, payload, signature] = m.parts();
    malformed(match r.below(3) {
        0 => format!("{header}.{}.{signature}", other[1]),
        1 => format!("{header}.{payload}.{}", other[2]),
        _ => format!("{}.{payload}.{}", other[0], other[2]),
    })
}

fn mangled_key(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let key = &m.key;
    let at = 4 + r.below(key.len() - 4);
    malformed(match r.below(8) {
        0 => key[..at].to_owned(),
        1 => format!("{key}{}", r.pick(&["a", "7", "=", "_", "."])),
        2 => key.to_ascii_uppercase(),
        3 => key.replacen("wgt_", r.pick(&["", "wgt-", "WGT_", "wgt__", "wgtx_"]), 1),
        4 => format!("{} {}", &key[..at], &key[at..]),
        5 => HEXLOWER.encode(&Sha256::digest(key)),
        6 => format!("wgt_{}", HEXLOWER.encode(&Sha256::digest(key))),
        _ => format!("{}{}", &key[..at], key[at..].to_ascii_uppercase()),
    })
}

/// Some random changes of a valid one.
fn mutated(m: &Material, r: &mut Random) -> (Vec<u8>, Forgery) {
    let all =
        [m.token.as_bytes(), m.key.as_bytes(), r.pick(&m.others).as_bytes()].map(<[u8]>::to_vec);
    let mut bytes = r.pick(&all);
    for _ in 0..=r.below(4) {
        let at = r.below(bytes.len().max(1));
        let end = (at + r.below(20)).min(bytes.len());
        match r.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << r.below(8),
            1 if at < bytes.len() => bytes[at] = byte(r),
            2 => drop(bytes.drain(at.min(end)..end)),
            3 => bytes.insert(at, byte(r)),
            4 => bytes.truncate(at),
            5 => {
                let other = r.pick(&all);
                let from = r.below(other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            _ => {
                let again = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    (bytes, Malformed)
}
