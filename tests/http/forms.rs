//! The forms of login, registration, reset and setup without scripts, and the pages of problems.

use std::time::Duration;

use rocket::http::{Method, Status};
use widgetd::domain::Role;

use crate::support::{Actor, Answer, FORM, PASSWORD, TestApp, Visitor, form, resolve};

const LOGIN: &str = "/api/v1/auth/login";
const REGISTER: &str = "/api/v1/auth/register";
const LOGOUT: &str = "/api/v1/auth/logout";
const RESET: &str = "/api/v1/auth/reset";
const SETUP: &str = "/api/v1/auth/setup";

/// The pages that need a session, except `/`.
const PAGES: [&str; 6] = ["/widgets", "/tasks", "/templates", "/people", "/audit", "/account"];

const CODE: &str = "abcd-efgh-ijkl-mnop";
const SECRET: &str = "hunter2 hunter2";

fn here(app: &TestApp) -> Visitor<'_> {
    app.visitor().from("127.0.0.1")
}

/// The names of a form's fields.
fn fields_of(page: &Answer) -> Vec<String> {
    page.elements()
        .iter()
        .filter(|e| e.tag == "input")
        .map(|e| e.get("name").unwrap().to_owned())
        .collect()
}

#[rocket::async_test]
async fn form_errors_stand_beside_their_fields_and_values_are_kept() {
    let app = TestApp::new().await;
    let visitor = here(&app);
    for (path, fields, first) in [
        (LOGIN, &[("login", ""), ("password", "")][..], "login"),
        (LOGIN, &[("login", "first last"), ("password", SECRET)], "login"),
        (LOGIN, &[("login", "ann@example.com"), ("password", "")], "password"),
        (REGISTER, &[("name", ""), ("email", ""), ("username", ""), ("password", "")], "email"),
        (
            REGISTER,
            &[("name", " "), ("email", "first last"), ("username", "a b"), ("password", "hunter2")],
            "name",
        ),
        (
            REGISTER,
            &[
                ("name", "Ann"),
                ("email", "ann@example.com"),
                ("username", "a"),
                ("password", SECRET),
            ],
            "username",
        ),
        (
            REGISTER,
            &[
                ("name", ""),
                ("email", "ann@example.com"),
                ("username", "ann"),
                ("password", "password1"),
            ],
            "password",
        ),
        (RESET, &[("code", ""), ("new_password", "")], "code"),
        (RESET, &[("code", "nonsense"), ("new_password", "hunter2")], "code"),
        (RESET, &[("code", CODE), ("new_password", SECRET)], "code"),
        (RESET, &[("code", CODE), ("new_password", "hunter2")], "new_password"),
        (
            SETUP,
            &[
                ("code", CODE),
                ("name", "Ann"),
                ("email", "first last"),
                ("username", "a b"),
                ("password", "hunter2"),
            ],
            "email",
        ),
        (
            SETUP,
            &[
                ("code", CODE),
                ("name", ""),
                ("email", "ann@example.com"),
                ("username", ""),
                ("password", ""),
            ],
            "password",
        ),
    ] {
        let told = visitor.script().submit(path, fields).await;
        let errors = told.assert(Status::BadRequest).body["errors"].as_object().unwrap().clone();
        let page = visitor.submit(path, fields).await;
        page.assert(Status::BadRequest);
        assert_eq!(page.summary(), "", "{path} {fields:?}");
        let names: Vec<String> = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(fields_of(&page), names);
        assert!(errors.keys().all(|name| names.contains(name)), "{errors:?}");
        for (name, typed) in fields {
            let input = page.element(name);
            if input.get("type") == Some("hidden") {
                assert_eq!(input.get("value"), Some(*typed));
                continue;
            }
            let expected = errors.get(*name).map_or("", |why| why.as_str().unwrap());
            let shown = page.element(&format!("{name}-error")).text;
            // As a sentence.
            assert_eq!(shown.is_empty(), expected.is_empty(), "{path} {fields:?}");
            assert!(shown.contains(expected), "{path} {fields:?}: {shown}");
            assert!(shown.is_empty() || shown.ends_with('.'), "{shown}");
            assert_eq!(
                input.get("aria-invalid").is_some(),
                errors.contains_key(*name),
                "{path} {name}"
            );
            let described = input.get("aria-describedby").unwrap();
            assert!(described.split(' ').any(|id| id == format!("{name}-error")), "{described}");
            let is_secret = name.ends_with("password");
            assert_eq!(
                input.get("value"),
                Some(if is_secret { "" } else { typed }),
                "{path} {name}"
            );
            assert_eq!(input.get("type") == Some("password"), is_secret, "{path} {name}");
            assert_eq!(input.has("autofocus"), *name == first, "{path} {fields:?}: {name}");
        }
        assert!(!page.text.contains("hunter2"), "{}", page.text);
    }
}

