//! CSRF: cross-site requests have no effect, neither with a cookie nor to start a session.

use rocket::Route;
use rocket::http::{Method, Status};
use serde_json::{Value, json};
use widgetd::domain::{Role, Status as AccountStatus};

use crate::support::{Answer, FORM, PAGE, PASSWORD, TestApp, Visitor, form, user_count};

/// The host that the browser sends.
const HOST: (&str, &str) = ("Host", "here.example:8000");

/// Headers of requests that no page of ours has sent.
const ELSEWHERE: [&[(&str, &str)]; 12] = [
    &[("Sec-Fetch-Site", "cross-site")],
    &[("Sec-Fetch-Site", "same-site")],
    // A typed address, or a link in a mail.
    &[("Sec-Fetch-Site", "none")],
    &[("Sec-Fetch-Site", "")],
    // `Sec-Fetch-Site` takes precedence over `Origin`.
    &[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://here.example:8000")],
    &[("Origin", "https://evil.example")],
    &[("Origin", "null")],
    &[("Origin", "")],
    &[("Origin", "http://here.example")],
    &[("Origin", "http://here.example:8001")],
    &[("Origin", "https://here.example:8000")],
    &[("Origin", "http://here.example:8000.evil.example")],
];

/// Headers of clients that send neither `Sec-Fetch-Site` nor `Origin`.
const SILENT: [&[(&str, &str)]; 2] = [&[], &[("Referer", "http://here.example:8000/widgets")]];

/// Headers of requests that a page of ours has sent.
pub const FROM_HERE: [&[(&str, &str)]; 3] = [
    &[("Sec-Fetch-Site", "same-origin")],
    &[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://here.example:8000")],
    // Browsers from before 2023 do not send `Sec-Fetch-Site`.
    &[("Origin", "http://here.example:8000")],
];

/// `Accept` of navigation and of scripts.
const ACCEPT: [&str; 2] = [PAGE, "*/*"];

/// Content types that need no preflight, and JSON.
const CONTENT_TYPES: [&str; 3] = [FORM, "text/plain", "application/json"];

pub fn said<'a>(visitor: &Visitor<'a>, headers: &[(&str, &str)]) -> Visitor<'a> {
    let visitor = visitor.silent_on("Sec-Fetch-Site").saying(HOST.0, HOST.1);
    headers.iter().fold(visitor, |visitor, (name, value)| visitor.saying(name, value))
}

