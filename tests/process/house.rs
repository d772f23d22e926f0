//! Who may name whom in `src`, so that the rule outlives its authors.

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
fn code() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: Vec<&str> =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        (path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), code.join("\n"))
    };
    let files: Vec<_> = sources(&src).into_iter().map(read).collect();
    assert!(files.len() > 25, "{}", files.len());
    files
}

/// Fails where a file names one of `words` that is in none of `allowed`.
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
fn only_the_clock_asks_for_the_time() {
    assert_named_only_in(&["SystemTime", "now_utc", "Instant::now"], &["clock.rs"]);
}

#[test]
fn each_layer_calls_only_those_below_it() {
    let layers: &[(&str, &[&str])] = &[
        ("error.rs", &["domain"]),
        ("domain/", &["error"]),
        ("clock.rs", &["domain"]),
        ("store/", &["domain", "error"]),
        ("accounts/", &["domain", "error", "store", "clock"]),
        ("http/", &["accounts", "domain", "error", "store", "clock"]),
        ("config/", &["accounts", "domain", "error"]),
        ("app.rs", &["accounts", "clock", "config", "error", "http", "store"]),
        ("cli/", &["accounts", "app", "clock", "config", "domain", "error", "store"]),
        ("main.rs", &[]),
        ("lib.rs", &[]),
    ];
    for (path, code) in code() {
        let (_, below) = layers
            .iter()
            .find(|(layer, _)| path.starts_with(layer))
            .unwrap_or_else(|| panic!("{path} is in no layer"));
        let own = path.split(['/', '.']).next().unwrap();
        for called in
            code.split("crate::").skip(1).filter_map(|rest| rest.split([':', ';', '{', ' ']).next())
        {
            assert!(below.contains(&called) || called == own, "{path} calls {called}");
        }
    }
}

#[test]
fn nothing_unwraps_without_saying_why_it_may() {
    for (path, code) in code() {
        for word in [".unwrap()", ".expect(", "todo!", "unimplemented!", "panic!("] {
            assert!(!code.contains(word), "{path} has {word}");
        }
    }
}
