//! The file of an HTTPie session, which `http --session=NAME` reads and writes.
//! Its place and form are those of HTTPie 3: `httpie/config.py` and `httpie/sessions.py`.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use crate::error::Error;

/// A name that HTTPie accepts and does not take for a path.
#[derive(Clone, Debug)]
pub struct SessionName(String);

impl SessionName {
    pub fn parse(text: &str) -> Result<Self, String> {
        let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !text.is_empty() && text.bytes().all(may_be) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a session's name consists of a-z, A-Z, 0-9, '_', '.' and '-'".to_owned())
        }
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A session, new or as it was stored.
pub struct HttpieSession {
    pub path: PathBuf,
    content: Map<String, Value>,
}

impl HttpieSession {
    /// Reads the session for a host and port, if there is one. A file that HTTPie would not
    /// understand is refused.
    pub fn open(authority: &str, name: &SessionName) -> Result<Self, Error> {
        let path = config_folder()?
            .join("sessions")
            .join(authority.replace(':', "_"))
            .join(format!("{name}.json"));
        let content = match std::fs::read(&path) {
            Ok(bytes) => parse(&bytes).ok_or_else(|| {
                failed(&path, "it is not an HTTPie session; nothing was overwritten")
            })?,
            Err(cause) if cause.kind() == ErrorKind::NotFound => Map::new(),
            Err(cause) => return Err(failed(&path, cause)),
        };
        Ok(Self { path, content })
    }

    /// Puts a bearer token into the session and writes it, completely or not at all. Headers and
    /// cookies stay.
    pub fn save(self, token: &str) -> Result<(), Error> {
        let Self { path, mut content } = self;
        content.insert("auth".to_owned(), json!({ "type": "bearer", "raw_auth": token }));
        content.entry("headers").or_insert_with(|| json!([]));
        content.entry("cookies").or_insert_with(|| json!([]));
        content.entry("__meta__").or_insert_with(
            || json!({ "about": "HTTPie session file", "help": "https://httpie.io/docs#sessions" }),
        );
        write(&path, &content).map_err(|cause| failed(&path, cause))
    }
}

/// The content of a session file, if it has the form that HTTPie expects.
fn parse(bytes: &[u8]) -> Option<Map<String, Value>> {
    let content: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    // Up to HTTPie 3.1, headers and cookies were objects.
    let is_form = |key, value: &Value| match key {
        "__meta__" => value.is_object(),
        "auth" => value.is_object() || value.is_null(),
        "headers" | "cookies" => value.is_array() || value.is_object(),
        _ => true,
    };
    content.iter().all(|(key, value)| is_form(key.as_str(), value)).then_some(content)
}

fn write(path: &Path, content: &Map<String, Value>) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private(folder)?;
    // Created with mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, content)?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

/// Creates a folder and those above it for the user alone. Existing ones stay as they are.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The folder where HTTPie keeps what it remembers, found as HTTPie finds it.
fn config_folder() -> Result<PathBuf, Error> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let unknown = || Error::Conflict("cannot tell your home folder; set HTTPIE_CONFIG_DIR".into());
    if let Some(folder) = variable("HTTPIE_CONFIG_DIR").filter(|path| !path.as_os_str().is_empty())
    {
        return Ok(folder);
    }
    if cfg!(windows) {
        return Ok(variable("APPDATA").ok_or_else(unknown)?.join("httpie"));
    }
    let home = std::env::home_dir().ok_or_else(unknown)?;
    let legacy = home.join(".httpie");
    if legacy.exists() {
        return Ok(legacy);
    }
    Ok(variable("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("httpie"))
}

fn failed(path: &Path, cause: impl fmt::Display) -> Error {
    Error::Conflict(format!("the session {}: {cause}", path.display()))
}