/// A request that has an effect: its method and path, and the fields of its body.
pub struct Effect {
    method: Method,
    pub path: String,
    fields: Vec<(&'static str, String)>,
    /// What is sent in place of a form.
    csv: Option<&'static str>,
}

impl Effect {
    pub async fn send(&self, visitor: &Visitor<'_>, content_type: &str) -> Answer {
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        if let Some(csv) = self.csv.filter(|_| content_type == FORM) {
            return visitor.send(self.method, &self.path, Some("text/csv"), csv).await;
        }
        let body = match content_type {
            FORM => form(&fields.collect::<Vec<_>>()),
            _ => fields
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect::<Value>()
                .to_string(),
        };
        visitor.send(self.method, &self.path, Some(content_type), &body).await
    }
}

/// An administrator in a browser, and records of every kind.
pub struct Scene {
    pub app: TestApp,
    token: String,
    target: String,
    task: String,
    /// The task as a row of a list has it.
    selected: String,
    selected_widget: String,
    /// One that has changed a task.
    request: String,
    selected_template: String,
    /// An account that waits for approval.
    waiting: String,
    session: String,
    key: String,
    code: String,
}

impl Scene {
    pub async fn new(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(settings).await;
        let root = app.user_of("root", Role::Admin).await;
        let admin = app.admin().await;
        let target = app.user("target").await;
        admin.add_widget("old").await.assert(Status::Created);
        admin
            .post("/templates", &[("name", "old"), ("body", "text")])
            .await
            .assert(Status::Created);
        let waiting = app.user("waiting").await;
        let waiting_id = waiting.public_id().await.to_string();
        app.set_status(&waiting, AccountStatus::Pending).await;
        let id_of =
            |answer: Answer| answer.assert(Status::Created).body["id"].as_str().unwrap().to_owned();
        let task = id_of(admin.post("/tasks", &[("title", "old")]).await);
        let moved = admin.patch(&format!("/tasks/{task}"), &[("status", "in_progress")]).await;
        let request = moved.header("X-Request-Id").unwrap().to_owned();
        let selected = async |path: &str, name: &str| {
            let version =
                admin.get(path).await.header("ETag").unwrap().trim_matches('"').to_owned();
            format!("{name}.{}", &version[..16])
        };
        let selected_widget = selected("/widgets/old", "old").await;
        let selected_template = selected("/templates/old", "old").await;
        let selected = selected(&format!("/tasks/{task}"), &task).await;
        let key = id_of(admin.post("/auth/keys", &[("name", "old"), ("scope", "read")]).await);
        let other = admin.again().await;
        let sessions = other.get("/auth/sessions").await;
        let session = sessions.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|session| session["current"] == true);
        let session = session.unwrap()["id"].as_str().unwrap().to_owned();
        let root_id = root.public_id().await;
        let code =
            admin.post(&format!("/users/{root_id}/reset-code"), &[]).await.body["code"].take();
        let code = code.as_str().unwrap().to_owned();
        let (token, target) = (admin.token.clone().unwrap(), target.public_id().await.to_string());
        drop((root, admin, other, waiting));
        app.store.close().await;
        Self {
            app,
            token,
            target,
            task,
            selected,
            selected_widget,
            selected_template,
            request,
            waiting: waiting_id,
            session,
            key,
            code,
        }
    }

    /// A request with an effect for a route. A route that is missing here fails.
    pub fn effect(&self, route: &Route) -> Effect {
        let widget =
            [("name", "new"), ("info_url", "https://example.org"), ("deadline", "2027-01-01")];
        let account = [("email", "new@example.com"), ("password", PASSWORD)];
        let new_password = ("new_password", "tinker tailor soldier spy");
        let fields: &[(&'static str, &str)] = match route.name.as_deref().unwrap() {
            "register_user" | "create_user" => &account,
            "log_in" => &[("login", "target@example.com"), account[1]],
            "change_password" | "change_own_password" => {
                &[("current_password", PASSWORD), new_password]
            }
            "add_person" => &[account[0], account[1], ("role", "employee")],
            "edit_person" => &[("name", "another"), ("role", "admin")],
            "choose_theme" => &[("theme", "dark")],
            "choose_shortcuts" => &[("shortcuts", "off")],
            "reset_password" => &[("code", &self.code), new_password],
            "update_current_user" | "change_names" => &[("username", "another")],
            "delete_current_user" | "delete_own_account" => &account[1..],
            "create_key" | "add_key" => &[("name", "new"), ("scope", "write")],
            "update_user" => &[("role", "admin")],
            "create_widget" | "add_widget" | "edit_widget" => &widget,
            "upsert_widget" => &widget[1..],
            "update_widget" => &widget[..1],
            "create_task" | "add_task" | "add_task_of_line" | "edit_task" => &[("title", "new")],
            "update_task" | "move_task" => &[("status", "done")],
            "change_selected_tasks" => &[("task", &self.selected), ("action", "finish")],
            "delete_selected_widgets" => &[("widget", &self.selected_widget)],
            "delete_selected_templates" => &[("template", &self.selected_template)],
            "undo_selected_tasks" => &[("request", &self.request)],
            "assign_task" => &[("assignee", "target@example.com")],
            "approve_selected_people" => &[("person", &self.waiting)],
            "change_status" => &[("status", "disabled")],
            "create_template" | "add_template" | "edit_template" => {
                &[("name", "new"), ("body", "text")]
            }
            "update_template" => &[("body", "another text")],
            "log_out"
            | "end_session"
            | "end_sessions"
            | "revoke_key"
            | "delete_task"
            | "delete_task_of_page"
            | "delete_template"
            | "delete_template_of_page"
            | "delete_user"
            | "create_reset_code"
            | "end_sessions_of_user"
            | "show_reset_link"
            | "sign_out_person"
            | "delete_person"
            | "revoke_own_key"
            | "end_own_session"
            | "end_own_sessions"
            | "delete_widget"
            | "delete_widget_of_page"
            | "import_widgets"
            | "import_tasks" => &[],
            other => panic!("{other} needs a request that has an effect"),
        };
        let csv = match route.name.as_deref() {
            Some("import_widgets") => {
                Some("name,info_url,deadline\nimported,https://example.org,2027-01-01\n")
            }
            Some("import_tasks") => Some("title\nimported\n"),
            _ => None,
        };
        Effect {
            method: route.method,
            path: self.path(route),
            fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            csv,
        }
    }

    /// The path of a route, with what exists in it.
    fn path(&self, route: &Route) -> String {
        let path = route.uri.path();
        let id = match path {
            _ if path.contains("/tasks/") => &self.task,
            _ if path.contains("/keys/") => &self.key,
            _ if path.contains("/people/") => &self.target,
            _ => &self.session,
        };
        path.replace("<public_id>", &self.target).replace("<name>", "old").replace("<id>", id)
    }

    /// The administrator, in a browser on the machine itself.
    pub fn browser<'a>(&self, app: &'a TestApp) -> Visitor<'a> {
        app.anon().from("127.0.0.1").bearing(&self.token).in_a_browser()
    }
}

