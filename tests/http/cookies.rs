//! The session of a browser is in an `HttpOnly` cookie alone.

use std::time::Duration;

use rocket::http::{Method, Status};
use serde_json::json;

use crate::support::{Actor, Answer, FORM, PASSWORD, TestApp, Visitor, form, resolve, widget};

const LOGIN: &str = "/api/v1/auth/login";
const REGISTER: &str = "/api/v1/auth/register";
const LOGOUT: &str = "/api/v1/auth/logout";
const RESET: &str = "/api/v1/auth/reset";
const SETUP: &str = "/api/v1/auth/setup";
const USER: &str = "/api/v1/auth/user";

const ANN: [(&str, &str); 2] = [("email", "ann@example.com"), ("password", PASSWORD)];
const LOGIN_OF_ANN: [(&str, &str); 2] = [("login", "ann@example.com"), ("password", PASSWORD)];

/// Whether the cookie of a browser is that of a live session.
async fn is_signed_in(visitor: &Visitor<'_>) -> bool {
    visitor.script().open(USER).await.status == Status::Ok
}

#[track_caller]
fn assert_cookie(app: &TestApp, answer: &Answer, seconds: u32) {
    let cookie = answer.set_cookie().expect("a cookie");
    assert_eq!(cookie.name, app.cookie_name);
    assert_eq!(
        cookie.attributes,
        ["HttpOnly", &format!("Max-Age={seconds}"), "Path=/", "SameSite=Lax"]
    );
    assert_eq!(cookie.value.split('.').count(), 3, "a token: {}", cookie.value);
    assert!(!answer.text.contains(&cookie.value), "{}", answer.text);
}

#[rocket::async_test]
async fn a_form_starts_a_cookie_session_with_the_max_age_of_its_life() {
    for (days, max_days, life) in [(14, 90, 14), (2, 90, 2), (14, 3, 3)] {
        let (days, max_days) = (days.to_string(), max_days.to_string());
        let settings = [("session_days", &*days), ("session_max_days", &max_days)];
        let (app, seconds) = (TestApp::with(&settings).await, life * 86_400);
        let visitor = app.visitor().from("127.0.0.1");
        let setup = [
            ("code", app.setup_code.reveal()),
            ("email", "root@example.com"),
            ("password", PASSWORD),
        ];
        for (path, fields) in [(REGISTER, &ANN[..]), (LOGIN, &LOGIN_OF_ANN), (SETUP, &setup)] {
            let answer = visitor.submit(path, fields).await;
            assert_eq!((answer.status, answer.text.as_str()), (Status::SeeOther, ""), "{path}");
            assert_eq!(answer.leads_to(path), "/");
            assert_cookie(&app, &answer, seconds);
            let home = visitor.keeping(&answer).follow(path, &answer).await;
            let name = fields.iter().find(|(_, value)| value.contains('@')).unwrap().1;
            assert!(home.assert(Status::Ok).text.contains(name), "{}", home.text);
        }
        let visitor = visitor.keeping(&visitor.submit(LOGIN, &LOGIN_OF_ANN).await);
        app.advance(Duration::from_secs(u64::from(seconds) - 1));
        assert!(is_signed_in(&visitor).await);
        app.advance(Duration::from_secs(1));
        assert!(!is_signed_in(&visitor).await);
    }
}

