//! Embeds the assets under `static` into the binary, plain and gzip-compressed. The pages' style sheet
//! and modules go without their comments and indentation.
//!
//! Writes `assets.rs`: the table of assets, and `VERSION`, a hash over all of them. URLs of assets
//! contain the version, so browsers may cache them for a long time. The templates of the pages are
//! not assets: Askama compiles them (`askama.toml`).

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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
            minified(&fs::read_to_string(file)?)?.into_bytes()
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

/// A text without indentation, empty lines, and comments, which have lines of their own. No text in a
/// style sheet or a module of ours goes over several lines.
fn minified(text: &str) -> Result<String, String> {
    let mut is_comment = false;
    let mut minified = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if !(is_comment || line.is_empty() || line.starts_with("//")) {
            minified.push_str(line);
            minified.push('\n');
        }
        if is_comment && line.contains("*/") {
            if !line.ends_with("*/") {
                return Err(format!("a comment does not end its line: {line}"));
            }
            is_comment = false;
        }
    }
    Ok(minified)
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
