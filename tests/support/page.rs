//! A small HTML parser for the service's own pages: elements with their attributes and text.

/// A start tag, and the text that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub tag: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
}

impl Element {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// The elements of a page. Attributes must be in double quotes, as they are in all templates.
pub fn elements(html: &str) -> Vec<Element> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let (inner, after) = split_tag(rest);
        // Elements of SVG close themselves.
        let inner = inner.trim_end_matches('/');
        let (tag, attributes) =
            inner.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((inner, ""));
        let text = after.split('<').next().unwrap_or_default();
        found.push(Element {
            tag: tag.to_ascii_lowercase(),
            attributes: read_attributes(attributes),
            text: unescape(text.trim()),
        });
        rest = after;
    }
    found
}

/// Splits behind a tag's `<`: the inside of the tag, and the text behind its `>`.
fn split_tag(text: &str) -> (&str, &str) {
    let mut is_quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '>' if !is_quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    panic!("a tag is not closed: {text}");
}

fn read_attributes(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        let end = text.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(text.len());
        if end == 0 {
            assert!(text.is_empty(), "not an attribute: {text}");
            return found;
        }
        let name = text[..end].to_ascii_lowercase();
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "not an attribute's name: {name}"
        );
        text = &text[end..];
        let value = match text.strip_prefix("=\"") {
            None => "",
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').expect("a closing quote");
                text = after;
                value
            }
        };
        assert!(found.iter().all(|(other, _)| *other != name), "{name} is given twice");
        found.push((name, unescape(value)));
    }
}

fn unescape(text: &str) -> String {
    let Some((before, rest)) = text.split_once('&') else { return text.to_owned() };
    let (entity, after) =
        rest.split_once(';').unwrap_or_else(|| panic!("an ampersand is not escaped: {text}"));
    let c = match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        number => number
            .strip_prefix('#')
            .and_then(|n| n.parse().ok())
            .and_then(char::from_u32)
            .expect(number),
    };
    format!("{before}{c}{}", unescape(after))
}