#[rocket::async_test]
async fn registration_with_approval_and_password_reset_set_no_cookie() {
    let app = TestApp::with(&[("registration", "approval")]).await;
    let admin = app.user_of("admin", widgetd::domain::Role::Admin).await;
    for email in ["ann@example.com", "bob@example.com"] {
        let visitor = app.visitor();
        let answer = visitor.submit(REGISTER, &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(answer.set_cookie(), None);
        assert_eq!(answer.leads_to(REGISTER), "/login?notice=waiting");
        let id = app.find(email).await.public_id;
        let code = admin.post(&format!("/users/{id}/reset-code"), &[]).await.body["code"].take();
        let answer = visitor
            .submit(RESET, &[("code", code.as_str().unwrap()), ("new_password", PASSWORD)])
            .await;
        assert_eq!(answer.set_cookie(), None);
        assert_eq!(answer.leads_to(RESET), "/login?notice=reset");
    }
}

#[rocket::async_test]
async fn api_clients_get_a_token_and_no_cookie() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let quiet = app.visitor().silent_on("Accept").silent_on("Sec-Fetch-Site");
    let clients = [
        quiet.clone(),
        quiet.saying("Accept", "*/*"),
        quiet.saying("Accept", "application/json, */*;q=0.5"),
        quiet.saying("Accept", "application/json, text/html;q=0.9"),
        quiet.saying("Accept", "text/plain"),
        quiet.saying("Accept", "nonsense"),
        // Scripts of other origins, and scripts of ours.
        quiet
            .saying("Accept", "*/*")
            .saying("Sec-Fetch-Site", "cross-site")
            .saying("Origin", "https://evil.example"),
        app.visitor().script(),
    ];
    for (n, client) in clients.iter().enumerate() {
        let email = format!("u{n}@example.com");
        let register = client.submit(REGISTER, &[("email", &email), ("password", PASSWORD)]).await;
        let login = client.submit(LOGIN, &[("email", &email), ("password", PASSWORD)]).await;
        for (answer, status, message) in [
            (&register, Status::Created, "successfully registered"),
            (&login, Status::Ok, "successfully logged in"),
        ] {
            let expected = json!({
                "status": "success",
                "message": message,
                "access_token": answer.body["access_token"],
                "token_type": "bearer",
                "expires_in": 3600,
            });
            assert_eq!(answer.assert(status).body, expected);
        }
        let code = admin
            .post(&format!("/users/{}/reset-code", app.find(&email).await.public_id), &[])
            .await;
        let bearer = client.saying("Authorization", &format!("Bearer {}", login.token()));
        let logout = bearer.submit(LOGOUT, &[]).await;
        assert_eq!(
            logout.body,
            json!({ "status": "success", "message": "successfully logged out" })
        );
        let reset = [("code", code.body["code"].as_str().unwrap()), ("new_password", PASSWORD)];
        let reset = client.submit(RESET, &reset).await;
        let message = "successfully set the new password; please log in";
        assert_eq!(reset.body, json!({ "status": "success", "message": message }));
        for answer in [register, login, logout, reset] {
            assert_eq!(answer.set_cookie(), None);
            assert_eq!(answer.header("Location"), None);
            assert_eq!(answer.header("Content-Type"), Some("application/json"));
            assert_eq!(answer.header("Cache-Control"), Some("no-store"));
            assert_eq!(answer.header("Pragma"), Some("no-cache"));
        }
    }
}