/// Every write but setup, which has no effect once there is an administrator; see `session_starts`.
pub fn routes_that_write(app: &TestApp) -> impl Iterator<Item = &Route> {
    app.routes()
        .filter(|route| route.method != Method::Get && route.name.as_deref() != Some("set_up"))
}

/// Sends the request in every cross-site way, and checks that it has no effect.
async fn assert_no_effect(effect: &Effect, browser: &Visitor<'_>) {
    let before = browser.app.dump();
    for headers in ELSEWHERE.into_iter().chain(SILENT) {
        for accept in ACCEPT {
            for content_type in CONTENT_TYPES {
                let visitor = said(browser, headers).saying("Accept", accept);
                let answer = effect.send(&visitor, content_type).await;
                let what = format!(
                    "{} {} {headers:?} {accept} {content_type}",
                    effect.method, effect.path
                );
                assert_eq!(answer.status, Status::Forbidden, "{what}: {}", answer.text);
                assert_eq!(answer.set_cookie(), None, "{what}");
                assert_eq!(answer.header("Access-Control-Allow-Credentials"), None, "{what}");
            }
        }
    }
    assert!(
        browser.app.dump() == before,
        "{} {} has changed something",
        effect.method,
        effect.path
    );
}

#[rocket::async_test]
async fn csrf_with_the_cookie_of_an_administrator_has_no_effect_on_any_route() {
    // CORS does not let other origins use the cookie.
    for settings in
        [&[][..], &[("cors_origins", "[\"https://evil.example\"]")], &[("cors_origins", "[\"*\"]")]]
    {
        let scene = Scene::new(settings).await;
        let app = scene.app.copy(settings).await;
        for route in routes_that_write(&app) {
            assert_no_effect(&scene.effect(route), &scene.browser(&app)).await;
        }
    }
}

/// Sends the request, and checks that it has an effect.
async fn assert_effect(effect: &Effect, visitor: &Visitor<'_>) {
    let before = visitor.app.dump();
    let answer = effect.send(visitor, FORM).await;
    assert!(answer.status.code < 400, "{} {}: {}", effect.method, effect.path, answer.text);
    assert!(visitor.app.dump() != before, "{} {} has changed nothing", effect.method, effect.path);
}

