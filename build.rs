//! Tells the program its version, and embeds the assets under `static`, plain and gzip-compressed. The
//! pages' style sheet and modules go without their comments and needless spaces.
//!
//! Writes `assets.rs`: the table of assets, and `VERSION`, a hash over all of them. URLs of assets
//! contain the version, so browsers may cache them for a long time. The templates of the pages are
//! not assets: Askama compiles them (`askama.toml`).

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Content types by file extension. Files with other extensions are not embedded.
const CONTENT_TYPES: [(&str, &str); 4] = [
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
];

fn main() -> Result<(), Box<dyn Error>> {
    tell_the_version();
    require_options_of_sqlite()?;
    println!("cargo::rerun-if-changed=static");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("static");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();

    let mut version = Sha256::new();
    let mut table = String::new();
    for (n, file) in files.iter().enumerate() {
        let name = as_text(file.strip_prefix(&root)?)?.replace('\\', "/");
        let content_type = content_type(file).ok_or("unknown file extension")?;
        let bytes = if name.starts_with("swagger-ui/")
            || ![".css", ".js"].iter().any(|end| name.ends_with(end))
        {
            fs::read(file)?
        } else {
            minified(&fs::read_to_string(file)?, content_type)?.into_bytes()
        };
        version.update(&name);
        version.update([0]);
        version.update(bytes.len().to_le_bytes());
        version.update(&bytes);

        let (plain, compressed) = (out.join(n.to_string()), out.join(format!("{n}.gz")));
        fs::write(&plain, &bytes)?;
        let (plain, compressed) = (as_text(&plain)?, as_text(&compressed)?);
        let mut encoder = GzEncoder::new(fs::File::create(compressed)?, Compression::best());
        encoder.write_all(&bytes)?;
        encoder.finish()?;
        writeln!(
            table,
            "    Asset {{ name: {name:?}, content_type: {content_type:?}, plain: include_bytes!({plain:?}), \
             compressed: include_bytes!({compressed:?}) }},"
        )?;
    }
    let digest = version.finalize();
    let mut version = String::new();
    for byte in digest.iter().take(6) {
        write!(version, "{byte:02x}")?;
    }
    let code = format!(
        "/// A hash over the names and contents of all assets.\npub const VERSION: &str = {version:?};\n\n\
         static ASSETS: &[Asset] = &[\n{table}];\n"
    );
    fs::write(out.join("assets.rs"), code)?;
    Ok(())
}

/// Sets `LONG_VERSION`: the version, and in a Git checkout its last commit with the commit's day. Not the
/// day of the build, so that the same sources make the same program.
fn tell_the_version() {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|o| o.status.success());
        output.and_then(|output| String::from_utf8(output.stdout).ok())
    };
    let commit = git(&["log", "-1", "--format=%h %cs"])
        .map_or_else(String::new, |commit| format!(" ({})", commit.trim()));
    println!("cargo::rustc-env=LONG_VERSION={}{commit}", env!("CARGO_PKG_VERSION"));
    // It has a line for each commit that was checked out.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(log.trim()).exists()
    {
        println!("cargo::rerun-if-changed={}", log.trim());
    }
}

/// Cargo reads `.cargo/config.toml` of the folder that it runs in, and `cargo install --path` that of the
/// package. Otherwise (`cargo build --manifest-path`) SQLite would be compiled with other options, and
/// the program would be slower and less safe.
fn require_options_of_sqlite() -> Result<(), Box<dyn Error>> {
    const OPTIONS: &str = "LIBSQLITE3_FLAGS";
    println!("cargo::rerun-if-env-changed={OPTIONS}");
    println!("cargo::rerun-if-changed=.cargo/config.toml");
    let given = std::env::var(OPTIONS).unwrap_or_default();
    let config = fs::read_to_string(".cargo/config.toml")?;
    if config.contains(&format!("{OPTIONS} = \"{given}\"")) {
        return Ok(());
    }
    let folder = std::env::var("CARGO_MANIFEST_DIR")?;
    Err(format!(
        "SQLite would be compiled with other options than widgetd needs. Run cargo in {folder}, where it reads \
         .cargo/config.toml, or set {OPTIONS} as that file does"
    )
    .into())
}

/// A style sheet or a module without comments and needless spaces. Names stay.
fn minified(text: &str, content_type: &str) -> Result<String, &'static str> {
    if content_type.starts_with("text/css") {
        // The last semicolon of a rule means nothing.
        Ok(minifier::css::minify(text)?.to_string().replace(";}", "}"))
    } else {
        Ok(minifier::js::minify(text)?.to_string())
    }
}

fn as_text(path: &Path) -> Result<&str, &'static str> {
    path.to_str().ok_or("file name is not UTF-8")
}

fn content_type(file: &Path) -> Option<&'static str> {
    let extension = file.extension()?.to_str()?;
    CONTENT_TYPES
        .iter()
        .find(|(known, _)| *known == extension)
        .map(|(_, content_type)| *content_type)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if content_type(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}