#[rocket::async_test]
async fn cookie_over_tls_is_secure_with_the_host_prefix() {
    let proxy: (&str, &str) = ("trusted_proxies", "[\"192.0.2.1\", \"2001:db8::/32\"]");
    let url = |text: &'static str| ("public_url", text);
    for (settings, scheme, address, is_https) in [
        (&[][..], None, "192.0.2.1", false),
        (&[url("\"https://example.org/\"")], None, "192.0.2.1", true),
        (&[url("\"https://example.org/w/\"")], None, "192.0.2.1", true),
        (&[url("\"https://example.org/\"")], Some("http"), "192.0.2.1", true),
        (&[url("\"http://example.org/\"")], None, "192.0.2.1", false),
        // It speaks TLS itself.
        (&[("tls_cert", "\"c.pem\""), ("tls_key", "\"k.pem\"")], None, "192.0.2.1", true),
        // `public_url` takes precedence over the header.
        (&[url("\"http://example.org/\""), proxy], Some("https"), "192.0.2.1", false),
        (&[proxy], Some("https"), "192.0.2.1", true),
        (&[proxy], Some("HTTPS"), "2001:db8::7", true),
        (&[proxy], Some("http"), "192.0.2.1", false),
        (&[proxy], Some("nonsense"), "192.0.2.1", false),
        (&[proxy], None, "192.0.2.1", false),
        // The header counts from trusted proxies alone.
        (&[proxy], Some("https"), "192.0.2.2", false),
        (&[], Some("https"), "192.0.2.1", false),
        (&[], Some("https"), "127.0.0.1", false),
    ] {
        let app = TestApp::with(settings).await;
        let mut visitor = app.visitor().from(address);
        if let Some(scheme) = scheme {
            visitor = visitor.saying("X-Forwarded-Proto", scheme);
        }
        let what = format!("{settings:?} {scheme:?} from {address}");
        let answer = visitor.submit(REGISTER, &ANN).await;
        let cookie = answer.set_cookie().unwrap();
        let with_prefix = format!("__Host-{}", app.cookie_name);
        let (name, other) = if is_https {
            (&with_prefix, &app.cookie_name)
        } else {
            (&app.cookie_name, &with_prefix)
        };
        assert_eq!(cookie.name, *name, "{what}");
        let secure: &[&str] = if is_https { &["Secure"] } else { &[] };
        let expected =
            [&["HttpOnly", "Max-Age=1209600", "Path=/", "SameSite=Lax"], secure].concat();
        assert_eq!(cookie.attributes, expected, "{what}");
        assert_eq!(answer.header("Strict-Transport-Security").is_some(), is_https, "{what}");
        assert!(is_signed_in(&visitor.keeping(&answer)).await, "{what}");
        assert!(!is_signed_in(&visitor.carrying(other, &cookie.value)).await, "{what}");
        // A browser removes a cookie only by the same name and attributes.
        let gone = visitor.keeping(&answer).submit(LOGOUT, &[]).await.set_cookie().unwrap();
        let expected = [&["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax"], secure].concat();
        assert_eq!(
            (gone.name.as_str(), gone.value.as_str(), gone.attributes),
            (name.as_str(), "", to_owned(&expected))
        );
    }
}

fn to_owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[rocket::async_test]
async fn a_cookie_of_another_name_or_installation_is_401() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().unwrap();
    let visitor = app.visitor();
    assert!(is_signed_in(&visitor.carrying(&app.cookie_name, &token)).await);
    let other = TestApp::new().await;
    assert_ne!(other.cookie_name, app.cookie_name);
    let upper = app.cookie_name.to_uppercase();
    for name in [&other.cookie_name, "widgetd", "widgetd-", "session", upper.as_str()] {
        let answer = visitor.carrying(name, &token).script().open(USER).await;
        answer.assert_message(Status::Unauthorized, "Unauthorized");
    }
    // A token of another installation, in a cookie of the right name.
    let stranger = other.user("ann").await.token.unwrap();
    for value in
        [stranger.as_str(), "", "x", "a.b.c", &format!("{token}x"), &format!("Bearer {token}")]
    {
        let answer = visitor.carrying(&app.cookie_name, value).script().open(USER).await;
        answer.assert_message(Status::Unauthorized, "Invalid token. Please log in again.");
    }
}

#[rocket::async_test]
async fn an_encoded_or_duplicate_cookie_name_is_401() {
    let app = TestApp::with(&[("public_url", "\"https://example.org/\"")]).await;
    let token = app.user("ann").await.token.unwrap();
    let other = app.user("bob").await.token.unwrap();
    let name = format!("__Host-{}", app.cookie_name);
    let decoded = name.replacen("__", "%5F%5F", 1);
    let ask = async |cookies: String| {
        app.visitor().script().saying("Cookie", &cookies).open(USER).await.status.code
    };
    assert_eq!(ask(format!("{name}={token}")).await, 200);
    assert_eq!(ask(format!("theme=dark; {name}={token}; {decoded}={other}")).await, 200);
    for cookies in [
        format!("{decoded}={token}"),
        format!("\u{2000}{name}={token}"),
        format!("\u{a0}{name}={token}"),
        format!("{name}={token}; {name}={other}"),
        format!("{name}={token}; {name}="),
    ] {
        assert_eq!(ask(cookies.clone()).await, 401, "{cookies}");
    }
}

