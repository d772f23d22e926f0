//! The page of your own account, without scripts: each form, its errors and what it does.

use rocket::http::Status;

use crate::support::{Actor, Answer, PASSWORD, TestApp, Visitor};

const NEW_PASSWORD: &str = "tinker tailor soldier spy";

/// The account's page after a form, with what it says of the form.
async fn saved(visitor: &Visitor<'_>, path: &str, answer: &Answer) -> Answer {
    assert_eq!(answer.assert(Status::SeeOther).leads_to(path), "/account");
    let shown = visitor.keeping_also(answer).open("/account").await;
    shown.assert(Status::Ok);
    shown
}

/// What a page shows once, after checks that it is nowhere else.
fn secret(answer: &Answer) -> String {
    answer.assert(Status::Ok);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(answer.header("Location"), None);
    assert_eq!(answer.set_cookie(), None);
    answer.element("secret").text
}

#[rocket::async_test]
async fn account_names_are_saved_after_their_errors() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    bob.patch("/auth/user", &[("username", "taken")]).await.assert(Status::Ok);
    let visitor = ann.in_a_browser();
    let send = async |name, username| {
        visitor.submit("/account", &[("name", name), ("username", username)]).await
    };
    let wrong = send("Ann <i>Lee", "x").await;
    wrong.assert(Status::BadRequest);
    assert!(wrong.element("username-error").text.contains("3 to 32 characters"));
    assert_eq!(wrong.element("username").get("value"), Some("x"));
    assert_eq!(wrong.element("name").get("value"), Some("Ann <i>Lee"));
    let taken = send("Ann", "taken").await;
    assert!(taken.assert(Status::Conflict).text.contains("already registered"), "{}", taken.text);

    let page = saved(&visitor, "/account", &send("Ann Lee", "annie").await).await;
    assert!(page.text.contains("Saved."), "{}", page.text);
    assert_eq!(page.element("username").get("value"), Some("annie"));
    let page = saved(&visitor, "/account", &send("Ann Lee", "annie").await).await;
    assert!(page.text.contains("Nothing was changed."), "{}", page.text);
    let removed = send("", "").await;
    removed.assert(Status::BadRequest);
    assert_eq!(removed.element("username-error").text, "This cannot be removed, only changed.");
    saved(&visitor, "/account", &send("", "annie").await).await;
    assert_eq!(app.find("annie").await.names.called(), "annie");
    saved(
        &bob.in_a_browser(),
        "/account",
        &bob.in_a_browser().submit("/account", &[("name", "B"), ("username", "taken")]).await,
    )
    .await;
}

#[rocket::async_test]
async fn account_password_is_changed_after_its_errors_and_never_shown() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (visitor, other) = (ann.in_a_browser(), ann.again().await);
    let send = async |current, new| {
        let fields = [("current_password", current), ("new_password", new)];
        visitor.submit("/account/password", &fields).await
    };
    for (current, new, field, why) in [
        ("", NEW_PASSWORD, "current_password", "is required"),
        ("not the password", NEW_PASSWORD, "current_password", "is not the account's password"),
        (PASSWORD, "pa55wd", "new_password", "at least 8 characters"),
        (PASSWORD, PASSWORD, "new_password", "is the present one"),
    ] {
        let wrong = send(current, new).await;
        wrong.assert(Status::BadRequest);
        assert!(wrong.element(&format!("{field}-error")).text.contains(why), "{}", wrong.text);
        assert!(wrong.text.contains("Current password"));
        for text in [current, new].into_iter().filter(|text| !text.is_empty()) {
            assert!(!wrong.text.contains(text), "{text}: {}", wrong.text);
        }
    }
    other.get("/auth/user").await.assert(Status::Ok);
    let page = saved(&visitor, "/account/password", &send(PASSWORD, NEW_PASSWORD).await).await;
    assert!(page.text.contains("Your password is changed."), "{}", page.text);
    other.get("/auth/user").await.assert(Status::Unauthorized);
    ann.log_in(NEW_PASSWORD).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn account_key_is_shown_once_and_works_until_it_is_revoked() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let visitor = ann.in_a_browser();
    visitor.open("/account/keys/new").await.assert(Status::Ok);
    let send = async |name, scope, expires| {
        let fields = [("name", name), ("scope", scope), ("expires", expires)];
        visitor.submit("/account/keys", &fields).await
    };
    let wrong = send("", "write", "2000-01-01").await;
    wrong.assert(Status::BadRequest);
    assert_eq!(wrong.element("name-error").text, "This is required.");
    assert!(wrong.element("expires-error").text.contains("in the past"), "{}", wrong.text);
    let chosen = |e: &&crate::support::page::Element| e.tag == "option" && e.has("selected");
    assert_eq!(wrong.elements().iter().find(chosen).unwrap().get("value"), Some("write"));

    let key = secret(&send("nightly <i>report", "read", "2099-12-31").await);
    let script = ann.bearing(&*key);
    script.get("/auth/user").await.assert(Status::Ok);
    assert!(app.dump().iter().all(|row| !row.contains(&key)));
    let page = visitor.open("/account").await;
    assert!(!page.text.contains(&key), "{}", page.text);
    assert!(page.elements().iter().any(|e| e.text == "nightly <i>report"), "{}", page.text);
    let twice = send("nightly <i>report", "read", "").await;
    assert!(!twice.assert(Status::Conflict).element("name").get("value").unwrap().is_empty());
    // A reload of the address that the form was sent to.
    let reload = visitor.open("/account/keys").await;
    assert_eq!(reload.assert(Status::SeeOther).leads_to("/account/keys"), "/account");

    let visitor = visitor.saying("Host", "here.example");
    let fields = [("name", "phone"), ("scope", "calendar"), ("expires", "")];
    let address = secret(&visitor.submit("/account/keys", &fields).await);
    let path = address.strip_prefix("http://here.example").unwrap();
    app.visitor().open(path).await.assert(Status::Ok);

    let keys = ann.get("/auth/keys").await;
    let id = keys.body["items"][0]["id"].as_str().unwrap().to_owned();
    let revoke = format!("/account/keys/{id}/revoke");
    let question = visitor.open(&revoke).await;
    assert!(question.assert(Status::Ok).elements().iter().any(|e| e.text == "nightly <i>report"));
    app.user("bob").await.in_a_browser().open(&revoke).await.assert(Status::NotFound);
    saved(&visitor, &revoke, &visitor.submit(&revoke, &[]).await).await;
    script.get("/auth/user").await.assert(Status::Unauthorized);
    visitor.submit(&revoke, &[]).await.assert(Status::NotFound);
    assert_eq!(visitor.open(&revoke).await.status, Status::NotFound);
}

