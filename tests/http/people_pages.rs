//! The pages of people and of the audit, without scripts: lists, records, and forms that answer 303.

use rocket::http::Status;
use widgetd::domain::{Role, Status as AccountStatus};

use crate::support::{Actor, Answer, PASSWORD, TestApp, Visitor, resolve};

/// The texts of the links to accounts in a list.
fn names(page: &Answer) -> Vec<String> {
    let elements = page.assert(Status::Ok).elements();
    let rows = elements
        .iter()
        .enumerate()
        .filter(|(_, e)| e.tag == "li" && e.get("id").is_some_and(|id| id.starts_with("person-")));
    let name = |n: usize| elements[n..].iter().find(|e| e.tag == "bdi").unwrap().text.clone();
    rows.map(|(n, _)| name(n)).collect()
}

/// The hidden field that says what a form showed.
fn seen(page: &Answer) -> String {
    let elements = page.assert(Status::Ok).elements();
    let field = elements.iter().find(|e| e.get("name") == Some("seen")).unwrap();
    field.get("value").unwrap().to_owned()
}

/// What a page shows once, after checks that it is nowhere else.
fn secret(answer: &Answer) -> String {
    answer.assert(Status::Ok);
    let secret = answer.element("secret").text;
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(answer.header("Location"), None);
    assert_eq!(answer.set_cookie(), None);
    secret
}

/// The page that a form leads to, with what it says of the form.
async fn done(visitor: &Visitor<'_>, path: &str, answer: &Answer, page: &str) -> Answer {
    assert_eq!(answer.assert(Status::SeeOther).leads_to(path), page);
    let shown = visitor.keeping_also(answer).open(page).await;
    shown.assert(Status::Ok);
    shown
}

async fn page_of(actor: &Actor<'_>) -> String {
    format!("/people/{}", actor.public_id().await)
}

#[rocket::async_test]
async fn people_page_lists_views_with_counts_and_filters_from_its_address() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user_of("ann", Role::Manager).await;
    let (bob, eve) = (app.user("bob").await, app.user("eve").await);
    ann.patch("/auth/user", &[("name", "Ann Lee")]).await.assert(Status::Ok);
    app.set_status(&bob, AccountStatus::Pending).await;
    app.set_status(&eve, AccountStatus::Disabled).await;
    let visitor = admin.in_a_browser();
    let [admin, bob, eve] = [&admin, &bob, &eve].map(|actor| actor.email.clone());
    for (query, expected) in [
        ("", &[&*admin, "Ann Lee", &bob, &eve][..]),
        ("?sort=-registered_on", &[&*eve, &bob, "Ann Lee", &admin]),
        ("?status=pending", &[&*bob]),
        ("?status=active&role=manager", &["Ann Lee"]),
        ("?status=disabled", &[&*eve]),
        ("?q=lee", &["Ann Lee"]),
        ("?q=nobody", &[]),
    ] {
        assert_eq!(names(&visitor.open(&format!("/people{query}")).await), expected, "{query}");
    }
    let page = visitor.open("/people?status=pending").await;
    let elements = page.elements();
    let counts: Vec<_> = elements.iter().filter(|e| e.tag == "small").map(|e| &*e.text).collect();
    assert_eq!(counts, ["4", "1", "2", "1"]);
    let csv = elements.iter().find(|e| e.text == "CSV").unwrap().get("href").unwrap();
    let csv = visitor.open(&resolve("/people", csv)).await;
    assert!(csv.is_csv() && csv.text.contains(&bob) && !csv.text.contains(&eve), "{}", csv.text);
    let first = visitor.open("/people?per_page=5&sort=registered_on&page=2").await;
    assert_eq!(names(&first), [""; 0]);
    for (query, why) in [
        ("?stauts=active", "“stauts” is not a filter of this page."),
        ("?role=king", "The filter “role” has a value"),
    ] {
        let refused = visitor.open(&format!("/people{query}")).await;
        assert!(refused.assert(Status::BadRequest).text.contains(why), "{}", refused.text);
    }
}

#[rocket::async_test]
async fn people_pages_escape_names_everywhere() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    let name = "<script>alert(1)</script>\"'&amp;";
    ann.patch("/auth/user", &[("name", name)]).await.assert(Status::Ok);
    let key = [("name", name), ("scope", "read")];
    ann.post("/auth/keys", &key).await.assert(Status::Created);
    let task = [("title", name), ("assignee", "ann@example.com")];
    admin.post("/tasks", &task).await.assert(Status::Created);
    let (visitor, page) = (admin.in_a_browser(), page_of(&ann).await);
    let annes = ann.in_a_browser();
    for (visitor, path) in [
        (&visitor, "/people".to_owned()),
        (&visitor, page.clone()),
        (&visitor, format!("{page}/edit")),
        (&visitor, "/audit".to_owned()),
        (&annes, "/account".to_owned()),
    ] {
        let shown = visitor.open(&path).await;
        let elements = shown.assert(Status::Ok).elements();
        let scripts = elements.iter().filter(|e| e.tag == "script").count();
        assert_eq!(scripts, 1, "{path}: {}", shown.text);
        let is_name = |text: &str| text.ends_with(name) || text.starts_with(name);
        assert!(
            elements.iter().any(|e| is_name(&e.text) || e.get("value").is_some_and(is_name)),
            "{path}: {}",
            shown.text
        );
    }
}

