//! Secrets that the service generates: API keys, reset codes and setup codes.

use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE};
use sha2::{Digest, Sha256};

use crate::domain::{Secret, SecretHash};
use crate::error::Error;

/// How an API key starts, so that people and secret scanners recognise one.
pub const KEY_PREFIX: &str = "wgt_";

/// 160 bits, 32 characters.
const KEY_BYTES: usize = 20;

/// 80 bits, too many to guess before the code expires.
const CODE_BYTES: usize = 10;

/// Characters per group of a code, so that people can read it out.
const CODE_GROUP: usize = 4;

pub fn new_key() -> Result<Secret, Error> {
    let text = BASE32_NOPAD.encode(&random::<KEY_BYTES>()?).to_ascii_lowercase();
    Ok(Secret::new(format!("{KEY_PREFIX}{text}")))
}

/// A new code, for a reset or the setup, like `abcd-efgh-ijkl-mnop`.
pub fn new_code() -> Result<Secret, Error> {
    let text = BASE32_NOPAD.encode(&random::<CODE_BYTES>()?).to_ascii_lowercase();
    let groups: Vec<&str> =
        (0..text.len()).step_by(CODE_GROUP).map(|start| &text[start..start + CODE_GROUP]).collect();
    Ok(Secret::new(groups.join("-")))
}

/// Parses a reset code. Letter case, hyphens and blanks are ignored.
pub fn read_reset_code(text: &str) -> Result<Secret, String> {
    read_code("a reset code", text)
}

/// Parses a code. `kind` is its name in the error.
pub fn read_code(kind: &str, text: &str) -> Result<Secret, String> {
    let letters: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    match BASE32_NOPAD_NOCASE.decode(letters.as_bytes()) {
        Ok(bytes) if bytes.len() == CODE_BYTES => Ok(Secret::new(letters.to_ascii_lowercase())),
        _ => Err(format!("is not {kind}; one looks like abcd-efgh-ijkl-mnop")),
    }
}

pub fn hash_of_key(key: &str) -> SecretHash {
    SecretHash::new(Sha256::digest(key).into())
}

/// The hash of a code, with or without hyphens.
pub fn hash_of_code(code: &Secret) -> SecretHash {
    hash_of_key(&code.reveal().replace('-', ""))
}

pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|cause| Error::internal("no random numbers", cause))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_its_prefix_and_no_two_are_alike() {
        let (one, other) = (new_key().unwrap(), new_key().unwrap());
        assert!(one.reveal().starts_with(KEY_PREFIX));
        assert_eq!(one.reveal().len(), KEY_PREFIX.len() + 32);
        assert_ne!(hash_of_key(one.reveal()), hash_of_key(other.reveal()));
    }

    #[test]
    fn a_code_is_read_in_any_letter_case_and_grouping() {
        let code = new_code().unwrap();
        let text = code.reveal();
        assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
        for written in
            [text.to_owned(), text.to_uppercase(), text.replace('-', ""), text.replace('-', " ")]
        {
            assert_eq!(
                hash_of_code(&read_reset_code(&written).unwrap()),
                hash_of_code(&code),
                "{written}"
            );
        }
        for text in
            ["", "abcd", "abcd-efgh-ijkl-mno1", "abcd-efgh-ijkl-mnop-qrst", "äbcd-efgh-ijkl-mnop"]
        {
            assert!(read_reset_code(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hash_is_sha_256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(data_encoding::HEXLOWER.encode(hash_of_key("abc").as_bytes()), expected);
    }
}
