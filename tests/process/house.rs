//! The structure of `src`: who may import what, and that no files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Every source file by its path below `src`, without its tests and comments.
fn code() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let code: Vec<&str> = code.lines().filter(is_code).collect();
        (path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), code.join("\n"))
    };
    let files: BTreeMap<_, _> = sources(&src).into_iter().map(read).collect();
    assert!(files.len() > 25, "{}", files.len());
    files
}

/// Fails if a file contains one of `words` and is in none of `allowed`.
#[track_caller]
fn assert_named_only_in(words: &[&str], allowed: &[&str]) {
    for (path, code) in code() {
        if allowed.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        for word in words {
            assert!(!code.contains(word), "{path} names {word}");
        }
    }
}

/// The paths in an expression like `a::{b, c::{d, e}}`, each as its segments.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap();
        return vec![path.split("::").map(|segment| segment.trim().to_owned()).collect()];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap();
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let nested = parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(expand);
    let prefix: Vec<_> = prefix.trim_end_matches("::").split("::").map(str::to_owned).collect();
    nested.map(|path| [prefix.clone(), path].concat()).collect()
}

/// The module of a file: `["http", "wire"]` for `http/wire/mod.rs`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|name| !matches!(*name, "lib" | "main")).map(str::to_owned).collect()
}

/// The absolute form of a path in `module`; `None` if it leads out of the crate.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let parent = &module[..module.len().checked_sub(1)?];
            let is_more = rest.first().is_some_and(|next| next == "super");
            if is_more { absolute(rest, parent) } else { Some([parent, rest].concat()) }
        }
        _ => None,
    }
}

/// The files of `src`, and what each imports.
struct House {
    code: BTreeMap<String, String>,
    modules: BTreeMap<Vec<String>, String>,
    /// What a module re-exports: the name, and where it is from.
    exports: BTreeMap<(Vec<String>, String), Vec<String>>,
}

impl House {
    fn new() -> Self {
        let code = code();
        let modules: BTreeMap<_, _> =
            code.keys().map(|path| (module_of(path), path.clone())).collect();
        let mut exports = BTreeMap::new();
        for (module, path) in &modules {
            for statement in code[path].split("\npub use ").skip(1) {
                for mut target in expand(statement.split(';').next().unwrap()) {
                    if !matches!(target[0].as_str(), "self" | "super" | "crate") {
                        target.insert(0, "self".to_owned());
                    }
                    if let Some(from) = absolute(&target, module) {
                        let name = from.last().unwrap().clone();
                        exports.insert((module.clone(), name), from);
                    }
                }
            }
        }
        Self { code, modules, exports }
    }

    /// The file that defines what an absolute path names.
    fn file_of(&self, path: &[String]) -> Option<&String> {
        let known = (0..=path.len()).rev().find(|end| self.modules.contains_key(&path[..*end]))?;
        let module = &path[..known];
        let export = path.get(known).and_then(|name| {
            self.exports.get(&(module.to_vec(), name.clone())).filter(|from| *from != path)
        });
        export.map_or_else(|| self.modules.get(module), |from| self.file_of(from))
    }

