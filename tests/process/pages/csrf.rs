//! CSRF: pages of other origins, in the browser of a signed-in administrator, change nothing.
//!
//! `tests/http/cross_site.rs` proves the rule for every combination of headers. Here, a real
//! browser decides which headers and cookies such requests have.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use super::{Page, Site, block_on};
use crate::browser_support::Browser;
use crate::program::PASSWORD;

/// Serves a page of another origin on a free port. The page at `/silent` hides its origin by
/// `Referrer-Policy: no-referrer`.
fn serve_other_origin() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Each in a thread: browsers also open connections that they do not use at once.
            std::thread::spawn(|| answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap_or(0);
    let policy = if request[..length].starts_with(b"GET /silent") {
        "Referrer-Policy: no-referrer\r\n"
    } else {
        ""
    };
    let page = "<!DOCTYPE html><title>Another site</title>";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    let _ = write!(stream, "{head}{policy}Content-Length: {}\r\n\r\n{page}", page.len());
}

/// A request: method, path below the API, fields. The field `csv` is also a body by itself.
type WriteRequest = (&'static str, String, Vec<(&'static str, String)>);

/// A valid request for every route that writes. Those that end the session come last.
fn writes(site: &Site) -> Vec<WriteRequest> {
    let admin = site.api("admin");
    let fields = |fields: &[(&'static str, &str)]| {
        fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>()
    };
    let create = |path: &str, fields: &[(&str, &str)], id: &str| {
        let answer = admin.post(path, fields);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body[id].as_str().unwrap_or_default().to_owned()
    };
    let widget =
        [("name", "ours"), ("info_url", "https://example.com"), ("deadline", "2099-12-31")];
    create("/widgets", &widget, "");
    let task = create("/tasks", &[("title", "ours")], "id");
    create("/templates", &[("name", "ours"), ("body", "ours")], "");
    let key = create("/auth/keys", &[("name", "ours"), ("scope", "read")], "id");
    let session = admin.get("/auth/sessions").body["items"][0]["id"].as_str().unwrap().to_owned();
    let people = admin.get("/users?q=employee").body;
    let person = people["items"][0]["public_id"].as_str().unwrap().to_owned();
    let code = site.command(&["user", "reset-code", "manager@example.com"]);
    let code =
        code.split_whitespace().find(|word| word.matches('-').count() == 3).unwrap().to_owned();

    let theirs = |name: &'static str| {
        fields(&[
            (name, "theirs"),
            ("info_url", "https://example.com/theirs"),
            ("deadline", "2098-12-31"),
        ])
    };
    let credentials = fields(&[("email", "manager@example.com"), ("password", PASSWORD)]);
    let newcomer = fields(&[("email", "theirs@example.com"), ("password", PASSWORD)]);
    let new_password = "a quiet place by the river";
    vec![
        ("PATCH", "/auth/user".to_owned(), fields(&[("username", "theirs")])),
        ("POST", "/auth/keys".to_owned(), fields(&[("name", "theirs"), ("scope", "write")])),
        ("DELETE", format!("/auth/keys/{key}"), Vec::new()),
        ("POST", "/widgets".to_owned(), theirs("name")),
        ("PUT", "/widgets/ours".to_owned(), theirs("")[1..].to_vec()),
        ("PATCH", "/widgets/ours".to_owned(), theirs("")[1..].to_vec()),
        ("DELETE", "/widgets/ours".to_owned(), Vec::new()),
        (
            "POST",
            "/widgets/import".to_owned(),
            fields(&[("csv", "name,info_url,deadline\nimported,https://example.com,2098-12-31\n")]),
        ),
        ("POST", "/tasks".to_owned(), fields(&[("title", "theirs")])),
        ("POST", "/tasks/import".to_owned(), fields(&[("csv", "title\ntheirs\n")])),
        ("PATCH", format!("/tasks/{task}"), fields(&[("title", "theirs")])),
        ("DELETE", format!("/tasks/{task}"), Vec::new()),
        ("POST", "/templates".to_owned(), fields(&[("name", "theirs"), ("body", "theirs")])),
        ("PATCH", "/templates/ours".to_owned(), fields(&[("body", "theirs")])),
        ("DELETE", "/templates/ours".to_owned(), Vec::new()),
        ("PATCH", format!("/users/{person}"), fields(&[("role", "admin")])),
        ("POST", format!("/users/{person}/reset-code"), Vec::new()),
        ("DELETE", format!("/users/{person}/sessions"), Vec::new()),
        ("DELETE", format!("/users/{person}"), Vec::new()),
        ("DELETE", format!("/auth/sessions/{session}"), Vec::new()),
        (
            "POST",
            "/users".to_owned(),
            fields(&[("email", "more@example.com"), ("password", PASSWORD)]),
        ),
        ("POST", "/auth/register".to_owned(), newcomer.clone()),
        ("POST", "/auth/setup".to_owned(), [newcomer, fields(&[("code", &code)])].concat()),
        ("POST", "/auth/login".to_owned(), credentials),
        (
            "POST",
            "/auth/reset".to_owned(),
            fields(&[("code", &code), ("new_password", new_password)]),
        ),
        (
            "POST",
            "/auth/password".to_owned(),
            fields(&[("current_password", PASSWORD), ("new_password", new_password)]),
        ),
        ("POST", "/auth/logout".to_owned(), Vec::new()),
        ("DELETE", "/auth/sessions".to_owned(), Vec::new()),
        ("DELETE", "/auth/user".to_owned(), fields(&[("password", PASSWORD)])),
    ]
}