#[rocket::async_test]
async fn a_wrong_setup_code_is_told_above_the_form() {
    let app = TestApp::new().await;
    let fields =
        [("code", CODE), ("email", "ann@example.com"), ("username", ""), ("password", PASSWORD)];
    let page = here(&app).submit(SETUP, &fields).await;
    page.assert(Status::BadRequest);
    assert_eq!(page.summary(), "The link is wrong, has been used, or has expired");
    assert_eq!(page.element("email").get("value"), Some("ann@example.com"));
}

#[rocket::async_test]
async fn form_errors_of_every_field_are_shown() {
    let app = TestApp::new().await;
    let all = ["code", "login", "email", "username", "password", "new_password", "nobody_asked"];
    for path in [LOGIN, REGISTER, RESET, SETUP] {
        for name in all {
            let page = here(&app).submit(path, &[(name, "\0")]).await;
            let told = here(&app).script().submit(path, &[(name, "\0")]).await;
            page.assert(Status::BadRequest);
            let elements = page.elements();
            for (field, why) in told.body["errors"].as_object().unwrap() {
                let why = why.as_str().unwrap();
                let is_told = |text: &str| text.contains(why);
                assert!(
                    elements
                        .iter()
                        .any(|e| e.get("class").is_some_and(|c| c.contains("error"))
                            && is_told(&e.text)),
                    "{path} {name}: {field} {why}: {}",
                    page.text
                );
            }
        }
    }
}

#[rocket::async_test]
async fn xss_in_form_values_and_names_is_escaped() {
    let app = TestApp::new().await;
    let visitor = here(&app);
    for hostile in [
        "\"><script>alert(1)</script>",
        "'><img src=x onerror=alert(1)>",
        "\" autofocus onfocus=\"alert(1)",
        "</title></main><script src=//evil.example></script>",
        "&quot;&#34;&lt;&amp;",
        "<!--",
        "{{ 7 * 7 }}{% raw %}",
        "a\u{202e}b\u{0}",
        "ä€😀",
        "`${alert(1)}`",
        "\r\n\r\n<b>",
    ] {
        for (path, name) in [
            (LOGIN, "login"),
            (REGISTER, "email"),
            (REGISTER, "username"),
            (RESET, "code"),
            (SETUP, "code"),
            (SETUP, "email"),
            (SETUP, "username"),
        ] {
            let tags = |page: &Answer| {
                page.elements().into_iter().map(|e| (e.tag, e.attributes.len())).collect::<Vec<_>>()
            };
            let page = visitor.submit(path, &[(name, hostile)]).await;
            let harmless = visitor.submit(path, &[(name, "?")]).await;
            assert_eq!(page.element(name).get("value"), Some(hostile), "{path}");
            assert_eq!(tags(&page), tags(&harmless), "{path} {name} {hostile}");
            let next = format!("{path}?next={}", form(&[(&format!("tasks?{hostile}"), "")]));
            assert_eq!(
                tags(&visitor.submit(&next, &[(name, hostile)]).await),
                tags(&harmless),
                "{next}"
            );
            // The name of a field is escaped as well.
            let page = visitor.submit(path, &[(hostile, hostile)]).await;
            let harmless = visitor.submit(path, &[("nobody_asked", "?")]).await;
            assert_eq!(tags(&page), tags(&harmless), "{path} {hostile}");
        }
    }
    // An e-mail address may contain some of these characters.
    let fields = [("email", "o'hara&lt'<@example.com"), ("password", PASSWORD)];
    visitor.submit(REGISTER, &fields).await.assert(Status::BadRequest);
    let fields = [("email", "o'hara&lt#{}@example.com"), ("password", PASSWORD)];
    let answer = visitor.submit(REGISTER, &fields).await;
    let home = visitor.keeping(&answer).open("/").await;
    let title = format!("You: {}", fields[0].1);
    let elements = home.elements();
    assert!(elements.iter().any(|e| e.get("title") == Some(&title)), "{}", home.text);
    assert!(elements.iter().any(|e| e.tag == "bdi" && e.text == fields[0].1), "{}", home.text);
}

