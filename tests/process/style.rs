//! The style sheet: its layers, its sides, and that nothing in it is left over.

use std::collections::BTreeSet;
use std::path::Path;

/// Classes that code puts together.
const COMPOSED: [&str; 5] = ["c1", "c2", "c3", "c4", "cancelled"];

/// What is in all style sheets without their comments.
fn style_sheet() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sheets: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|e| e == "css")).collect();
    assert!(sheets.len() > 2, "{sheets:?}");
    let text: String = sheets.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    // What follows the end of a comment, until the next one begins.
    text.split("*/").map(|part| part.split("/*").next().unwrap()).collect()
}

/// The text of all files of a folder and below that may name a class.
fn texts(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| {
        if path.is_dir() { texts(&path) } else { std::fs::read_to_string(path).unwrap_or_default() }
    };
    entries.map(text).collect()
}

#[test]
fn all_rules_are_in_a_layer() {
    let mut depth = 0;
    for line in style_sheet().lines().filter(|line| !line.trim().is_empty()) {
        assert!(depth > 0 || line.starts_with("@layer "), "{line}");
        depth += line.matches('{').count();
        depth -= line.matches('}').count();
    }
    assert_eq!(depth, 0);
}

#[test]
fn sides_are_logical_so_that_pages_can_be_read_from_right_to_left() {
    let style = style_sheet();
    let declarations = style.lines().filter(|line| line.ends_with(';'));
    let mut count = 0;
    for (name, value) in declarations.filter_map(|line| line.trim().split_once(": ")) {
        let sides = ["left", "right", "top", "bottom"];
        let is_physical = name.rsplit('-').next().is_some_and(|last| sides.contains(&last));
        assert!(!is_physical, "{name}: {value}");
        let is_text = name == "text-align" || name == "float";
        assert!(!is_text || !sides.iter().any(|side| value.starts_with(side)), "{name}: {value}");
        count += 1;
    }
    assert!(count > 300, "{count}");
}

#[test]
fn no_descendant_begins_with_a_pseudo_class_because_the_minifier_would_join_it() {
    for line in style_sheet().lines().map(str::trim).filter(|line| line.ends_with(['{', ','])) {
        let mut descendants = line.match_indices(" :").map(|(at, _)| &line[..at]);
        assert!(descendants.all(|before| before.ends_with([',', '>', '+', '~'])), "{line}");
    }
}

#[test]
fn no_rule_needs_a_space_that_the_minifier_takes() {
    for line in style_sheet().lines() {
        let needs_it = line.contains(" and (") || line.contains(" + ") && line.ends_with(';');
        assert!(!needs_it, "{line}");
    }
}

#[test]
fn every_class_is_used_by_a_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages: String = ["static/pages", "static/js", "src/http/pages"]
        .map(|part| texts(&root.join(part)))
        .concat();
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let used: BTreeSet<&str> = pages.split(|c| !is_word(c)).collect();
    let style = style_sheet();
    let selectors = style.lines().filter(|line| line.ends_with(['{', ',']));
    let mut count = 0;
    for selector in selectors.filter(|line| !line.trim_start().starts_with('@')) {
        for class in selector.split('.').skip(1) {
            let class = class.split(|c| !is_word(c)).next().unwrap();
            assert!(used.contains(class) || COMPOSED.contains(&class), ".{class} is not used");
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
}