    /// The other files that a file names in its code. Re-exports do not count, and neither does
    /// what a macro names where it is used.
    fn imports(&self, path: &str) -> BTreeSet<&String> {
        let (code, module) = (&self.code[path], module_of(path));
        let mut trees: Vec<String> = Vec::new();
        let mut rest = String::new();
        for part in code.split(';') {
            let statement = part.trim_start();
            match statement.strip_prefix("use ") {
                Some(tree) => trees.push(tree.to_owned()),
                None if statement.starts_with("pub use ") => {}
                None => rest.push_str(part),
            }
        }
        for start in ["crate::", "super::", "self::"] {
            for (at, _) in rest.match_indices(start) {
                let before = rest[..at].chars().next_back();
                if before.is_some_and(|c| c == '$' || c == ':' || c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                let end = rest[at..].find(|c| !is_path(c)).unwrap_or(rest.len() - at);
                trees.push(rest[at..at + end].trim_end_matches(':').to_owned());
            }
        }
        let paths = trees.iter().flat_map(|tree| expand(tree));
        let files = paths.filter_map(|target| self.file_of(&absolute(&target, &module)?));
        files.filter(|file| *file != path).collect()
    }
}

#[test]
fn only_the_engine_knows_sqlite() {
    assert_named_only_in(&["rusqlite", "r2d2", "SELECT "], &["store/sqlite"]);
}

#[test]
fn only_the_outside_knows_rocket() {
    assert_named_only_in(
        &["rocket::", "rocket_okapi", "schemars"],
        &["http/", "app.rs", "config/", "cli/serve.rs"],
    );
}

#[test]
fn only_the_hasher_knows_argon2_and_only_tokens_know_jwt() {
    assert_named_only_in(&["argon2::"], &["accounts/hasher.rs"]);
    assert_named_only_in(&["jsonwebtoken"], &["accounts/tokens.rs", "accounts/hmac_sha256.rs"]);
}

#[test]
fn only_the_zone_knows_jiff() {
    assert_named_only_in(&["jiff"], &["domain/zone.rs"]);
}

#[test]
fn only_the_clock_asks_for_the_time() {
    assert_named_only_in(&["SystemTime", "now_utc", "Instant::now"], &["clock.rs"]);
}

#[test]
fn each_layer_imports_only_those_below_it() {
    const BASE: &[&str] = &["accounts/", "clock.rs", "domain/", "error.rs", "store/", "telemetry/"];
    let layers: &[(&str, &[&[&str]])] = &[
        ("main.rs", &[&["cli/"]]),
        ("lib.rs", &[]),
        ("cli/", &[BASE, &["cli/", "app.rs", "config"]]),
        ("app.rs", &[BASE, &["config", "http/"]]),
        ("config", &[&["config", "accounts/", "domain/", "error.rs"]]),
        ("http/mod.rs", &[&["http/", "telemetry/"]]),
        ("http/server/", &[BASE, &["http/server/", "http/wire/"]]),
        ("http/pages/", &[BASE, &["http/pages/", "http/api/", "http/auth/", "http/wire/"]]),
        ("http/api/", &[BASE, &["http/api/", "http/auth/", "http/wire/"]]),
        ("http/auth/", &[BASE, &["http/auth/", "http/wire/"]]),
        ("http/wire/", &[BASE, &["http/wire/"]]),
        ("accounts/", &[BASE]),
        ("store/", &[&["store/", "clock.rs", "domain/", "error.rs", "telemetry/"]]),
        ("telemetry/", &[&["telemetry/", "clock.rs", "domain/", "error.rs"]]),
        ("clock.rs", &[&["domain/"]]),
        ("domain/", &[&["domain/", "error.rs"]]),
        ("error.rs", &[&["domain/"]]),
    ];
    let house = House::new();
    for path in house.code.keys() {
        let layer = layers.iter().find(|(layer, _)| path.starts_with(layer));
        let (_, below) = layer.unwrap_or_else(|| panic!("{path} is in no layer"));
        for import in house.imports(path) {
            let is_below = below.iter().any(|all| all.iter().any(|p| import.starts_with(p)));
            assert!(is_below, "{path} imports {import}");
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let house = House::new();
    let mut imports: BTreeMap<&String, BTreeSet<&String>> =
        house.code.keys().map(|path| (path, house.imports(path))).collect();
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(count > 200, "only {count} imports were found");
    // What imports nothing that is left is in no circle, and neither is what nothing left imports.
    loop {
        let left: BTreeSet<_> = imports.keys().copied().collect();
        let imported: BTreeSet<_> = imports.values().flatten().copied().collect();
        for targets in imports.values_mut() {
            targets.retain(|target| left.contains(target));
        }
        imports.retain(|path, targets| !targets.is_empty() && imported.contains(path));
        if imports.len() == left.len() {
            break;
        }
    }
    assert!(imports.is_empty(), "these files are in circles of imports: {imports:#?}");
}

#[test]
fn nothing_unwraps_without_saying_why_it_may() {
    for (path, code) in code() {
        for word in [".unwrap()", ".expect(", "todo!", "unimplemented!", "panic!("] {
            assert!(!code.contains(word), "{path} has {word}");
        }
    }
}