#[rocket::async_test]
async fn form_problems_401_and_409_are_told_above_the_form_without_passwords() {
    let app = TestApp::new().await;
    let register = [("email", "ann@example.com"), ("username", "ann"), ("password", PASSWORD)];
    app.visitor().submit(REGISTER, &register).await.assert(Status::SeeOther);
    let page = app.visitor().submit(LOGIN, &[("login", "Ann"), ("password", "hunter2")]).await;
    page.assert(Status::Unauthorized);
    assert_eq!(page.summary(), "username or password does not match");
    assert_eq!(page.element("login").get("value"), Some("Ann"));
    assert_eq!(page.set_cookie(), None);
    let page = app.visitor().submit(REGISTER, &register).await;
    page.assert(Status::Conflict);
    assert_eq!(page.summary(), "ann@example.com is already registered");
    assert_eq!(page.element("username").get("value"), Some("ann"));
    let setup = [&[("code", app.setup_code.reveal())][..], &register].concat();
    let page = here(&app).submit(SETUP, &setup).await;
    page.assert(Status::Conflict);
    assert_eq!(page.summary(), "ann@example.com is already registered");
    assert_eq!(page.element("code").get("value"), Some(app.setup_code.reveal()));
    for page in
        [page, app.visitor().submit(LOGIN, &[("login", "ann"), ("password", "hunter2")]).await]
    {
        assert!(!page.text.contains(PASSWORD) && !page.text.contains("hunter2"), "{}", page.text);
    }
}

#[rocket::async_test]
async fn form_problem_403_of_a_disabled_account_is_told_above_the_form() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    app.set_status(&ann, widgetd::domain::Status::Disabled).await;
    let page = app.visitor().submit(LOGIN, &[("login", &ann.email), ("password", PASSWORD)]).await;
    page.assert(Status::Forbidden);
    assert_eq!(page.summary(), "Your account is disabled");
    assert_eq!(page.element("login").get("value"), Some("ann@example.com"));
}

#[rocket::async_test]
async fn form_problem_429_is_told_above_the_form_with_retry_after() {
    let app = TestApp::with(&[("throttle", "true")]).await;
    app.user("ann").await;
    let email = ("email", "bob@example.com");
    for (path, shown, others) in [
        (LOGIN, ("login", "ann@example.com"), &[("password", "hunter2")][..]),
        (REGISTER, email, &[("password", "password1")]),
        (RESET, ("code", CODE), &[("new_password", "tinker tailor")]),
        (SETUP, email, &[("code", CODE), ("password", "tinker tailor")]),
    ] {
        let fields = [&[shown], others].concat();
        let mut page = here(&app).submit(path, &fields).await;
        for _ in 0..200 {
            if page.status != Status::TooManyRequests {
                page = here(&app).submit(path, &fields).await;
            }
        }
        page.assert(Status::TooManyRequests);
        assert!(
            page.summary().starts_with("Too many attempts. Please try again in "),
            "{}",
            page.text
        );
        assert!(page.header("Retry-After").unwrap().parse::<u64>().unwrap() > 0);
        assert_eq!(page.element(shown.0).get("value"), Some(shown.1));
    }
}

#[rocket::async_test]
async fn registration_closed_shows_no_form() {
    let app = TestApp::with(&[("registration", "closed")]).await;
    let links_to = |page: &Answer| {
        page.elements().iter().any(|e| e.get("href").is_some_and(|h| h.ends_with("register")))
    };
    let page = app.visitor().open("/register").await;
    assert!(page.assert(Status::Ok).text.contains("Registration is closed."), "{}", page.text);
    assert_eq!(fields_of(&page), Vec::<String>::new());
    let page = app
        .visitor()
        .submit(REGISTER, &[("email", "ann@example.com"), ("password", PASSWORD)])
        .await;
    assert!(
        page.assert(Status::Forbidden).text.contains("Registration is closed."),
        "{}",
        page.text
    );
    assert_eq!(fields_of(&page), Vec::<String>::new());
    assert!(!links_to(&app.visitor().open("/login").await));
    for registration in ["open", "approval"] {
        let app = TestApp::with(&[("registration", registration)]).await;
        assert!(links_to(&app.visitor().open("/login").await));
        let page = app.visitor().open("/register").await;
        assert_eq!(
            page.text.contains("An administrator approves your account"),
            registration == "approval"
        );
    }
}