/// Fails if the OpenAPI document has a route that writes and that `writes` lacks.
fn assert_complete(site: &Site, writes: &[WriteRequest]) {
    let document = site.api("admin").get("/openapi.json").body;
    for (template, operations) in document["paths"].as_object().unwrap() {
        let fits = |path: &str| {
            let (expected, given) = (template.split('/'), path.split('/'));
            expected.clone().count() == given.clone().count()
                && expected.zip(given).all(|(e, g)| e == g || e.starts_with('{'))
        };
        for method in ["post", "put", "patch", "delete"]
            .into_iter()
            .filter(|method| operations.get(method).is_some())
        {
            let is_covered = writes
                .iter()
                .any(|(known, path, _)| known.eq_ignore_ascii_case(method) && fits(path));
            assert!(is_covered, "{method} {template}");
        }
    }
}

/// Everything that the API and the command line show, without fields that depend on the time of the
/// request.
fn snapshot(api: &crate::program::Client, site: &Site) -> Vec<Value> {
    let lists = [
        "/auth/user",
        "/auth/keys",
        "/auth/sessions",
        "/users",
        "/widgets",
        "/tasks",
        "/templates",
        "/audit",
    ];
    let mut seen: Vec<Value> =
        lists.iter().map(|path| api.get(&format!("{path}?per_page=100")).body).collect();
    seen.push(api.get("/auth/user").body);
    for account in ["employee", "manager"] {
        seen.push(json!(site.command(&["user", "sessions", &format!("{account}@example.com")])));
    }
    for value in &mut seen {
        remove_times(value);
    }
    seen
}

fn remove_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| {
                !["time_remaining", "token_expires_in", "last_used_at"].contains(&&**name)
            });
            fields.values_mut().for_each(remove_times);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_times),
        _ => {}
    }
}

/// Sends each request in every way that a page has: by fetch, as a form and as a beacon. Returns
/// how many.
const ATTACK: &str = r#"
    const [api, writes] = arguments;
    const quietly = (request) => request.catch(() => {});
    const send = (url, request) => quietly(fetch(url, { mode: "no-cors", credentials: "include", ...request }));
    const frame = Object.assign(document.createElement("iframe"), { name: "frame" });
    document.body.append(frame);
    const submit = (url, enctype, fields) => new Promise((resolve) => {
        const form = document.body.appendChild(document.createElement("form"));
        Object.assign(form, { method: "post", action: url, enctype, target: "frame" });
        for (const [name, value] of fields) {
            form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
        }
        frame.onload = () => { form.remove(); resolve(); };
        HTMLFormElement.prototype.submit.call(form);
    });
    let sent = 0;
    for (const [method, path, fields] of writes) {
        const url = api + path;
        const text = JSON.stringify(Object.fromEntries(fields));
        const form = () => new URLSearchParams(fields);
        const overridden = method === "POST" ? fields : [["_method", method], ...fields];
        const asked = (request) => quietly(fetch(url, { method, credentials: "include", ...request }));
        navigator.sendBeacon(url, new URLSearchParams(overridden));
        await Promise.all([
            asked({ body: form() }),
            asked({ headers: { "Content-Type": "application/json" }, body: text }),
            asked({ headers: { Accept: "text/html" }, body: form() }),
            send(url, { method: "POST", body: new URLSearchParams(overridden) }),
            send(url, { method: "POST", body: text }),
            send(`${url}?_method=${method}`, { method: "POST", body: form() }),
            send(`${url}?${new URLSearchParams(overridden)}`, { method: "GET" }),
        ]);
        const csv = fields.find(([name]) => name === "csv")?.[1];
        if (csv) {
            await Promise.all([
                asked({ headers: { "Content-Type": "text/csv" }, body: csv }),
                send(url, { method: "POST", body: csv }),
            ]);
        }
        for (const enctype of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]) {
            await submit(url, enctype, overridden);
        }
        sent += 11;
    }
    return sent;