#[rocket::async_test]
async fn an_api_key_in_a_cookie_is_401() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for scope in ["read", "write"] {
        let key = admin.key(scope, scope).await;
        key.get("/auth/user").await.assert(Status::Ok);
        let browser = key.in_a_browser();
        browser.script().open(USER).await.assert(Status::Unauthorized);
        assert_eq!(browser.open("/").await.leads_to("/"), "/login?notice=session-ended");
        let widget = form(&widget("one"));
        let answer =
            browser.script().send(Method::Post, "/api/v1/widgets", Some(FORM), &widget).await;
        answer.assert(Status::Unauthorized);
    }
}

#[rocket::async_test]
async fn the_authorization_header_takes_precedence_over_the_cookie() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let browser = ann.in_a_browser().script();
    let token_of = |actor: &Actor<'_>| format!("Bearer {}", actor.token.as_ref().unwrap());
    let user = browser.saying("Authorization", &token_of(&bob)).open(USER).await;
    assert_eq!(user.assert(Status::Ok).body["email"], "bob@example.com");
    // A refused header is not replaced by a valid cookie.
    let dead = bob.again().await;
    dead.post("/auth/logout", &[]).await.assert(Status::Ok);
    for header in
        [token_of(&dead), "Bearer x".to_owned(), "Bearer".to_owned(), "Bearer ".to_owned()]
    {
        browser.saying("Authorization", &header).open(USER).await.assert(Status::Unauthorized);
    }
    let reads = browser.saying("Authorization", &token_of(&ann.key("r", "read").await));
    let template = form(&[("name", "one"), ("body", "text")]);
    reads
        .send(Method::Post, "/api/v1/templates", Some(FORM), &template)
        .await
        .assert(Status::Forbidden);
    // Another scheme, perhaps of a proxy, is ignored.
    let user = browser.saying("Authorization", "Basic YW5uOng=").open(USER).await;
    assert_eq!(user.assert(Status::Ok).body["email"], "ann@example.com");
}

#[rocket::async_test]
async fn logout_ends_the_session_and_clears_the_cookie() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (leaving, other) = (ann.again().await, ann.again().await);
    let browser = leaving.in_a_browser();
    assert!(is_signed_in(&browser).await);
    let answer = browser.submit(LOGOUT, &[]).await;
    assert_eq!(answer.leads_to(LOGOUT), "/login?notice=logged-out");
    let cookie = answer.set_cookie().unwrap();
    assert_eq!((cookie.name.as_str(), cookie.value.as_str()), (app.cookie_name.as_str(), ""));
    assert_eq!(cookie.attributes, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax"]);
    // The old cookie is refused.
    assert!(!is_signed_in(&browser).await);
    leaving
        .get("/auth/user")
        .await
        .assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
    assert!(is_signed_in(&other.in_a_browser()).await);
    let login = app.visitor().follow(LOGOUT, &answer).await;
    assert!(login.assert(Status::Ok).text.contains("You are signed out."), "{}", login.text);
}