#[rocket::async_test]
async fn login_page_shows_known_notices_alone() {
    let app = TestApp::with(&[("registration", "approval")]).await;
    let notice = async |query: &str| {
        let page = app.visitor().open(&format!("/login{query}")).await;
        let said = page
            .assert(Status::Ok)
            .elements()
            .into_iter()
            .find(|e| e.get("role") == Some("status"));
        said.map(|element| element.text)
    };
    for (name, words) in [
        ("logged-out", "You are signed out."),
        ("registered", "Your account is ready."),
        ("waiting", "An administrator has to approve your account"),
        ("reset", "Your new password is set."),
    ] {
        let said = notice(&format!("?notice={name}")).await.unwrap();
        assert!(said.contains(words), "{said}");
    }
    for query in ["", "?notice=", "?notice=Waiting", "?notice=%3Cb%3Eyou+have+won", "?other=reset"]
    {
        assert_eq!(notice(query).await, None, "{query}");
    }
    // A registration that waits for approval leads there.
    let answer = app
        .visitor()
        .submit(REGISTER, &[("email", "ann@example.com"), ("password", PASSWORD)])
        .await;
    let page = app.visitor().follow(REGISTER, &answer).await;
    assert!(page.text.contains("An administrator has to approve your account"), "{}", page.text);
}

#[rocket::async_test]
async fn the_registration_form_asks_for_an_email_unless_the_setting_lets_it_be() {
    for (setting, is_required) in [("true", Some("")), ("false", None)] {
        let app = TestApp::with(&[("require_email", setting)]).await;
        let page = app.visitor().open("/register").await;
        assert_eq!(page.element("email").get("required"), is_required, "{setting}");
        assert_eq!(page.element("username").get("required"), None);
    }
}

#[rocket::async_test]
async fn setup_page_shows_the_form_for_the_right_code_alone() {
    let app = TestApp::new().await;
    let path = format!("/setup/{}", app.setup_code.reveal());
    let page = here(&app).open(&path).await;
    assert_eq!(
        fields_of(page.assert(Status::Ok)),
        ["code", "name", "email", "username", "password"]
    );
    assert_eq!(page.element("code").get("value"), Some(app.setup_code.reveal()));
    for wrong in [CODE, "nonsense", "%22%3E%3Cscript%3E"] {
        let page = here(&app).open(&format!("/setup/{wrong}")).await;
        assert!(
            page.assert(Status::NotFound).text.contains("This link is wrong, or has been used."),
            "{}",
            page.text
        );
        assert_eq!(fields_of(&page), Vec::<String>::new());
    }
    let page = app.visitor().open(&path).await;
    assert!(page.assert(Status::Forbidden).text.contains("on the machine itself"), "{}", page.text);
    assert!(!page.text.contains(app.setup_code.reveal()), "{}", page.text);
    assert!(here(&app).open("/login").await.text.contains("has no administrator yet"));
    assert!(!app.visitor().open("/login").await.text.contains("has no administrator yet"));
    let fields =
        [("code", app.setup_code.reveal()), ("email", "ann@example.com"), ("password", PASSWORD)];
    here(&app).submit(SETUP, &fields).await.assert(Status::SeeOther);
    assert_eq!(fields_of(&here(&app).open(&path).await), Vec::<String>::new());
    assert!(!here(&app).open("/login").await.text.contains("has no administrator yet"));
}

#[rocket::async_test]
async fn redirect_of_a_reloaded_form_target_leads_to_login() {
    let app = TestApp::new().await;
    for path in [LOGIN, REGISTER, LOGOUT, RESET, SETUP, "/api/v1/auth/login?next=tasks"] {
        let answer = app.visitor().open(path).await;
        assert_eq!(answer.assert(Status::SeeOther).leads_to(path), "/login");
        let answer = app.visitor().script().open(path).await;
        answer.assert(Status::MethodNotAllowed);
        assert_eq!(answer.header("Allow"), Some("POST"));
    }
}

#[rocket::async_test]
async fn redirect_of_logout_without_a_session_leads_to_login() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.post("/auth/logout", &[]).await.assert(Status::Ok);
    for visitor in [app.visitor(), ann.in_a_browser()] {
        let answer = visitor.submit(LOGOUT, &[]).await;
        assert_eq!(answer.assert(Status::SeeOther).leads_to(LOGOUT), "/login");
        assert_eq!(clears_the_cookie(&answer), visitor.cookie.is_some());
    }
}

