//! XSS: user input is shown as text everywhere. None of it runs, and none breaks the layout.
//!
//! `Site::visit` fails for every CSP violation, and for every script that runs (see `Browser`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Page, Site};
use crate::browser_support::Display;
use crate::program::{Answer, PASSWORD};

/// XSS payloads, and texts that are hard to lay out: right-to-left, combining, zero-width, long.
fn payloads() -> Vec<String> {
    let attacks = [
        "<script>window.__pwned=1</script>",
        "<img src=x onerror=\"window.__pwned=1\">",
        "\"><svg onload=window.__pwned=1>",
        "'><input autofocus onfocus=window.__pwned=1>",
        "\" onfocus=\"window.__pwned=1\" autofocus=\"",
        "</textarea></title></style></script><script>window.__pwned=1</script>",
        "--><script>window.__pwned=1</script><!--",
        "]]></dialog><script>window.__pwned=1</script>",
        "<iframe srcdoc=\"<script>parent.__pwned=1</script>\"></iframe>",
        "<a href=\"javascript:window.__pwned=1\">click</a>",
        "javascript:window.__pwned=1",
        "JaVaScRiPt:alert(1)//",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "{{constructor.constructor('window.__pwned=1')()}}",
        "${window.__pwned=1}#{window.__pwned=1}",
        "<style>*{display:none!important}</style>",
        "<base href=\"https://example.org/\"><link rel=stylesheet href=//example.org/x.css>",
        "<meta http-equiv=refresh content=\"0;url=https://example.org\">",
        "</form><form action=\"https://example.org\"><button>Sign in</button>",
        "<template><slot name=x></template><object data=//example.org>",
        "'; DROP TABLE task; --",
        "\" OR \"\"=\"",
        "&lt;script&gt;&amp;&#x3c;&notit;",
        "%3Cscript%3Ewindow.__pwned=1%3C/script%3E%00%0d%0a",
        "../../../../etc/passwd\\..\\..",
        "?next=//example.org&q=<b>#<b>",
        "__proto__",
        "constructor",
        "null undefined NaN [object Object]",
    ];
    let texts = [
        "مرحبا بالعالم، هذا نص من اليمين إلى اليسار",
        "\u{202e}gnp.exe\u{202c} \u{2066}isolated\u{2069} \u{200f}marked",
        "Z\u{335}\u{321}\u{34d}a\u{336}\u{349}l\u{337}\u{32a}g\u{338}\u{318}o\u{334}\u{330}",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦🏳\u{fe0f}\u{200d}🌈",
        "﷽﷽﷽﷽",
        "a\u{200b}b\u{feff}c\u{ad}d\u{2028}e\u{2029}f",
        "tab\there\r\nline\nline\n\n\nline",
        "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
        "x\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}",
        "no end to it ",
    ];
    let long = |text: &str| text.chars().cycle().take(10_000).collect();
    let all = || attacks.iter().chain(&texts);
    let mut payloads: Vec<String> = all().map(|text| (*text).to_owned()).collect();
    payloads.extend(all().map(|text| format!("'\"`{text}`\"'")));
    payloads.extend(all().map(|text| format!("\u{202e}{text}\u{2067}")));
    payloads.extend(all().map(|text| format!("{text}\n{}", text.to_uppercase())));
    payloads.extend(all().map(|text| long(text)));
    assert_eq!(payloads.iter().collect::<BTreeSet<_>>().len(), 200);
    payloads
}

/// As different lines of at most `max` characters, without those that the service rejects in a
/// line.
fn lines(payloads: &[String], max: usize) -> Vec<String> {
    let is_bidi_control = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = |(n, text): (usize, &String)| {
        let line: String = text
            .chars()
            .filter(|c| !c.is_control() && !is_bidi_control(*c))
            .take(max - 4)
            .collect();
        format!("{} {n}", line.trim())
    };
    payloads.iter().enumerate().map(line).collect()
}