#[rocket::async_test]
async fn account_sessions_end_one_by_one_or_all_at_once() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (visitor, other, third) = (ann.in_a_browser(), ann.again().await, ann.again().await);
    let sessions = other.get("/auth/sessions").await;
    let items = sessions.body["items"].as_array().unwrap();
    let id = items.iter().find(|item| item["current"] == true).unwrap()["id"].as_str().unwrap();
    let page = visitor.open("/account").await;
    let rows = page.elements().into_iter().filter(|e| e.tag == "li");
    let ids: Vec<_> = rows.filter_map(|e| e.get("id").map(str::to_owned)).collect();
    let session = format!("session-{id}");
    assert!(ids.contains(&session), "{ids:?}");
    assert_ne!(ids.iter().find(|id| id.starts_with("session-")), Some(&session), "here is first");

    let form = format!("/account/sessions/{id}/end");
    saved(&visitor, &form, &visitor.submit(&form, &[]).await).await;
    other.get("/auth/user").await.assert(Status::Unauthorized);
    third.get("/auth/user").await.assert(Status::Ok);
    assert_eq!(visitor.open(&form).await.leads_to(&form), "/account");

    visitor.open("/account/sign-out").await.assert(Status::Ok);
    let answer = visitor.submit("/account/sign-out", &[]).await;
    let login = answer.assert(Status::SeeOther).leads_to("/account/sign-out");
    assert_eq!(login, "/login?notice=logged-out");
    assert_eq!(answer.set_cookie().unwrap().value, "");
    for actor in [&third, &ann] {
        actor.get("/auth/user").await.assert(Status::Unauthorized);
    }
}

#[rocket::async_test]
async fn account_is_deleted_with_its_password() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let visitor = ann.in_a_browser();
    visitor.open("/account/delete").await.assert(Status::Ok);
    for (password, why) in
        [("", "This is required."), ("not the password", "This is not the account's password.")]
    {
        let wrong = visitor.submit("/account/delete", &[("password", password)]).await;
        wrong.assert(Status::BadRequest);
        assert_eq!(wrong.element("password-error").text, why);
        assert_eq!(wrong.element("password").get("value"), Some(""));
    }
    let answer = visitor.submit("/account/delete", &[("password", PASSWORD)]).await;
    let login = answer.assert(Status::SeeOther).leads_to("/account/delete");
    let page = app.visitor().open(&login).await;
    assert!(page.text.contains("Your account is deleted."), "{}", page.text);
    assert_eq!(answer.set_cookie().unwrap().value, "");
    ann.log_in(PASSWORD).await.assert(Status::Unauthorized);

    let admin = app.admin().await.in_a_browser();
    let refused = admin.submit("/account/delete", &[("password", PASSWORD)]).await;
    assert!(refused.assert(Status::Conflict).text.contains("The last administrator"));
}