#[rocket::async_test]
async fn content_negotiation_of_404_is_a_page_for_browsers_and_json_for_others() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await.in_a_browser();
    for path in
        ["/nope", "/a/b/c", "/login/x", "/widgets/one/x", "/setup", "/assets", "/assets/any/x.js"]
    {
        for visitor in [&app.visitor(), &ann] {
            let page = visitor.open(path).await;
            assert!(page.assert(Status::NotFound).is_page(), "{path}: {}", page.text);
            assert!(page.text.contains("There is nothing at this address."), "{}", page.text);
            for accept in
                ["*/*", "application/json", "image/avif,image/webp,*/*;q=0.8", "text/css,*/*;q=0.1"]
            {
                let answer = visitor.saying("Accept", accept).open(path).await;
                assert!(!answer.assert(Status::NotFound).is_page(), "{path} {accept}");
            }
            assert!(
                !visitor.silent_on("Accept").open(path).await.assert(Status::NotFound).is_page(),
                "{path}"
            );
        }
    }
}

#[rocket::async_test]
async fn content_negotiation_below_the_api_is_json_without_a_form() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await;
    admin.post("/templates", &[("name", "one"), ("body", "text")]).await;
    let task = admin.post("/tasks", &[("title", "one")]).await.body["id"].take();
    let id = admin.public_id().await.to_string();
    let mut count = 0;
    for route in app
        .routes()
        .filter(|route| route.method == Method::Get && route.uri.path().starts_with("/api/v1/"))
    {
        if matches!(route.name.as_deref(), Some("show_api_pages" | "get_calendar")) {
            continue;
        }
        let path = route.uri.path().replace("<name>", "one").replace("<public_id>", &id);
        let path = path.replace("<id>", task.as_str().unwrap());
        let path = path.replace("/search", "/search?q=a");
        let answer = admin.in_a_browser().open(&path).await;
        let goes_on = route.name.as_deref() == Some("stream_audit");
        let expected = if goes_on { "text/event-stream" } else { "application/json" };
        assert_eq!(answer.assert(Status::Ok).header("Content-Type"), Some(expected), "{path}");
        let answer = app.visitor().open(&path).await;
        assert_eq!(answer.header("Content-Type"), Some("application/json"), "{path}");
        assert_eq!(
            (answer.status == Status::Ok, answer.header("Location")),
            (path.ends_with("json"), None),
            "{path}"
        );
        count += 1;
    }
    assert!(count > 10);
    let widget = form(&crate::support::widget("one"));
    let refused =
        admin.in_a_browser().send(Method::Post, "/api/v1/widgets", Some(FORM), &widget).await;
    assert!(!refused.assert(Status::Conflict).is_page());
    assert!(!app.visitor().open("/api/v1/nope").await.assert(Status::NotFound).is_page());
    assert!(!app.visitor().open("/api/v1").await.assert(Status::NotFound).is_page());
}

/// Whether an answer clears the cookie.
fn clears_the_cookie(answer: &Answer) -> bool {
    answer
        .set_cookie()
        .is_some_and(|cookie| cookie.value.is_empty() && cookie.attributes[1] == "Max-Age=0")
}

#[rocket::async_test]
async fn redirect_to_login_keeps_the_address_and_clears_a_dead_cookie() {
    let app = TestApp::new().await;
    let expiring = app.user("expiring").await.in_a_browser();
    app.advance(Duration::from_hours(1));
    let revoked = app.user("revoked").await;
    revoked.post("/auth/logout", &[]).await.assert(Status::Ok);
    let disabled = app.user("disabled").await;
    app.set_status(&disabled, widgetd::domain::Status::Disabled).await;
    let forged = app.visitor().carrying(&app.cookie_name, "forged");
    let others = app.visitor().carrying("widgetd-00000000", "x");
    for visitor in
        [app.visitor(), others, expiring, revoked.in_a_browser(), disabled.in_a_browser(), forged]
    {
        let is_ours = visitor.cookie.as_ref().is_some_and(|(name, _)| *name == app.cookie_name);
        for path in PAGES {
            for query in ["", "?", "?q=a%20b&page=2", "?q=%22%3E&next=x"] {
                let path = format!("{path}{query}");
                let answer = visitor.open(&path).await;
                let next: String =
                    url::form_urlencoded::byte_serialize(&path.as_bytes()[1..]).collect();
                assert_eq!(
                    answer.assert(Status::SeeOther).leads_to(&path),
                    format!(
                        "/login?next={next}{}",
                        if is_ours { "&notice=session-ended" } else { "" }
                    )
                );
                assert_eq!(clears_the_cookie(&answer), is_ours, "{path}");
            }
            // Scripts get 401 in JSON.
            visitor.script().open(path).await.assert(Status::Unauthorized);
        }
        let answer = visitor.open("/").await;
        let login = if is_ours { "/login?notice=session-ended" } else { "/login" };
        assert_eq!(answer.assert(Status::SeeOther).leads_to("/"), login);
        assert_eq!(clears_the_cookie(&answer), is_ours);
        assert!(!fields_of(visitor.open("/login").await.assert(Status::Ok)).is_empty());
    }
}