#[rocket::async_test]
async fn same_origin_requests_and_tokens_of_any_origin_have_an_effect_on_every_route() {
    let scene = Scene::new(&[]).await;
    // Only a browser keeps these choices.
    let kept = ["choose_theme", "choose_shortcuts"];
    let is_stored = |route: &&Route| !kept.contains(&route.name.as_deref().unwrap_or_default());
    for route in routes_that_write(&scene.app).filter(is_stored) {
        let app = scene.app.copy(&[]).await;
        assert_effect(&scene.effect(route), &said(&scene.browser(&app).script(), FROM_HERE[0]))
            .await;
        // A token is accepted from any origin, also beside our cookie.
        let app = scene.app.copy(&[]).await;
        let bearer = scene
            .browser(&app)
            .script()
            .saying("Authorization", &format!("Bearer {}", scene.token));
        assert_effect(&scene.effect(route), &said(&bearer, ELSEWHERE[1])).await;
    }
    // Each form of same-origin headers.
    let app = scene.app.copy(&[]).await;
    for (n, headers) in FROM_HERE.into_iter().enumerate() {
        let effect = Effect {
            method: Method::Post,
            path: "/api/v1/tasks".to_owned(),
            fields: vec![("title", n.to_string())],
            csv: None,
        };
        assert_effect(&effect, &said(&scene.browser(&app).script(), headers)).await;
    }
}