/// As different e-mail addresses that the service accepts, of at most 254 characters.
fn addresses(payloads: &[String]) -> Vec<String> {
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(*c);
    let address = |(n, text): (usize, &String)| {
        let local: String = text.chars().filter(is_allowed).take(60).collect();
        let long = format!("{}.", "w".repeat(61)).repeat(3) + "com";
        let domain = if n % 2 == 0 { "example.com" } else { &long };
        format!("{local}.{n}@{domain}")
    };
    payloads.iter().enumerate().map(address).collect()
}

fn assert_created(answer: &Answer) {
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// Goes through all pages of the list that is shown. Returns the texts of all elements that match.
async fn read_all_pages(page: &Page, css: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    loop {
        page.assert_no_overflow().await;
        let script =
            "return [...document.querySelectorAll(arguments[0])].map((part) => part.textContent)";
        let texts: Vec<String> =
            serde_json::from_value(page.run(script, &[json!(css)]).await).unwrap();
        assert!(!texts.is_empty(), "{css}");
        seen.extend(texts);
        let next = "const [next] = document.querySelectorAll('.pagination .next, .pagination [rel=next]'); return next?.checkVisibility() ? next.href : null";
        match page.run(next, &[]).await {
            Value::String(next) => {
                page.open(next.trim_start_matches(&page.origin).trim_start_matches('/')).await;
            }
            _ => return seen,
        }
        page.read_logs().await;
    }
}

fn assert_shown(seen: &BTreeSet<String>, given: &[String]) {
    let missing: Vec<_> = given.iter().filter(|text| !seen.contains(*text)).collect();
    assert!(missing.is_empty(), "{missing:#?} of {seen:#?}");
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn xss_payloads_in_tasks_and_templates_are_shown_as_text() {
    let site = Site::new();
    let payloads = payloads();
    let (titles, names) = (lines(&payloads, 255), lines(&payloads, 100));
    let manager = site.api("manager");
    for (title, description) in titles.iter().zip(&payloads) {
        let fields = [
            ("title", &**title),
            ("description", description),
            ("assignee", "manager@example.com"),
        ];
        assert_created(&manager.post("/tasks", &fields));
    }
    for (name, body) in names.iter().zip(&payloads) {
        assert_created(&manager.post("/templates", &[("name", name), ("body", body)]));
    }
    site.visit(&[], async |page| {
        page.set_display(Display::Narrow).await;
        page.sign_in("manager").await;
        page.assert_no_overflow().await;
        page.assert_accessible().await;
        page.open("tasks?sort=created_at").await;
        page.assert_accessible().await;
        page.screenshot("xss-tasks-320").await;
        assert_shown(&read_all_pages(page, ".row .text a bdi").await, &titles);
        page.open("templates?sort=created_at").await;
        page.assert_accessible().await;
        page.screenshot("xss-templates-320").await;
        assert_shown(&read_all_pages(page, ".row .text a bdi").await, &names);
        page.sign_out().await;
        page.sign_in("admin").await;
        page.open("audit?action=task.create").await;
        page.click(".events summary").await;
        page.assert_accessible().await;
        page.screenshot("xss-audit-320").await;
        assert_shown(&read_all_pages(page, ".events .who").await, &titles);
        page.sign_out().await;
        page.sign_in("manager").await;
        // The record, its form and the question.
        for n in [0, 30, 120, 160, 170, 199] {
            page.open(&format!("tasks?sort=created_at&per_page=10&page={}", n / 10 + 1)).await;
            page.click(&format!(".row:nth-child({}) .text a", n % 10 + 1)).await;
            page.see(".record h1", "").await;
            let shown = "return document.querySelector('.prose')?.textContent ?? ''";
            // HTML has no line ends but plain ones.
            assert_eq!(page.run(shown, &[]).await, payloads[n].replace("\r\n", "\n"));
            page.assert_no_overflow().await;
            page.assert_accessible().await;
            page.screenshot(&format!("xss-task-{n}-320")).await;
            page.follow_link("Edit").await;
            assert_eq!(page.value("#title").await, *titles[n]);
            page.assert_no_overflow().await;
            page.assert_accessible().await;
            page.follow_link("Cancel").await;
            page.follow_link("Delete…").await;
            page.see("h1", "Delete the task?").await;
            page.assert_no_overflow().await;
        }
        for n in [0, 30, 120, 160, 170, 199] {
            page.open(&format!("templates?sort=created_at&per_page=10&page={}", n / 10 + 1)).await;
            page.click(&format!(".row:nth-child({}) .text a", n % 10 + 1)).await;
            page.see(".record h1", "").await;
            let shown = "return document.querySelector('#text').textContent";
            assert_eq!(page.run(shown, &[]).await, payloads[n].replace("\r\n", "\n"));
            page.assert_no_overflow().await;
            page.assert_accessible().await;
            page.screenshot(&format!("xss-template-{n}-320")).await;
            page.follow_link("Edit").await;
            assert_eq!(page.value("#name").await, *names[n]);
            page.assert_no_overflow().await;
            page.assert_accessible().await;
            page.follow_link("Cancel").await;
            page.follow_link("Delete…").await;
            page.see("h1", "Delete the template?").await;
            page.assert_no_overflow().await;
        }
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn xss_payloads_in_emails_keys_urls_and_user_agents_are_shown_as_text() {
    let site = Site::new();
    let payloads = payloads();
    let (names, addresses) = (lines(&payloads, 100), addresses(&payloads));
    let urls: Vec<String> = names
        .iter()
        .map(|name| {
            format!("https://example.com/{name}")
                .replace([' ', '\\'], "")
                .chars()
                .take(255)
                .collect()
        })
        .filter(|url: &String| !url.contains(char::is_whitespace))
        .collect();
    let (admin, employee) = (site.api("admin"), site.api("employee"));
    for (n, url) in urls.iter().enumerate() {
        let fields =
            [("name", &*format!("widget-{n}")), ("info_url", url), ("deadline", "2099-12-31")];
        assert_created(&admin.post("/widgets", &fields));
    }
    assert!(urls.len() > 150);
    for (n, name) in names.iter().enumerate() {
        let api = if n % 2 == 0 { &admin } else { &employee };
        assert_created(&api.post("/auth/keys", &[("name", name), ("scope", "read")]));
    }
    for address in addresses.iter().step_by(8) {
        assert_created(
            &site.anonymous().post("/auth/register", &[("email", address), ("password", PASSWORD)]),
        );
    }
    // Failed logins appear in the audit, successful ones in the list of sessions.
    for address in addresses.iter().skip(1).step_by(4) {
        let refused = site.anonymous().attempt(address, "not the password");
        assert_eq!(refused.status, 401, "{}", refused.text);
    }
    for name in names.iter().step_by(4) {
        let client: String = name.chars().filter(|c| ('\x20'..'\x7f').contains(c)).collect();
        assert_eq!(
            site.anonymous()
                .with("User-Agent", &client)
                .attempt("admin@example.com", PASSWORD)
                .status,
            200
        );
    }
    site.visit(&[], async |page| {
        page.set_display(Display::Narrow).await;
        page.sign_in("admin").await;
        page.open("widgets").await;
        let shown = read_all_pages(page, ".row .text a").await;
        assert_eq!(shown.len(), urls.len());
        for n in (0..urls.len()).step_by(29) {
            page.open(&format!("widgets/widget-{n}")).await;
            let link = page.find("main a[rel]").await;
            assert_eq!(link.text().await.unwrap(), urls[n].trim_end());
            page.assert_no_overflow().await;
            page.open(&format!("widgets/widget-{n}/edit")).await;
            assert_eq!(page.value("#info_url").await, urls[n]);
            page.assert_no_overflow().await;
        }
        for (address, css, given) in [
            ("people", "#people .text a", addresses.iter().step_by(8).cloned().collect::<Vec<_>>()),
            (
                "audit?action=session.start",
                ".events .who",
                addresses.iter().skip(1).step_by(4).cloned().collect(),
            ),
            ("account", "#keys .name", names.iter().step_by(2).cloned().collect()),
        ] {
            page.open(address).await;
            page.assert_accessible().await;
            page.screenshot(&format!("xss-{}-320", address.split('?').next().unwrap())).await;
            assert_shown(&read_all_pages(page, css).await, &given);
        }
        page.sign_out().await;
        page.sign_in("employee").await;
        page.open("account").await;
        let given: Vec<_> = names.iter().skip(1).step_by(2).cloned().collect();
        assert_shown(&read_all_pages(page, "#keys .name").await, &given);
        page.sign_out().await;

        // The longest address, in the header.
        let longest = &addresses[161];
        assert_eq!(longest.len(), 254);
        site.anonymous().post("/auth/register", &[("email", longest), ("password", PASSWORD)]);
        page.fill("#login", longest).await;
        page.fill("#password", PASSWORD).await;
        page.press_button("Sign in").await;
        page.wait_for_address("").await;
        page.assert_no_overflow().await;
        page.assert_accessible().await;
        page.screenshot("xss-home-320").await;
    });
}

/// The forms that are rendered again with the submitted values: page, and an input.
const FORMS: [(&str, &str); 3] =
    [("login", "#login"), ("register", "#username"), ("reset", "#code")];

/// Puts a text into every input, and submits the form as a browser without scripts does.
const SUBMIT: &str = r#"
    const [text, query] = arguments;
    const form = document.querySelector("form[data-sign-in]");
    for (const input of form.elements) if (input.name && input.type !== "password") input.value = text;
    form.action = form.action.split("?")[0] + query;
    HTMLFormElement.prototype.submit.call(form);
"#;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn xss_payloads_in_rejected_forms_are_shown_as_text() {
    let site = Site::new();
    let payloads = payloads();
    site.visit(&["400", "413"], async |page| {
        page.set_display(Display::Narrow).await;
        // The service renders the form again,
        for (k, (form, input)) in FORMS.into_iter().enumerate() {
            page.open(form).await;
            for (n, text) in payloads.iter().enumerate().skip(k).step_by(FORMS.len()) {
                // The length of a URL is limited.
                let next: String = text.chars().take(500).collect();
                let query = format!("?next={}", escaped(&format!("tasks?q={next}")));
                page.run("document.documentElement.id = 'before'", &[]).await;
                page.run(SUBMIT, &[json!(text), json!(query)]).await;
                page.wait_until("document.documentElement.id !== 'before' && document.readyState === 'complete'", &[])
                    .await;
                page.see("main .error", "").await;
                page.assert_no_overflow().await;
                // A body that is too large is not read, so its values are not shown. Inputs drop
                // line ends.
                if text.len() < 2_000 {
                    let line = text.replace(['\r', '\n'], "");
                    let value = page.run("return document.querySelector(arguments[0]).value", &[json!(input)]).await;
                    assert!(value == line, "{n}: {value} instead of {line}");
                }
            }
            page.read_logs().await;
            page.assert_accessible().await;
            page.screenshot(&format!("xss-{form}-320")).await;
        }

        // and a script shows the errors in place.
        for (k, (form, _)) in FORMS.into_iter().rev().enumerate() {
            page.open(form).await;
            for (n, text) in payloads.iter().enumerate().skip(k).step_by(FORMS.len()) {
                let script = "const form = document.querySelector('form[data-sign-in]');
                    for (const input of form.elements) if (input.name) input.value = arguments[0];
                    form.requestSubmit();
                    while (form.querySelector('[aria-disabled=true]')) await new Promise((done) => setTimeout(done, 5));
                    return document.querySelector('main .error:not(:empty)') !== null";
                assert_eq!(page.run_async(script, &[json!(text)]).await, true, "{text}");
                page.assert_no_overflow().await;
                if n % 50 == 0 {
                    page.assert_accessible().await;
                }
            }
        }
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn xss_payloads_in_query_parameters_are_shown_as_text() {
    let site = Site::new();
    let payloads = payloads();
    site.visit(&[], async |page| {
        page.set_display(Display::Narrow).await;
        page.sign_in("admin").await;
        for (n, text) in payloads.iter().enumerate() {
            let list = ["widgets", "tasks", "templates", "people", "audit"][n % 5];
            // As much as a search may have.
            let words: Vec<&str> = text.split_whitespace().take(8).collect();
            let text: String = words.join(" ").chars().take(100).collect();
            page.open(&format!("{list}?q={}&page=1", escaped(&text))).await;
            page.see("main [name=q]", "").await;
            page.assert_no_overflow().await;
            if n % 20 == 0 {
                page.read_logs().await;
            }
        }
    });
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