"#;

/// Submits one form as a top-level navigation: the browser shows the answer.
const NAVIGATE: &str = r#"
    const [url, fields] = arguments;
    const form = document.body.appendChild(document.createElement("form"));
    Object.assign(form, { method: "post", action: url });
    for (const [name, value] of fields) {
        form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    form.submit();
"#;

/// The host of the service, the host of the other site, and whether the browser sends the cookie
/// from there.
///
/// The last two are no secure contexts, so browsers send no `Sec-Fetch-Site` to them.
const ORIGINS: [(&str, &str, bool); 4] = [
    ("127.0.0.1", "127.0.0.1", true),
    ("127.0.0.1", "localhost", false),
    ("ours.team.example", "theirs.team.example", true),
    ("ours.team.example", "theirs.team.example/silent", true),
];

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn csrf_requests_from_other_origins_change_nothing() {
    let site = Site::new();
    let (_, port) = site.origin.rsplit_once(':').unwrap();
    let other_port = serve_other_origin();
    let writes = writes(&site);
    assert_complete(&site, &writes);
    block_on(async {
        let mut page = Page::new(Browser::start().await, site.origin.clone());
        for (ours, theirs, has_cookie) in ORIGINS {
            page.origin = format!("http://{ours}:{port}");
            page.browser.page.delete_all_cookies().await.unwrap();
            page.sign_in("admin").await;
            let observer = site.api("admin");
            let before = snapshot(&observer, &site);

            let (host, path) = theirs.split_once('/').unwrap_or((theirs, ""));
            let attacker = format!("http://{host}:{other_port}/{path}");
            page.browser.page.goto(&attacker).await.unwrap();
            let api = format!("{}/api/v1", page.origin);
            // Without the cookie, registration and login are open to all origins.
            let is_public =
                |path: &str| path.starts_with("/auth/") && path.matches('/').count() == 2;
            let sent: Vec<_> =
                writes.iter().filter(|(_, path, _)| has_cookie || !is_public(path)).collect();
            assert_eq!(page.run_async(ATTACK, &[json!(api), json!(sent)]).await, sent.len() * 11);

            for path in ["/auth/login", "/auth/logout", "/auth/user", "/widgets/ours"] {
                let (method, _, fields) =
                    writes.iter().rfind(|(_, known, _)| known == path).unwrap();
                let overriding = ("_method", (*method).to_owned());
                let fields: Vec<_> =
                    (*method != "POST").then_some(&overriding).into_iter().chain(fields).collect();
                page.browser.page.goto(&attacker).await.unwrap();
                page.run(NAVIGATE, &[json!(format!("{api}{path}")), json!(fields)]).await;
                page.wait_until("location.origin === arguments[0]", &[json!(page.origin)]).await;
            }

            assert_eq!(snapshot(&observer, &site), before, "{theirs}");
            page.open("").await;
            assert_eq!(
                page.find("[popovertarget=me]").await.attr("title").await.unwrap().unwrap(),
                "You: admin@example.com",
                "{theirs}"
            );
        }

        // The same requests succeed from a page of the service.
        page.origin = site.origin.clone();
        page.sign_in("admin").await;
        for (method, path, fields) in &writes {
            let script = "const [url, method, fields] = arguments;
                const { csv } = Object.fromEntries(fields);
                const headers = { 'Content-Type': csv ? 'text/csv' : 'application/json' };
                const body = csv ?? JSON.stringify(Object.fromEntries(fields));
                const { status } = await fetch(url, { method, headers, body: fields.length ? body : undefined });
                return status;";
            let url = format!("{}/api/v1{path}", site.origin);
            let status = page.run_async(script, &[json!(url), json!(method), json!(fields)]).await;
            // Setup is closed, and logout has ended the session.
            let may_fail = ["/auth/setup", "/auth/sessions", "/auth/user"].contains(&&**path)
                && *method != "PATCH";
            assert!(
                status.as_u64().is_some_and(|status| status < 300) || may_fail,
                "{method} {path}: {status}"
            );
        }
    });
}