/// Requests that start a session or reset a password, each with an app where it has an effect.
pub async fn session_starts() -> [(TestApp, Effect); 3] {
    let effect = |path: &str, fields: &[(&'static str, &str)]| Effect {
        method: Method::Post,
        path: format!("/api/v1/auth/{path}"),
        fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        csv: None,
    };
    let new = TestApp::with(&[("remote_setup", "true")]).await;
    let fields =
        [("code", new.setup_code.reveal()), ("email", "new@example.com"), ("password", PASSWORD)];
    let set_up = effect("setup", &fields);
    let used = TestApp::new().await;
    used.user("ann").await;
    let log_in = effect("login", &[("login", "ann@example.com"), ("password", PASSWORD)]);
    let forgotten = TestApp::new().await;
    let path = format!("/users/{}/reset-code", forgotten.user("ann").await.public_id().await);
    let code = forgotten.admin().await.post(&path, &[]).await.body["code"].take();
    let reset = effect("reset", &[("code", code.as_str().unwrap()), ("new_password", PASSWORD)]);
    [(new, set_up), (used, log_in), (forgotten, reset)]
}

#[rocket::async_test]
async fn csrf_of_login_reset_and_setup_has_no_effect() {
    for (app, effect) in session_starts().await {
        let navigates = app.visitor();
        let with_cookie = app.visitor().script().carrying(&app.cookie_name, "any");
        let before = app.dump();
        let from_elsewhere = ELSEWHERE.iter().map(|headers| (&navigates, *headers));
        let with_cookie = ELSEWHERE.iter().chain(&SILENT).map(|headers| (&with_cookie, *headers));
        for (visitor, headers) in from_elsewhere.chain(with_cookie) {
            let answer = effect.send(&said(visitor, headers), FORM).await;
            assert_eq!(answer.status, Status::Forbidden, "{} {headers:?}", effect.path);
            assert!(answer.text.contains("from a page of another site"), "{}", answer.text);
            assert_eq!(answer.set_cookie(), None);
        }
        assert!(app.dump() == before, "{} has changed something", effect.path);
        let answer = effect.send(&said(&navigates, FROM_HERE[0]), FORM).await;
        assert_eq!(answer.status, Status::SeeOther, "{}", answer.text);
        assert_eq!(answer.set_cookie().is_some(), !effect.path.ends_with("reset"));
        assert!(app.dump() != before, "{} has changed nothing", effect.path);
    }
}

#[rocket::async_test]
async fn login_without_origin_headers_and_cookie_is_accepted() {
    for headers in SILENT {
        for (app, effect) in session_starts().await {
            let answer = effect.send(&said(&app.visitor(), headers), FORM).await;
            assert_eq!(answer.status, Status::SeeOther, "{}", answer.text);
            assert_eq!(answer.set_cookie().is_some(), !effect.path.ends_with("reset"));
        }
    }
}

#[rocket::async_test]
async fn cross_site_input_is_not_reflected_in_pages() {
    let app = TestApp::with(&[("remote_setup", "true")]).await;
    let elsewhere = said(
        &app.visitor(),
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
    );
    for path in ["register", "login", "reset", "setup"] {
        for name in ["email", "login", "code", "username", "Call 555"] {
            let page =
                elsewhere.submit(&format!("/api/v1/auth/{path}"), &[(name, "Call 555 now")]).await;
            let shows = page.text.contains("555");
            // The message of a field of the registration contains its value.
            let says_why = path == "register" && ["email", "username"].contains(&name);
            assert!(page.is_page() && (!shows || says_why), "{path} {name}: {}", page.text);
            assert!(
                page.elements()
                    .iter()
                    .all(|e| e.get("value").is_none_or(|value| !value.contains("555")))
            );
        }
    }
}

#[rocket::async_test]
async fn cross_site_registration_starts_no_session() {
    for (registration, notice) in [("open", "registered"), ("approval", "waiting")] {
        let app = TestApp::with(&[("registration", registration)]).await;
        for (n, headers) in ELSEWHERE.iter().enumerate() {
            let visitor = said(&app.visitor(), headers);
            let email = format!("u{n}@example.com");
            let path = "/api/v1/auth/register?next=tasks";
            let answer = visitor.submit(path, &[("email", &email), ("password", PASSWORD)]).await;
            assert_eq!(
                answer.assert(Status::SeeOther).leads_to(path),
                format!("/login?notice={notice}")
            );
            assert_eq!(answer.set_cookie(), None);
            assert_eq!(app.find(&email).await.names.label(), email);
            let login = visitor.follow(path, &answer).await;
            assert_eq!(
                login
                    .assert(Status::Ok)
                    .elements()
                    .iter()
                    .filter(|e| e.get("role") == Some("status"))
                    .count(),
                1
            );
        }
        assert!(app.dump().iter().all(|row| !row.starts_with("session: ")), "{:?}", app.dump());
        assert_eq!(user_count(&app).await, ELSEWHERE.len() as u64);
    }
}

#[rocket::async_test]
async fn cross_site_reads_change_nothing_and_are_not_readable() {
    let settings = [("cors_origins", "[\"https://ours.example\"]"), ("remote_setup", "true")];
    let scene = Scene::new(&settings).await;
    let app = scene.app.copy(&settings).await;
    let before = app.dump();
    let mut count = 0;
    // The key of the calendar is in the address, not in a cookie.
    let reads = app.routes().filter(|route| route.method == Method::Get);
    for route in reads.filter(|route| route.name.as_deref() != Some("get_calendar")) {
        let path = scene.path(route).replace("<version>/<name..>", "any/style.css");
        let path = path.replace("/search", "/search?q=a");
        let path = path.replace("<code>", app.setup_code.reveal());
        for headers in ELSEWHERE {
            for method in [Method::Get, Method::Head] {
                let answer =
                    said(&scene.browser(&app), headers).send(method, &path, None, "").await;
                // Setup is over: there is an administrator. Metrics are for this machine.
                let is_absent = path.starts_with("/setup/") || path == "/metrics";
                let expected: &[u16] = if is_absent { &[404] } else { &[200, 303] };
                assert!(
                    expected.contains(&answer.status.code),
                    "{path} {headers:?}: {}",
                    answer.text
                );
                assert_eq!(answer.header("Access-Control-Allow-Origin"), None, "{path}");
                assert_eq!(
                    answer.header("Cross-Origin-Resource-Policy"),
                    Some("same-origin"),
                    "{path}"
                );
            }
        }
        count += 1;
    }
    assert!(count > 20);
    assert!(app.dump() == before);
    // CORS never allows credentials.
    for origin in ["https://ours.example", "https://evil.example"] {
        let answer = said(&scene.browser(&app), &[("Origin", origin)])
            .script()
            .open("/api/v1/auth/user")
            .await;
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
    }
}

#[rocket::async_test]
async fn cors_preflight_never_allows_the_header_that_asks_for_a_cookie() {
    for origins in ["[\"https://evil.example\"]", "[\"*\"]"] {
        let app = TestApp::with(&[("cors_origins", origins)]).await;
        let preflight = said(
            &app.visitor(),
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
        )
        .saying("Access-Control-Request-Method", "POST")
        .saying("Access-Control-Request-Headers", "content-type,widgetd-session")
        .send(Method::Options, "/api/v1/auth/login", None, "")
        .await;
        let allowed =
            preflight.assert(Status::NoContent).header("Access-Control-Allow-Headers").unwrap();
        assert!(!allowed.contains('*') && !allowed.to_lowercase().contains("widgetd"), "{allowed}");
        assert_eq!(preflight.header("Access-Control-Allow-Credentials"), None);
    }
}

#[rocket::async_test]
async fn origin_check_behind_a_proxy_uses_the_public_origin() {
    let proxy = ("trusted_proxies", "[\"192.0.2.1\"]");
    let tls = [("tls_cert", "\"c.pem\""), ("tls_key", "\"k.pem\"")];
    let tls_and_url = [tls[0], tls[1], ("public_url", "\"https://example.org/\"")];
    for (settings, scheme, host, origin, is_ours) in [
        (
            &[("public_url", "\"https://example.org/w/\"")][..],
            None,
            "10.0.0.7:8000",
            "https://example.org",
            true,
        ),
        (
            &[("public_url", "\"https://example.org/w/\"")],
            None,
            "10.0.0.7:8000",
            "http://10.0.0.7:8000",
            true,
        ),
        (
            &[("public_url", "\"https://example.org/w/\"")],
            None,
            "10.0.0.7:8000",
            "https://10.0.0.7:8000",
            false,
        ),
        (
            &[("public_url", "\"https://example.org/w/\"")],
            None,
            "10.0.0.7:8000",
            "http://10.0.0.8:8000",
            false,
        ),
        (
            &[("public_url", "\"https://example.org/w/\"")],
            None,
            "example.org",
            "http://example.org",
            false,
        ),
        (
            &[("public_url", "\"https://example.org/w/\"")],
            None,
            "example.org",
            "https://example.org/w",
            false,
        ),
        (
            &[("public_url", "\"http://10.0.0.7:8080/\"")],
            None,
            "localhost",
            "http://10.0.0.7:8080",
            true,
        ),
        (&[proxy], Some("https"), "example.org", "https://example.org", true),
        (&[proxy], Some("https"), "example.org", "http://example.org", false),
        (&[proxy], None, "example.org", "https://example.org", false),
        (&[proxy], None, "example.org", "http://example.org", true),
        // The header is not from a trusted proxy.
        (&[], Some("https"), "example.org", "https://example.org", false),
        // It speaks TLS itself.
        (&tls, None, "example.org", "https://example.org", true),
        (&tls, None, "example.org", "http://example.org", false),
        (&tls_and_url, None, "localhost:8000", "https://localhost:8000", true),
        (&tls_and_url, None, "localhost:8000", "http://localhost:8000", false),
    ] {
        let app = TestApp::with(settings).await;
        app.user("ann").await;
        let mut visitor =
            app.visitor().silent_on("Sec-Fetch-Site").saying("Host", host).saying("Origin", origin);
        if let Some(scheme) = scheme {
            visitor = visitor.saying("X-Forwarded-Proto", scheme);
        }
        let answer = visitor
            .submit("/api/v1/auth/login", &[("login", "ann@example.com"), ("password", PASSWORD)])
            .await;
        let expected = if is_ours { Status::SeeOther } else { Status::Forbidden };
        assert_eq!(answer.status, expected, "{settings:?} {scheme:?} {host} {origin}");
    }
}