#[rocket::async_test]
async fn redirect_from_login_and_register_with_a_session_leads_home() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await.in_a_browser();
    for path in ["/login", "/login?notice=reset", "/register"] {
        assert_eq!(ann.open(path).await.assert(Status::SeeOther).leads_to(path), "/");
    }
}

#[rocket::async_test]
async fn pages_of_administrators_are_403_and_not_linked_for_others() {
    let app = TestApp::new().await;
    for role in [Role::Employee, Role::Manager] {
        let actor = app.user_of(role.as_str(), role).await.in_a_browser();
        for path in ["/people", "/audit"] {
            let page = actor.open(path).await;
            assert!(
                page.assert(Status::Forbidden).text.contains("Administrators only"),
                "{}",
                page.text
            );
            assert_eq!(page.set_cookie(), None);
            actor.script().open(path).await.assert(Status::Forbidden);
        }
        // The menu does not link them.
        let home = actor.open("/").await;
        let links: Vec<_> =
            home.elements().into_iter().filter_map(|e| e.get("href").map(str::to_owned)).collect();
        assert!(links.iter().any(|link| link.ends_with("tasks?open=true")), "{links:?}");
        assert!(
            links.iter().all(|link| !link.ends_with("people") && !link.ends_with("audit")),
            "{links:?}"
        );
    }
}

#[rocket::async_test]
async fn page_of_500_shows_the_request_id_alone() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let other_program = rusqlite::Connection::open(app.folder.path().join("widgetd.db")).unwrap();
    other_program.execute_batch("ALTER TABLE user RENAME TO gone").unwrap();
    let login = [("login", "ann@example.com"), ("password", PASSWORD)];
    let browser = ann.in_a_browser();
    for (path, page) in [
        ("/", browser.open("/").await),
        ("/widgets", browser.open("/widgets").await),
        ("/login", browser.open("/login").await),
        ("/api/v1/auth/login", app.visitor().submit(LOGIN, &login).await),
    ] {
        assert_eq!(page.status, Status::InternalServerError, "{path}: {}", page.text);
        let number = page.header("X-Request-Id").unwrap();
        assert!(
            page.is_page()
                && page.text.contains(&format!("Internal server error, request {number}")),
            "{}",
            page.text
        );
        assert!(!page.text.contains("SQL") && !page.text.contains("no such"), "{}", page.text);
    }
}

#[rocket::async_test]
async fn form_errors_of_a_malformed_body_are_shown_on_the_form() {
    let app = TestApp::new().await;
    for (path, field) in [(LOGIN, "login"), (REGISTER, "email"), (RESET, "code")] {
        for (content_type, body, status) in [
            (Some("text/plain"), "email=x".to_owned(), 415),
            (Some("multipart/form-data; boundary=x"), "--x--".to_owned(), 415),
            (Some(FORM), "x".repeat(9_000), 413),
            (Some(FORM), "email=%ff".to_owned(), 400),
            (Some(FORM), "%ff".to_owned(), 400),
            (Some("application/json"), "[".to_owned(), 400),
            (Some(FORM), "_method=delete".to_owned(), 400),
            (None, String::new(), 400),
        ] {
            let page = app.visitor().send(Method::Post, path, content_type, &body).await;
            assert_eq!(page.status.code, status, "{path} {body}");
            assert!(fields_of(&page).contains(&field.to_owned()), "{path} {body}: {}", page.text);
            let is_told = page
                .elements()
                .iter()
                .any(|e| e.get("class").is_some_and(|c| c.contains("error")) && !e.text.is_empty());
            assert!(is_told, "{path} {body}: {}", page.text);
        }
    }
}