#[rocket::async_test]
async fn person_is_approved_disabled_and_enabled_and_the_page_says_so() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    app.set_status(&ann, AccountStatus::Pending).await;
    let id = app.find("ann@example.com").await.public_id;
    let (visitor, page) = (admin.in_a_browser(), format!("/people/{id}"));
    let visitor =
        visitor.saying("Host", "here.example").saying("Referer", "http://here.example/people?q=a");
    let form = format!("{page}/status");
    for (status, said, stored) in [
        ("active", "Approved.", AccountStatus::Active),
        ("active", "Nothing was changed.", AccountStatus::Active),
        ("disabled", "Disabled.", AccountStatus::Disabled),
        ("active", "Enabled.", AccountStatus::Active),
    ] {
        let answer = visitor.submit(&form, &[("status", status)]).await;
        assert_eq!(answer.assert(Status::SeeOther).header("Location"), Some("/people?q=a"));
        let shown = visitor.keeping_also(&answer).open("/people?q=a").await;
        assert!(shown.text.contains(said), "{said}: {}", shown.text);
        assert_eq!(app.find("ann@example.com").await.status, stored);
    }
    visitor.submit(&form, &[("status", "pending")]).await.assert(Status::BadRequest);
    let own = format!("{}/status", page_of(&admin).await);
    let refused = visitor.submit(&own, &[("status", "disabled")]).await;
    assert!(refused.assert(Status::Conflict).text.contains("The last administrator"));
}

#[rocket::async_test]
async fn person_form_changes_name_and_role_and_merges_what_others_changed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    let (visitor, page) = (admin.in_a_browser(), page_of(&ann).await);
    let edit = format!("{page}/edit");
    let shown = visitor.open(&edit).await;
    let before = seen(&shown);
    let fields = |name, role| [("seen", &*before), ("name", name), ("role", role)];
    // Somebody else changes another field.
    ann.patch("/auth/user", &[("name", "Theirs")]).await.assert(Status::Ok);
    let answer = visitor.submit(&page, &fields("", "manager")).await;
    let saved = done(&visitor, &page, &answer, &page).await;
    assert!(saved.text.contains("Saved.") && saved.text.contains("Manager"), "{}", saved.text);
    let stored = app.find("ann@example.com").await;
    assert_eq!((stored.role, stored.names.called()), (Role::Manager, "Theirs"));

    // Both have changed the name.
    let conflict = visitor.submit(&page, &fields("Mine", "employee")).await;
    conflict.assert(Status::Conflict);
    assert_eq!(conflict.element("name").get("value"), Some("Mine"));
    assert!(conflict.text.contains("Theirs"), "{}", conflict.text);
    assert_eq!(app.find("ann@example.com").await.names.called(), "Theirs");

    let wrong = visitor.submit(&page, &fields("a\nb", "king")).await;
    wrong.assert(Status::BadRequest);
    assert!(!wrong.element("name-error").text.is_empty());
    assert!(wrong.element("role-error").text.contains("king"), "{}", wrong.text);

    // The last administrator stays; one of two may go, and cannot come back to the page.
    let own = page_of(&admin).await;
    let demote = [("name", ""), ("role", "employee")];
    let refused = visitor.submit(&own, &demote).await;
    assert!(refused.assert(Status::Conflict).text.contains("The last administrator"));
    app.set_role(&ann, Role::Admin).await;
    let left = visitor.submit(&own, &demote).await;
    assert_eq!(left.assert(Status::SeeOther).leads_to(&own), "/");
}

#[rocket::async_test]
async fn reset_link_is_shown_once_and_sets_a_password() {
    let app = TestApp::with(&[("public_url", "\"https://example.org/w/\"")]).await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    let (visitor, page) = (admin.in_a_browser(), page_of(&ann).await);
    let token = admin.token.as_deref().unwrap();
    let visitor = visitor.carrying(&format!("__Host-{}", app.cookie_name), token);
    let form = format!("{page}/reset-code");
    let link = secret(&visitor.submit(&form, &[]).await);
    let code = link.strip_prefix("https://example.org/w/reset#code=").unwrap();
    for path in [page.clone(), "/people".to_owned(), "/audit".to_owned()] {
        assert!(!visitor.open(&path).await.text.contains(code), "{path}");
    }
    assert!(app.dump().iter().all(|row| !row.contains(code)));
    // A reload of the address that the form was sent to.
    assert_eq!(visitor.open(&form).await.assert(Status::SeeOther).leads_to(&form), page);
    let new = [("code", code), ("new_password", "tinker tailor soldier spy")];
    app.anon().post("/auth/reset", &new).await.assert(Status::Ok);
    ann.log_in("tinker tailor soldier spy").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn reset_link_leads_to_the_host_of_the_request() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let (visitor, form) = (admin.in_a_browser(), format!("{}/reset-code", page_of(&ann).await));
    for (host, expected) in [
        ("here.example:8000", "http://here.example:8000/reset#code="),
        ("[::1]:8000", "http://[::1]:8000/reset#code="),
        ("evil.example/#", "./reset#code="),
    ] {
        let link = secret(&visitor.saying("Host", host).submit(&form, &[]).await);
        assert!(link.starts_with(expected), "{link}");
    }
}

