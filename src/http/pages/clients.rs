//! What people call the browser that sent a `User-Agent`.

/// Browsers also name the browsers and systems that they are compatible with: Edge names Chrome and
/// Safari. So the order matters, and the first match counts.
const BROWSERS: [(&str, &str); 5] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// `Firefox on Windows`, or the text itself if it is not a browser's.
pub fn client_name(user_agent: Option<&str>) -> String {
    let Some(text) = user_agent.filter(|text| !text.is_empty()) else {
        return "Unknown client".to_owned();
    };
    let find = |names: &[(&str, &'static str)]| {
        names.iter().find(|(token, _)| text.contains(token)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) if text.starts_with("Mozilla/") => {
            format!("{browser} on {system}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_by_its_own_name() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        let firefox = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0";
        for (text, expected) in [
            (Some(edge), "Edge on Windows"),
            (Some(firefox), "Firefox on Android"),
            (Some("HTTPie/3.2.4"), "HTTPie/3.2.4"),
            (Some("Chrome/1 Linux"), "Chrome/1 Linux"),
            (Some(""), "Unknown client"),
            (None, "Unknown client"),
        ] {
            assert_eq!(client_name(text), expected);
        }
    }
}