/// Every page, and pages of every kind of problem, at every depth of the path.
async fn each_page(app: &TestApp) -> Vec<(String, Answer)> {
    let admin = app.admin().await;
    let records = app.records(&admin).await;
    let admin = admin.in_a_browser();
    let employee = app.user("employee").await.in_a_browser();
    let mut pages = Vec::new();
    for visitor in [&app.visitor(), &admin, &employee] {
        let visitor = visitor.from("127.0.0.1");
        for path in app.pages(&records) {
            for path in [path.clone(), format!("{path}?a=/b/c#d")] {
                pages.push((path.clone(), visitor.open(path.split('#').next().unwrap()).await));
            }
        }
        for path in ["/nope", "/a/b/c/d", "/api/v1/ui"] {
            pages.push((path.to_owned(), visitor.open(path).await));
        }
    }
    for path in [LOGIN, REGISTER, RESET, SETUP, "/api/v1/auth/register?next=tasks"] {
        pages.push((path.to_owned(), app.visitor().submit(path, &[("x", "y")]).await));
    }
    pages.retain(|(_, page)| page.is_page());
    assert!(pages.len() > 50);
    pages
}

#[rocket::async_test]
async fn every_page_has_working_links_no_inline_code_and_labelled_fields() {
    let app = TestApp::new().await;
    let pages = each_page(&app).await;
    for (path, page) in &pages {
        assert_obeys_the_content_security_policy(path, page);
        assert_labels_and_ids(path, page);
    }
    let mut seen = std::collections::BTreeSet::new();
    // Templates have no other reader than their owner.
    let owner = Actor { email: "admin@example.com".to_owned(), ..app.anon() };
    let visitor = owner.again().await.in_a_browser();
    for (path, page) in &pages {
        for element in page.elements() {
            // What users have entered leads to other hosts.
            if element.get("rel").is_some_and(|rel| rel.contains("noopener")) {
                continue;
            }
            for attribute in ["href", "src", "action", "data-document"] {
                match element.get(attribute) {
                    Some(address) if address.starts_with('#') => drop(page.element(&address[1..])),
                    Some(address) => drop(seen.insert(resolve(path, address))),
                    None => {}
                }
            }
        }
    }
    for target in &seen {
        let status = visitor.open(target.split('#').next().unwrap()).await.status.code;
        assert!([200, 303].contains(&status), "{target}: {status}");
    }
    for expected in
        ["/", "/login", "/people", "/api/v1/ui", "/api/v1/auth/logout", "/api/v1/openapi.json"]
    {
        assert!(seen.contains(expected), "{expected} {seen:?}");
    }
}

#[track_caller]
fn assert_obeys_the_content_security_policy(path: &str, page: &Answer) {
    for element in page.elements() {
        for (name, value) in &element.attributes {
            assert!(name != "style" && !name.starts_with("on"), "{path}: {name} {value}");
            assert!(
                !value.trim_start().to_lowercase().starts_with("javascript:"),
                "{path}: {value}"
            );
        }
        assert_ne!(element.tag, "style", "{path}");
        assert_ne!(element.tag, "base", "{path}");
        if element.tag == "script" {
            assert!(element.has("src") && element.text.is_empty(), "{path}: {element:?}");
        }
    }
}

#[track_caller]
fn assert_labels_and_ids(path: &str, page: &Answer) {
    let elements = page.elements();
    let mut ids = std::collections::BTreeSet::new();
    for id in elements.iter().filter_map(|element| element.get("id")) {
        assert!(ids.insert(id), "{path}: {id} stands twice");
    }
    let labels: Vec<_> =
        elements.iter().filter(|e| e.tag == "label").filter_map(|e| e.get("for")).collect();
    for field in
        elements.iter().filter(|e| ["input", "select", "textarea"].contains(&e.tag.as_str()))
    {
        let is_named = field.get("type") == Some("hidden")
            || field.has("aria-label")
            || field.get("id").is_some_and(|id| labels.contains(&id));
        assert!(is_named, "{path}: {field:?}");
    }
    for name in ["aria-describedby", "aria-labelledby", "for"] {
        for id in elements.iter().filter_map(|e| e.get(name)).flat_map(|value| value.split(' ')) {
            assert!(ids.contains(id), "{path}: {name} names {id}");
        }
    }
}