#[rocket::async_test]
async fn new_account_gets_a_link_or_a_password_after_its_errors() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.user("ann").await;
    let visitor = admin.in_a_browser();
    visitor.open("/people/new").await.assert(Status::Ok);
    let fields = |email, password| {
        [
            ("name", "Eve <i>Moss"),
            ("email", email),
            ("username", ""),
            ("role", "manager"),
            ("password", password),
        ]
    };
    let wrong = visitor.submit("/people", &fields("nonsense", "pa55wd")).await;
    wrong.assert(Status::BadRequest);
    assert!(wrong.element("email-error").text.contains("nonsense"), "{}", wrong.text);
    assert!(!wrong.element("password-error").text.is_empty());
    assert_eq!(wrong.element("password").get("value"), Some(""));
    assert_eq!(wrong.element("name").get("value"), Some("Eve <i>Moss"));
    assert!(!wrong.text.contains("pa55wd"), "{}", wrong.text);
    let taken = visitor.submit("/people", &fields("ann@example.com", PASSWORD)).await;
    assert!(taken.assert(Status::Conflict).text.contains("is already registered"));
    assert!(!taken.text.contains(PASSWORD));

    let link = secret(&visitor.submit("/people", &fields("eve@example.com", "")).await);
    let (_, code) = link.split_once("/reset#code=").unwrap();
    let eve = app.find("eve@example.com").await;
    assert_eq!((eve.role, eve.status), (Role::Manager, AccountStatus::Active));
    assert!(app.dump().iter().all(|row| !row.contains(code)));
    let new = [("code", code), ("new_password", "tinker tailor soldier spy")];
    app.anon().post("/auth/reset", &new).await.assert(Status::Ok);

    let answer = visitor.submit("/people", &fields("bob@example.com", PASSWORD)).await;
    let page = answer.assert(Status::SeeOther).leads_to("/people");
    let shown = done(&visitor, "/people", &answer, &page).await;
    assert!(shown.text.contains("bob@example.com"), "{}", shown.text);
    let bob = Actor { email: "bob@example.com".to_owned(), ..app.anon() };
    bob.log_in(PASSWORD).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn person_is_signed_out_and_deleted_as_they_were_seen() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    let (visitor, page) = (admin.in_a_browser(), page_of(&ann).await);
    let form = format!("{page}/sign-out");
    let answer = visitor.submit(&form, &[]).await;
    done(&visitor, &form, &answer, &page).await;
    ann.get("/auth/user").await.assert(Status::Unauthorized);

    let form = format!("{page}/delete");
    let before = seen(&visitor.open(&form).await);
    app.set_role(&ann, Role::Manager).await;
    visitor.submit(&form, &[("seen", &before)]).await.assert(Status::PreconditionFailed);
    let now = seen(&visitor.open(&form).await);
    let answer = visitor.submit(&form, &[("seen", &now)]).await;
    done(&visitor, &form, &answer, "/people").await;
    visitor.open(&page).await.assert(Status::NotFound);
}

#[rocket::async_test]
async fn person_page_has_their_tasks_and_what_happened() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    for (title, status) in [("to do", "pending"), ("finished", "done")] {
        let task = [("title", title), ("status", status), ("assignee", "ann@example.com")];
        admin.post("/tasks", &task).await.assert(Status::Created);
    }
    let (visitor, path) = (admin.in_a_browser(), page_of(&ann).await);
    let page = visitor.open(&path).await;
    let elements = page.assert(Status::Ok).elements();
    assert!(elements.iter().any(|e| e.text == "to do"), "{}", page.text);
    assert!(elements.iter().all(|e| e.text != "finished"), "{}", page.text);
    assert!(page.text.contains("registered"), "{}", page.text);
    let link = elements.iter().find(|e| e.text == "Everything that happened").unwrap();
    let audit = visitor.open(&resolve(&path, link.get("href").unwrap())).await;
    assert_eq!(audit.element("account").get("value"), Some("ann@example.com"));
    let link = elements.iter().find(|e| e.text == "All open tasks").unwrap();
    let tasks = visitor.open(&resolve(&path, link.get("href").unwrap())).await;
    assert!(tasks.assert(Status::Ok).text.contains("to do") && !tasks.text.contains("finished"));
}