#[rocket::async_test]
async fn redirect_after_login_or_registration_leads_to_the_next_page() {
    let app = TestApp::new().await;
    app.user("ann").await;
    for wanted in [
        "/widgets",
        "/tasks?status=open&q=a+b%26c&page=2",
        "/templates?q=%C3%A4",
        "/account?",
        "/people",
        "/tasks/00000000-0000-4000-8000-000000000000/edit?a=b",
        "/board?q=a",
        "/new/task?line=Call+Bob+tomorrow",
        "/new/template",
    ] {
        let asked = app.visitor().open(wanted).await;
        let login = asked.leads_to(wanted);
        assert!(login.starts_with("/login?next="), "{login}");
        let page = app.visitor().open(&login).await;
        let forms: Vec<_> = page
            .elements()
            .into_iter()
            .filter_map(|e| e.get("action").map(str::to_owned))
            .collect();
        let [target] = forms.as_slice() else { panic!("{}", page.text) };
        // A failed login keeps `next`.
        let target = resolve(&login, target);
        let wrong = app.visitor().submit(&target, &[("login", "ann"), ("password", "wrong")]).await;
        let again = wrong.assert(Status::Unauthorized).elements();
        let again = again.iter().find_map(|element| element.get("action")).unwrap();
        let target = resolve(&target, again);
        let answer = app.visitor().submit(&target, &LOGIN_OF_ANN).await;
        assert_eq!(answer.leads_to(&target), wanted);
        // So does a registration.
        let link = page
            .elements()
            .into_iter()
            .find(|e| e.get("href").is_some_and(|href| href.contains("register")));
        let register =
            app.visitor().open(&resolve(&login, link.unwrap().get("href").unwrap())).await;
        let target =
            register.elements().iter().find_map(|e| e.get("action").map(str::to_owned)).unwrap();
        let email = format!("u{}@example.com", wanted.len());
        let target = resolve("/register", &target);
        let answer =
            app.visitor().submit(&target, &[("email", &email), ("password", PASSWORD)]).await;
        assert_eq!(answer.leads_to(&target), wanted);
    }
}

#[rocket::async_test]
async fn open_redirect_is_refused() {
    let app = TestApp::new().await;
    app.user("ann").await;
    for next in [
        "",
        "/",
        "//evil.example",
        "///evil.example",
        "/widgets",
        "https://evil.example",
        "https:evil.example",
        "https:/tasks",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "\\\\evil.example",
        "/\\evil.example",
        "tasks\\..\\..\\evil",
        "tasks/../..//evil.example",
        "tasks/..//evil.example",
        "../tasks",
        "./tasks",
        "?tasks",
        "#tasks",
        "tasks#fragment",
        "tasks/",
        "tasks/one/../../evil",
        "tasks/%2e%2E/evil",
        "tasks/one//evil.example",
        "tasks/one\\..\\..\\evil",
        " tasks",
        "tasks ",
        "tasks\r\nSet-Cookie: a=b",
        "tasks?a=\r\nSet-Cookie: a=b",
        "tasks?a=\nb",
        "tasks?a=\tb",
        "tasks?a=\0",
        "tasks\0",
        "\ttasks",
        "tasks?a=ä",
        "Tasks",
        "login",
        "login?next=//evil.example",
        "register",
        "reset",
        "logout",
        "api/v1/auth/logout",
        "assets/x/style.css",
        "evil",
        "user:pass@evil.example",
    ] {
        let query = form(&[("next", next)]);
        let target = format!("{LOGIN}?{query}");
        let answer = app.visitor().submit(&target, &LOGIN_OF_ANN).await;
        assert_eq!(answer.leads_to(&target), "/");
        assert_eq!(answer.set_cookie().unwrap().name, app.cookie_name);
        // The page does not keep it either.
        let page = app.visitor().open(&format!("/login?{query}")).await;
        assert!(
            page.elements()
                .iter()
                .all(|element| element.get("action").is_none_or(|a| !a.contains('?'))),
            "{next}"
        );
    }
    // A query stays a query, whatever it contains.
    for next in [
        "tasks?//evil.example",
        "tasks?q=https://evil.example",
        "tasks?a=/../../x",
        "tasks?\\\\evil",
    ] {
        let target = format!("{LOGIN}?{}", form(&[("next", next)]));
        let led = app.visitor().submit(&target, &LOGIN_OF_ANN).await.leads_to(&target);
        assert_eq!(led, format!("/{next}"));
    }
    // The first `next` counts.
    let target = format!("{LOGIN}?a=b&next=tasks&next=widgets");
    assert_eq!(app.visitor().submit(&target, &LOGIN_OF_ANN).await.leads_to(&target), "/tasks");
}