/// The theme of a page.
fn theme(page: &Answer) -> Option<String> {
    let html = page.elements().into_iter().find(|e| e.tag == "html").unwrap();
    html.get("data-theme").map(str::to_owned)
}

#[rocket::async_test]
async fn account_theme_is_kept_by_the_browser() {
    let app = TestApp::new().await;
    let ann: Actor<'_> = app.user("ann").await;
    let visitor = ann.in_a_browser();
    assert_eq!(theme(&visitor.open("/account").await), None);
    let before = app.dump();
    for (chosen, shown) in [("dark", Some("dark")), ("light", Some("light")), ("system", None)] {
        let answer = visitor.submit("/account/theme", &[("theme", chosen)]).await;
        assert_eq!(
            answer.assert(Status::SeeOther).leads_to("/account/theme"),
            "/account#choose-theme"
        );
        let mut cookies =
            answer.headers.iter().filter(|(name, _)| name == "set-cookie" || name == "Set-Cookie");
        let (_, cookie) = cookies.find(|(_, value)| value.contains("-theme=")).unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let keeping = visitor.saying("Cookie", pair);
        for path in ["/account", "/tasks", "/nothing"] {
            assert_eq!(theme(&keeping.open(path).await).as_deref(), shown, "{path}");
        }
        // The colour of the browser's own frame goes with it.
        let page = keeping.open("/tasks").await;
        let colours = page.elements().into_iter().filter(|e| e.get("name") == Some("theme-color"));
        let conditions: Vec<_> = colours.map(|e| e.get("media").unwrap().to_owned()).collect();
        assert_eq!(conditions.len(), if shown.is_some() { 1 } else { 2 }, "{conditions:?}");
        assert_eq!(conditions[0] == "all", shown.is_some());
        let nobody = app.visitor().saying("Cookie", pair).open("/login").await;
        assert_eq!(theme(&nobody).as_deref(), shown);
    }
    visitor.submit("/account/theme", &[("theme", "pink")]).await.assert(Status::BadRequest);
    let name = format!("{}-theme", app.cookie_name);
    let forged = visitor.saying("Cookie", &format!("{name}=x\"onclick"));
    assert_eq!(theme(&forged.open("/account").await), None);
    assert!(app.dump() == before, "the theme is the browser's");
}

/// The keys that a page has for links and fields, and whether keys are shortcuts at all.
fn keys(page: &Answer) -> (Vec<String>, bool) {
    let elements = page.elements();
    let keys = elements.iter().filter_map(|element| element.get("aria-keyshortcuts"));
    let html = elements.iter().find(|element| element.tag == "html").unwrap();
    (keys.map(str::to_owned).collect(), html.has("data-shortcuts"))
}

#[rocket::async_test]
async fn account_shortcuts_are_switched_off_in_the_browser() {
    let app = TestApp::new().await;
    let admin = app.admin().await.in_a_browser();
    let expected = |keys: &[&str]| (keys.iter().map(|key| (*key).to_owned()).collect(), true);
    // The search and the new task of the bar, what is new on the page, the search of small screens.
    for page in ["/widgets", "/templates", "/people"] {
        assert_eq!(keys(&admin.open(page).await), expected(&["/", "n", "n", "/"]), "{page}");
    }
    let ann = app.user("ann").await.in_a_browser();
    assert_eq!(keys(&ann.open("/widgets").await), expected(&["/", "/"]));
    assert_eq!(keys(&ann.open("/templates").await), expected(&["/", "n", "/"]));

    let answer = admin.submit("/account/shortcuts", &[("shortcuts", "off")]).await;
    assert_eq!(
        answer.assert(Status::SeeOther).leads_to("/account/shortcuts"),
        "/account#choose-shortcuts"
    );
    let mut cookies = answer.headers.iter().map(|(_, value)| value);
    let cookie = cookies.find(|value| value.contains("-shortcuts=")).unwrap();
    let keeping = admin.saying("Cookie", cookie.split(';').next().unwrap());
    for page in ["/widgets", "/account", "/nothing"] {
        let page = keeping.open(page).await;
        assert_eq!(keys(&page), (vec![], false));
        assert!(page.text.contains("They are off."), "{}", page.text);
    }
    assert_eq!(keys(&app.visitor().open("/login").await), (vec![], false));
    let maybe = admin.submit("/account/shortcuts", &[("shortcuts", "maybe")]).await;
    maybe.assert(Status::BadRequest);
}
