//! The key that signs tokens: 32 random bytes in a file beside the database.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::secrets;
use crate::error::Error;

const LENGTH: usize = 32;

/// A key for HS256, as long as its hash at least (RFC 7518 section 3.2).
pub struct SigningKey([u8; LENGTH]);

impl SigningKey {
    /// The file of the key for `database`: its name with `.key` appended.
    pub fn path_beside(database: &Path) -> PathBuf {
        let mut path = database.as_os_str().to_owned();
        path.push(".key");
        PathBuf::from(path)
    }

    /// Fails if the file does not hold a key, or if others than its owner can read it.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        if let Some(key) = Self::load(path)? {
            return Ok(key);
        }
        Self::create(path)?;
        Self::load(path)?.ok_or_else(|| failed(path, "it vanished"))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn load(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed(path, cause)),
        };
        refuse_if_others_can_read(path).map_err(|why| {
            let advice = "delete it and start again (everyone must log in again), \
                or `chmod 600` it if you are sure";
            failed(path, format!("{why}; {advice}"))
        })?;
        let key = bytes.try_into().map_err(|bytes: Vec<u8>| {
            failed(path, format!("it has {} bytes, and a key has {LENGTH}", bytes.len()))
        })?;
        Ok(Some(Self(key)))
    }

    /// Writes a new key atomically. Two programs that start at once both use the key of the first.
    fn create(path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new("."));
        // Created with mode 0600.
        let mut file =
            tempfile::NamedTempFile::new_in(folder).map_err(|cause| failed(path, cause))?;
        file.write_all(&secrets::random::<LENGTH>()?).map_err(|cause| failed(path, cause))?;
        file.as_file().sync_all().map_err(|cause| failed(path, cause))?;
        match file.persist_noclobber(path) {
            Err(refusal) if refusal.error.kind() != ErrorKind::AlreadyExists => {
                Err(failed(path, refusal.error))
            }
            _ => sync_folder(folder).map_err(|cause| failed(path, cause)),
        }
    }
}

/// Makes the file's name durable as well, if folders can be synced.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Says why, if others than its owner can read a file. On Unix only.
#[cfg(unix)]
pub fn refuse_if_others_can_read(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let file = std::fs::metadata(path).map_err(|cause| cause.to_string())?;
    match file.permissions().mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(format!("its mode is {mode:04o}, so others on this machine may have read it")),
    }
}

#[cfg(not(unix))]
pub fn refuse_if_others_can_read(_: &Path) -> Result<(), String> {
    Ok(())
}

fn failed(path: &Path, cause: impl std::fmt::Display) -> Error {
    Error::internal(&format!("cannot use the signing key {}", path.display()), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_path(folder: &tempfile::TempDir) -> PathBuf {
        SigningKey::path_beside(&folder.path().join("widgetd.db"))
    }

    #[test]
    fn a_key_is_created_once_and_then_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = key_path(&folder);
        assert!(path.ends_with("widgetd.db.key"));
        let first = SigningKey::load_or_create(&path).unwrap();
        let second = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(first.as_bytes(), second.as_bytes());
        let other = tempfile::tempdir().unwrap();
        let another = SigningKey::load_or_create(&key_path(&other)).unwrap();
        assert_ne!(first.as_bytes(), another.as_bytes());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = key_path(&folder);
        SigningKey::load_or_create(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o644, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = SigningKey::load_or_create(&path).err().expect("refused").to_string();
            assert!(error.contains(&format!("its mode is {mode:04o}")), "{error}");
        }
    }

    #[test]
    fn a_file_of_another_length_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = key_path(&folder);
        SigningKey::load_or_create(&path).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(31).unwrap();
        let error = SigningKey::load_or_create(&path).err().expect("refused").to_string();
        assert!(error.ends_with("it has 31 bytes, and a key has 32"), "{error}");
    }
}
