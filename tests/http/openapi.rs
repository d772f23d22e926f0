//! The OpenAPI document names every mounted route and exactly the statuses that can be provoked.
//! The actors of `support` compare every answer of every test with it.

use std::collections::{BTreeMap, BTreeSet};

use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};
use rocket::http::{ContentType, Status};
use serde_json::{Value, json};
use widgetd::domain::Role;

use crate::support::{
    Actor, Answer, FORM, PASSWORD, TestApp, form, is_for_people, widget, with_body,
};

/// `GET /widgets/{name}` and the statuses it documents.
type Operations = BTreeMap<String, BTreeSet<u16>>;

fn documented(document: &Value) -> Operations {
    let mut operations = Operations::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let base =
            item["servers"][0]["url"].as_str().or(document["servers"][0]["url"].as_str()).unwrap();
        for (method, operation) in
            item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers")
        {
            let statuses = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .map(|s| s.parse().unwrap())
                .collect();
            operations.insert(
                format!("{} {}{path}", method.to_uppercase(), base.trim_end_matches('/')),
                statuses,
            );
        }
    }
    operations
}

#[rocket::async_test]
async fn openapi_document_names_no_key_twice() {
    let app = TestApp::new().await;
    let text = app.client.get("/api/v1/openapi.json").dispatch().await.into_string().await.unwrap();
    // Parsing drops the first of two equal keys, which Swagger UI refuses.
    let parsed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed.to_string().len(), text.len());
}

#[rocket::async_test]
async fn openapi_names_the_mounted_routes_and_no_other() {
    let app = TestApp::new().await;
    let mounted: BTreeSet<String> = app
        .routes()
        .filter(|route| !is_for_people(route))
        .map(|route| {
            format!("{} {}", route.method, route.uri.path().replace('<', "{").replace('>', "}"))
        })
        .collect();
    let documented: BTreeSet<String> = documented(app.document()).into_keys().collect();
    assert_eq!(documented, mounted);
}

const WIDGETS: &str = "name,info_url,deadline\nimported,https://example.com,2099-12-31\n";

/// The statuses that were seen of each operation.
struct Seen<'a> {
    app: &'a TestApp,
    statuses: Operations,
    /// The messages of each operation and status.
    messages: BTreeMap<(String, u16), BTreeSet<String>>,
}

/// Whether both are the same but for a name, a number or a unit in them.
fn is_like(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (mut one, mut other) = (words(one), words(other));
    let start = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    (one, other) = (one.split_off(start), other.split_off(start));
    let is_same = |(one, other): &(&String, &String)| one == other;
    let end = one.iter().rev().zip(other.iter().rev()).take_while(is_same).count();
    one.len() == end && other.len() == end
        || start + end > 1 && one.len() - end <= 2 && other.len() - end <= 2
}

impl Seen<'_> {
    async fn send(&mut self, actor: &Actor<'_>, method: Method, path: &str, body: &str) -> Answer {
        let content_type =
            if path.contains("/import") { ContentType::CSV } else { ContentType::Form };
        let content_type = (!body.is_empty()).then_some(content_type);
        self.send_as(actor, method, path, content_type, body).await
    }

    async fn send_as(
        &mut self,
        actor: &Actor<'_>,
        method: Method,
        path: &str,
        content_type: Option<ContentType>,
        body: &str,
    ) -> Answer {
        let answer = actor.send(method, path, content_type, body).await;
        let template = self.app.documented_path(path).unwrap();
        self.note(&format!("{method} /api/v1{template}"), answer.status.code);
        if let Some(message) = answer.body["message"].as_str() {
            let place = (format!("{method} {template}"), answer.status.code);
            self.messages.entry(place).or_default().insert(message.to_owned());
        }
        answer
    }

    /// Fails if an example has a message that the operation does not answer with the status.
    fn assert_examples_have_real_messages(&self) {
        let (mut count, mut wrong) = (0, Vec::new());
        for ((operation, status), seen) in &self.messages {
            let (method, path) = operation.split_once(' ').unwrap();
            let operation_of = &self.app.document()["paths"][path][method.to_lowercase()];
            let content = &operation_of["responses"][status.to_string()]["content"];
            let message = content["application/json"]["example"]["message"].as_str();
            let message = message.unwrap_or_else(|| panic!("{operation} {status} {seen:?}"));
            if !seen.iter().any(|real| is_like(message, real)) {
                wrong.push(format!("{operation} {status} answers not {message:?}, but {seen:?}"));
            }
            count += 1;
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(count > 200, "{count}");
    }

    fn note(&mut self, operation: &str, status: u16) {
        self.statuses.entry(operation.to_owned()).or_default().insert(status);
    }

    /// What operations of one kind answer alike.
    async fn provoke_what_is_common(
        &mut self,
        admin: &Actor<'_>,
        nobody: &Actor<'_>,
        account: &str,
    ) {
        // Over every body limit.
        let large = "x".repeat(400_000);
        for operation in documented(self.app.document()).into_keys() {
            let Some((method, path)) = operation.split_once(" /api/v1") else { continue };
            let method: Method = method.parse().unwrap();
            let path = path
                .replace("{name}", "one")
                .replace("{public_id}", account)
                .replace("{id}", "none");
            if method == Get {
                self.send_as(admin, method, &path, None, "x").await;
            } else {
                self.send(admin, method, &path, "nobody=asked").await;
                self.send(admin, method, &path, &large).await;
                self.send_as(admin, method, &path, Some(ContentType::Plain), "x").await;
            }
            let template = self.app.documented_path(&path).unwrap();
            let operation = &self.app.document()["paths"][template][method.as_str().to_lowercase()];
            if operation.get("security").is_some() {
                self.send(nobody, method, &path, "").await;
            }
        }
    }

    /// What widgets answer.
    async fn provoke_widgets(&mut self, admin: &Actor<'_>, ann: &Actor<'_>) {
        let (new, changed) = (form(&widget("two")), form(&widget("x")[1..]));
        let requests: &[(&Actor<'_>, Method, &str, &str)] = &[
            (ann, Get, "/widgets", ""),
            (admin, Post, "/widgets", &new),
            (admin, Post, "/widgets", &new),
            (ann, Post, "/widgets", &new),
            (admin, Post, "/widgets/import", WIDGETS),
            (ann, Post, "/widgets/import", WIDGETS),
            (ann, Get, "/widgets/one", ""),
            (ann, Get, "/widgets/none", ""),
            (ann, Get, "/widgets/one/history", ""),
            (ann, Get, "/widgets/none/history", ""),
            (admin, Put, "/widgets/one", &changed),
            (admin, Put, "/widgets/three", &changed),
            (ann, Put, "/widgets/one", &changed),
            (admin, Patch, "/widgets/one", "info_url=https%3A%2F%2Fexample.com"),
            (admin, Patch, "/widgets/one", "name=two"),
            (admin, Patch, "/widgets/none", "name=two"),
            (ann, Patch, "/widgets/one", "name=two"),
            (ann, Delete, "/widgets/one", ""),
            (admin, Delete, "/widgets/one", ""),
            (admin, Delete, "/widgets/one", ""),
        ];
        for (actor, method, path, body) in requests {
            self.send(actor, *method, path, body).await;
        }
    }

    /// What a condition does.
    async fn provoke_conditions(
        &mut self,
        admin: &Actor<'_>,
        reads: &[&str],
        writes: &[(Method, &str)],
    ) {
        for path in reads {
            let tag = admin.get(path).await.etag();
            let answer = admin.send_if(Get, path, ("If-None-Match", &tag), &[]).await;
            let template = self.app.documented_path(path).unwrap();
            self.note(&format!("GET /api/v1{template}"), answer.status.code);
        }
        for (method, path) in writes {
            let fields: &[(&str, &str)] = match *method {
                Delete if *path == "/auth/user" => &[("password", PASSWORD)],
                Delete => &[],
                _ if path.starts_with("/auth") => &[("username", "boss")],
                _ if path.starts_with("/users") => &[("role", "manager")],
                _ if path.starts_with("/templates") => &[("body", "text")],
                _ if path.starts_with("/tasks") => &[("title", "x")],
                _ => &widget("x")[1..],
            };
            let answer =
                admin.send_if(*method, path, ("If-Match", "\"0000000000000000\""), fields).await;
            let template = self.app.documented_path(path).unwrap();
            self.note(&format!("{method} /api/v1{template}"), answer.status.code);
        }
    }

    /// What is particular to tasks.
    async fn provoke_tasks(&mut self, admin: &Actor<'_>, ann: &Actor<'_>) {
        let task = admin.post("/tasks", &[("title", "one"), ("assignee", &ann.email)]).await;
        let task = format!("/tasks/{}", task.body["id"].as_str().unwrap());
        let history = format!("{task}/history");
        let reads = ["/tasks", &*task, &history];
        self.provoke_conditions(admin, &reads, &[(Patch, &task), (Delete, &task)]).await;
        for (actor, method, path, body) in [
            (ann, Get, "/tasks", ""),
            (admin, Post, "/tasks", "title=two"),
            (ann, Post, "/tasks", "title=two"),
            (admin, Post, "/tasks/import", "title\ntwo\n"),
            (ann, Post, "/tasks/import", "title\ntwo\n"),
            (ann, Get, &task, ""),
            (ann, Get, "/tasks/none", ""),
            (ann, Get, &history, ""),
            (ann, Get, "/tasks/none/history", ""),
            (ann, Patch, &task, "status=done"),
            (ann, Patch, &task, "status=cancelled"),
            (ann, Patch, &task, "title=two"),
            (ann, Patch, "/tasks/none", "status=done"),
            (ann, Delete, &task, ""),
            (admin, Delete, &task, ""),
            (admin, Delete, &task, ""),
        ] {
            self.send(actor, method, path, body).await;
        }
    }

    /// Requests that need a value of an earlier answer.
    async fn provoke_what_is_particular(&mut self, admin: &Actor<'_>, bob: &Actor<'_>) {
        let path = format!("/users/{}/reset-code", self.app.find(&bob.email).await.public_id);
        let bob = bob.again().await;
        let reads = bob.key("r", "read").await;
        self.provoke_templates(&bob, &reads).await;
        let first = async |list: &str| {
            bob.get(list).await.body["items"][0]["id"].as_str().unwrap().to_owned()
        };
        self.send(&reads, Post, "/auth/logout", "").await;
        self.send(&bob, Delete, &format!("/auth/keys/{}", first("/auth/keys").await), "").await;
        self.send(&bob, Delete, &format!("/auth/sessions/{}", first("/auth/sessions").await), "")
            .await;
        self.send(&bob.again().await, Post, "/auth/logout", "").await;
        self.send(&bob.again().await, Delete, "/auth/sessions", "").await;
        let code = self.send(admin, Post, &path, "").await;
        let reset =
            form(&[("code", code.body["code"].as_str().unwrap()), ("new_password", PASSWORD)]);
        self.send(&self.app.anon(), Post, "/auth/reset", &reset).await;
    }

    /// What somebody does with templates of their own.
    async fn provoke_templates(&mut self, ann: &Actor<'_>, reads: &Actor<'_>) {
        self.send(ann, Post, "/templates", "name=one&body=text").await;
        let paths = ["/templates", "/templates/one", "/templates/one/history"];
        let writes = [(Patch, "/templates/one"), (Delete, "/templates/one")];
        self.provoke_conditions(ann, &paths, &writes).await;
        for (actor, method, path, body) in [
            (ann, Post, "/templates", "name=one&body=text"),
            (ann, Post, "/templates", "name=two&body=text"),
            (reads, Post, "/templates", "name=three&body=text"),
            (ann, Get, "/templates", ""),
            (ann, Get, "/templates/one", ""),
            (ann, Get, "/templates/none", ""),
            (ann, Get, "/templates/one/history", ""),
            (ann, Get, "/templates/none/history", ""),
            (ann, Patch, "/templates/one", "body=other"),
            (ann, Patch, "/templates/one", "name=two"),
            (ann, Patch, "/templates/none", "body=other"),
            (reads, Patch, "/templates/one", "body=other"),
            (reads, Delete, "/templates/one", ""),
            (ann, Delete, "/templates/two", ""),
            (ann, Delete, "/templates/none", ""),
        ] {
            self.send(actor, method, path, body).await;
        }
    }

    /// The same key on every create that takes one.
    async fn provoke_422(&mut self, admin: &Actor<'_>) {
        for (path, body) in [
            ("/tasks", "title=one"),
            ("/tasks", "title=two"),
            ("/templates", "name=x&body=x"),
            ("/users", "email=x@example.com&password=tinker+tailor+soldier"),
            ("/widgets", "name=x"),
            ("/widgets/import", WIDGETS),
            ("/tasks/import", "title\none\n"),
        ] {
            let content_type = if path.ends_with("/import") { "text/csv" } else { FORM };
            let headers = [("Content-Type", content_type), ("Idempotency-Key", "k")];
            let answer = admin.send_with(Post, path, &headers, body).await;
            self.note(&format!("POST /api/v1{path}"), answer.status.code);
        }
    }

    /// Answers to browsers: redirects, and 403 of cross-site requests.
    async fn provoke_pages(&mut self, admin: &Actor<'_>) {
        let leaver = self.app.user("visitor").await.in_a_browser();
        let stranger = self.app.visitor().saying("Sec-Fetch-Site", "cross-site");
        let code_path =
            format!("/users/{}/reset-code", self.app.find("visitor@example.com").await.public_id);
        let code = admin.post(&code_path, &[]).await.body["code"].as_str().unwrap().to_owned();
        let account = [("email", "new@example.com"), ("password", PASSWORD)];
        let reset = [("code", code.as_str()), ("new_password", PASSWORD)];
        for (visitor, path, fields) in [
            (&self.app.visitor(), "/auth/register", &account[..]),
            (&self.app.visitor(), "/auth/login", &account),
            (&leaver, "/auth/logout", &[]),
            (&stranger, "/auth/reset", &reset),
            (&self.app.visitor(), "/auth/reset", &reset),
        ] {
            let status = visitor.submit(&format!("/api/v1{path}"), fields).await.status.code;
            self.note(&format!("POST /api/v1{path}"), status);
        }
    }

    /// One stream of events more than an account may have.
    async fn provoke_streams(&mut self, admin: &Actor<'_>) {
        let mut open = Vec::new();
        let token = format!("Bearer {}", admin.token.as_ref().unwrap());
        for _ in 0..17 {
            let request = self.app.client.get("/api/v1/audit/events");
            let request = request.header(rocket::http::Header::new("Authorization", token.clone()));
            open.push(request.dispatch().await);
        }
        let refused = open.pop().unwrap();
        assert_eq!(open.last().unwrap().status().code, 200);
        self.note("GET /api/v1/audit/events", refused.status().code);
    }

    /// What the root and the document answer, and what another setting does.
    async fn provoke_elsewhere(&mut self) {
        for path in ["/", "/healthz", "/healthz/live", "/healthz/ready"] {
            for body in ["", "x"] {
                let request = with_body(self.app.client.get(path), body);
                let status = request.dispatch().await.status();
                self.note(&format!("GET {path}"), status.code);
            }
        }
        for path in ["/ui", "/swagger.json", "/openapi.json"] {
            self.send(&self.app.anon(), Get, path, "").await;
        }
        let closed = TestApp::with(&[("registration", "closed")]).await;
        let refused = closed.anon().post("/auth/register", &[]).await.status.code;
        self.note("POST /api/v1/auth/register", refused);
    }

    /// What making the first administrator answers, on the machine itself and elsewhere.
    async fn provoke_setup(&mut self) {
        let app = TestApp::with(&[("throttle", "true")]).await;
        app.user("ann").await;
        let (elsewhere, here) = (app.anon(), app.anon().from("127.0.0.1"));
        let set_up =
            |code, email| form(&[("code", code), ("email", email), ("password", PASSWORD)]);
        let wrong = set_up("abcd-efgh-ijkl-mnop", "boss@example.com");
        let taken = set_up(app.setup_code.reveal(), "ann@example.com");
        let right = set_up(app.setup_code.reveal(), "boss@example.com");
        let large = "x".repeat(400_000);
        let mut requests = vec![
            (&elsewhere, ContentType::Form, &right),
            (&here, ContentType::Form, &large),
            (&here, ContentType::Plain, &right),
            (&here, ContentType::Form, &taken),
            (&here, ContentType::Form, &right),
        ];
        let visited = TestApp::new().await;
        let visitor = visited.anon().from("127.0.0.1").in_a_browser();
        let setup = [
            ("code", visited.setup_code.reveal()),
            ("email", "boss@example.com"),
            ("password", PASSWORD),
        ];
        let status = visitor.submit("/api/v1/auth/setup", &setup).await.status.code;
        self.note("POST /api/v1/auth/setup", status);
        requests.extend((0..51).map(|_| (&here, ContentType::Form, &wrong)));
        for (actor, content_type, body) in requests {
            let answer = actor.send(Post, "/auth/setup", Some(content_type), body).await;
            self.note("POST /api/v1/auth/setup", answer.status.code);
        }
    }

    /// Rate limits.
    async fn provoke_429(&mut self, admin: &Actor<'_>, ann: &Actor<'_>, writer: &Actor<'_>) {
        let nobody = self.app.anon();
        let manager = self.app.user_of("manager", Role::Manager).await;
        let wrong = form(&[("email", &ann.email), ("password", "wrong")]);
        let calendar = admin.key("calendar", "calendar").await.token.unwrap();
        let calendar = format!("/calendar.ics?key={calendar}");
        let tries: [(&Actor<'_>, Method, &str, &str); 27] = [
            (&nobody, Post, "/auth/login", &wrong),
            (
                &nobody,
                Post,
                "/auth/register",
                &form(&[("email", &ann.email), ("password", PASSWORD)]),
            ),
            (
                &ann.from("192.0.2.3"),
                Post,
                "/auth/password",
                "current_password=wrong&new_password=tinker+tailor",
            ),
            (&ann.from("192.0.2.4"), Delete, "/auth/user", "password=wrong"),
            (
                &nobody.from("192.0.2.5"),
                Post,
                "/auth/reset",
                "code=abcdefghijklmnop&new_password=tinker+tailor",
            ),
            (writer, Patch, "/auth/user", "username=writer"),
            (writer, Post, "/auth/logout", ""),
            (writer, Delete, "/auth/sessions", ""),
            (writer, Delete, "/auth/sessions/none", ""),
            (writer, Post, "/auth/keys", "name=new&scope=read"),
            (writer, Delete, "/auth/keys/none", ""),
            (writer, Post, "/templates", "name=new&body=text"),
            (writer, Patch, "/templates/new", "body=text"),
            (writer, Delete, "/templates/new", ""),
            (writer, Patch, "/tasks/none", "status=done"),
            (&manager, Post, "/tasks", ""),
            (&manager, Post, "/tasks/import", ""),
            (&manager, Delete, "/tasks/none", ""),
            (writer, Get, "/widgets?q=a", ""),
            (writer, Get, "/tasks?q=a", ""),
            (writer, Get, "/templates?q=a", ""),
            (admin, Get, "/users?q=a", ""),
            (admin, Get, "/people?q=a", ""),
            (admin, Get, "/search?q=a", ""),
            (admin, Get, &calendar, ""),
            (admin, Get, "/audit?action=session.start", ""),
            (admin, Get, "/audit/events", ""),
        ];
        for (actor, method, path, body) in tries {
            let mut tries = 0;
            while self.send(actor, method, path, body).await.status.code != 429 {
                tries += 1;
                assert!(tries < 1_000, "{method} {path} may be tried for ever");
            }
        }
    }
}

#[rocket::async_test]
async fn openapi_documents_exactly_the_statuses_that_each_operation_answers() {
    let app = TestApp::with(&[("throttle", "true"), ("limits", "{csv=300000}")]).await;
    let mut seen = Seen { app: &app, statuses: Operations::new(), messages: BTreeMap::new() };
    let (admin, ann, nobody) = (app.admin().await, app.user("ann").await, app.anon());
    let (ann_reads, admin_reads) = (ann.key("r", "read").await, admin.key("r", "read").await);
    let gone = app.user("gone").await;
    app.set_status(&gone, widgetd::domain::Status::Disabled).await;
    let target = app.user("target").await;
    let target_id = target.public_id().await.to_string();
    admin.add_widget("one").await;

    seen.provoke_what_is_common(&admin, &nobody, &target_id).await;
    // What is particular to one.
    let account =
        |name: &str| form(&[("email", &format!("{name}@example.com")), ("password", PASSWORD)]);
    let wrong = form(&[("email", "ann@example.com"), ("password", "wrong")]);
    let new_password =
        |current| form(&[("current_password", current), ("new_password", "tinker tailor soldier")]);
    let target_path = format!("/users/{target_id}");
    let admin_path = format!("/users/{}", admin.public_id().await);
    let calendar = ann.key("calendar", "calendar").await.token.unwrap();
    let calendar = format!("/calendar.ics?key={calendar}");
    let reads = format!("/calendar.ics?key={}", ann_reads.token.as_ref().unwrap());
    let tag = nobody.get(&calendar).await.etag();
    let unchanged = nobody.send_if(Get, &calendar, ("If-None-Match", &tag), &[]).await;
    seen.note("GET /api/v1/calendar.ics", unchanged.status.code);
    // No other read takes a calendar key.
    let key = app.anon().bearing(calendar.split_once('=').unwrap().1);
    for (operation, statuses) in documented(app.document()) {
        let Some(path) = operation.strip_prefix("GET /api/v1") else { continue };
        if statuses.contains(&403) && path != "/calendar.ics" {
            let status = key.get(&path.replace(['{', '}'], "")).await.status.code;
            seen.note(&operation, status);
        }
    }
    let absent = "/users/00000000-0000-4000-8000-000000000000";
    let requests: &[(&Actor<'_>, Method, &str, &str)] = &[
        (&nobody, Post, "/auth/register", &account("bob")),
        (&nobody, Post, "/auth/register", &account("ann")),
        (&nobody, Post, "/auth/login", &account("bob")),
        (&nobody, Post, "/auth/login", &wrong),
        (&nobody, Post, "/auth/login", &account("gone")),
        (&ann, Get, "/auth/user", ""),
        (&ann, Patch, "/auth/user", "username=ann"),
        (&admin, Patch, "/auth/user", "username=ANN"),
        (&ann_reads, Patch, "/auth/user", "username=ann"),
        (&ann, Get, "/auth/sessions", ""),
        (&ann, Delete, "/auth/sessions/00000000-0000-4000-8000-000000000000", ""),
        (&ann_reads, Delete, "/auth/sessions/none", ""),
        (&ann_reads, Delete, "/auth/sessions", ""),
        (&ann, Post, "/auth/keys", "name=new&scope=read"),
        (&ann, Post, "/auth/keys", "name=new&scope=read"),
        (&ann_reads, Post, "/auth/keys", "name=newer&scope=read"),
        (&ann, Get, "/auth/keys", ""),
        (&ann, Delete, "/auth/keys/00000000-0000-4000-8000-000000000000", ""),
        (&ann_reads, Delete, "/auth/keys/none", ""),
        (&ann_reads, Post, "/auth/password", &new_password(PASSWORD)),
        (&ann, Post, "/auth/password", &new_password(PASSWORD)),
        (&ann_reads, Delete, "/auth/user", ""),
        (&admin, Delete, "/auth/user", &form(&[("password", PASSWORD)])),
        (&admin, Get, "/users", ""),
        (&ann, Get, "/users", ""),
        (&admin, Get, "/people", ""),
        (&ann, Get, "/search?q=a", ""),
        (&nobody, Get, &calendar, ""),
        (&nobody, Get, "/calendar.ics", ""),
        (&nobody, Get, &format!("{calendar}&x=1"), ""),
        (&nobody, Get, &reads, ""),
        (&ann, Get, "/people", ""),
        (&admin, Post, "/users", &account("eve")),
        (&admin, Post, "/users", &account("eve")),
        (&ann, Post, "/users", &account("eve")),
        (&admin, Get, &target_path, ""),
        (&ann, Get, &target_path, ""),
        (&admin, Get, absent, ""),
        (&admin, Patch, &target_path, "role=manager"),
        (&admin_reads, Patch, &target_path, "role=manager"),
        (&ann, Patch, &target_path, "role=manager"),
        (&admin, Patch, absent, "role=manager"),
        (&admin, Patch, &admin_path, "role=manager"),
        (&admin, Post, &format!("{target_path}/reset-code"), ""),
        (&admin_reads, Post, &format!("{target_path}/reset-code"), ""),
        (&admin, Post, &format!("{absent}/reset-code"), ""),
        (&admin, Delete, &format!("{target_path}/sessions"), ""),
        (&admin_reads, Delete, &format!("{target_path}/sessions"), ""),
        (&ann, Delete, &format!("{target_path}/sessions"), ""),
        (&ann, Post, &format!("{target_path}/reset-code"), ""),
        (&admin, Delete, &format!("{absent}/sessions"), ""),
        (&ann, Delete, &target_path, ""),
        (&admin, Delete, &target_path, ""),
        (&admin, Delete, &target_path, ""),
        (&admin, Delete, &admin_path, ""),
        (&admin, Get, "/audit", ""),
        (&ann, Get, "/audit", ""),
        (&admin, Get, "/audit/events", ""),
        (&ann, Get, "/audit/events", ""),
    ];
    let reads = [
        "/auth/user",
        "/auth/sessions",
        "/auth/keys",
        "/users",
        "/people",
        &target_path,
        "/audit",
        "/widgets",
        "/widgets/one",
        "/widgets/one/history",
    ];
    let writes = [
        (Put, "/widgets/one"),
        (Patch, "/widgets/one"),
        (Delete, "/widgets/one"),
        (Patch, "/auth/user"),
        (Delete, "/auth/user"),
        (Patch, &target_path),
        (Delete, &target_path),
    ];
    seen.provoke_conditions(&admin, &reads, &writes).await;
    seen.provoke_tasks(&admin, &ann).await;
    seen.provoke_422(&admin).await;
    for (actor, method, path, body) in requests {
        seen.send(actor, *method, path, body).await;
    }
    seen.provoke_widgets(&admin, &ann).await;

    let bob = Actor { email: "bob@example.com".to_owned(), ..app.anon() };
    seen.provoke_what_is_particular(&admin, &bob).await;
    seen.provoke_pages(&admin).await;
    seen.provoke_streams(&admin).await;
    seen.provoke_429(&admin, &ann, &app.user("writer").await).await;
    seen.send(&bob.again().await, Delete, "/auth/user", &form(&[("password", PASSWORD)])).await;

    seen.provoke_elsewhere().await;
    seen.provoke_setup().await;

    seen.assert_examples_have_real_messages();
    let mut seen = seen.statuses;
    for (operation, statuses) in documented(app.document()) {
        let expected: BTreeSet<u16> =
            statuses.iter().copied().filter(|status| *status < 500).collect();
        assert_eq!(seen.remove(&operation).unwrap_or_default(), expected, "{operation}");
        // What asks the store can find it broken or busy, and a write can find it full; `routing` and
        // `quotas` prove that.
        let asks =
            !operation.ends_with("json") && !["GET /", "GET /healthz/live"].contains(&&*operation);
        let has = [500, 503, 507].map(|status| statuses.contains(&status));
        assert_eq!(has, [asks, asks, asks && !operation.starts_with("GET")], "{operation}");
    }
    assert!(seen.is_empty(), "{seen:?}");
}

/// What a client may send is neither more nor less than what is accepted.
#[rocket::async_test]
async fn openapi_bounds_of_parameters_are_those_of_the_service() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let document = admin.get("/openapi.json").await.body;
    let schema = |method: &str, path: &str, name: &str| {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["schema"].clone()
    };
    // The largest page.
    admin.get("/widgets?page=18446744073709551615").await.assert(Status::Ok);
    admin.get("/widgets?page=18446744073709551616").await.assert(Status::BadRequest);
    assert_eq!(schema("get", "/widgets", "page")["format"], "uint64");
    // A field of a form that nobody filled in.
    admin.get("/audit?target=").await.assert(Status::Ok);
    assert_eq!(schema("get", "/audit", "target")["minLength"], Value::Null);
    let key = schema("post", "/tasks", "Idempotency-Key");
    assert_eq!(
        key,
        json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$" })
    );
}

/// JSON's `null` is the same as a name that is left out.
#[rocket::async_test]
async fn openapi_says_which_names_of_a_login_may_be_null() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let document = admin.get("/openapi.json").await.body;
    let email = admin.get("/auth/user").await.body["email"].clone();
    let login = json!({ "email": email, "username": null, "login": null, "password": PASSWORD });
    admin.post_json("/auth/login", &login).await.assert(Status::Ok);
    for name in ["email", "username", "login"] {
        let field = &document["components"]["schemas"]["LogIn"]["properties"][name];
        assert_eq!(field["nullable"], true, "{name}");
    }
    let email = &document["components"]["schemas"]["Register"]["properties"]["email"];
    assert_eq!(email["nullable"], true);
}

#[rocket::async_test]
async fn openapi_json_and_swagger_json_are_the_same_document() {
    let app = TestApp::new().await;
    let one = app.anon().get("/swagger.json").await;
    let two = app.anon().get("/openapi.json").await;
    assert_eq!(one.text, two.text);
    assert_eq!(one.header("Content-Type"), Some("application/json"));
    assert!(one.body["openapi"].as_str().unwrap().starts_with("3."));
}

#[rocket::async_test]
async fn api_page_says_who_is_signed_in_and_login_leads_back_to_it() {
    let app = TestApp::new().await;
    let page = app.visitor().open("/api/v1/ui").await;
    assert!(page.text.contains("You are not signed in."), "{}", page.text);
    assert!(page.text.contains("../../login?next=api%2Fv1%2Fui"), "{}", page.text);
    let admin = app.admin().await;
    admin.patch("/auth/user", &[("name", "<b>Bo")]).await;
    let page = admin.in_a_browser().open("/api/v1/ui").await;
    let said = "You are signed in as <strong>&#60;b&#62;Bo</strong> (administrator).";
    assert!(page.text.contains(said) && !page.text.contains("login"), "{}", page.text);
    let ended = admin.in_a_browser();
    admin.delete("/auth/sessions").await;
    let page = ended.open("/api/v1/ui").await;
    assert!(page.text.contains("You are not signed in."), "{}", page.text);

    let login = [("email", "ann@example.com"), ("password", PASSWORD)];
    app.user("ann").await;
    for (next, leads_to) in [
        ("api/v1/ui", "/api/v1/ui"),
        ("api/v1/ui?x=1", "/api/v1/ui?x=1"),
        ("api/v1/openapi.json", "/"),
        ("api/v1/ui/x", "/"),
        ("/api/v1/ui", "/"),
        ("//example.org/api/v1/ui", "/"),
    ] {
        let path = format!("/api/v1/auth/login?{}", form(&[("next", next)]));
        let answer = app.visitor().submit(&path, &login).await;
        assert_eq!(answer.leads_to(&path), leads_to, "{next}");
    }
}

#[rocket::async_test]
async fn openapi_examples_of_tables_can_be_imported() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for path in ["/widgets/import", "/tasks/import"] {
        let body = &app.document()["paths"][path]["post"]["requestBody"]["content"]["text/csv"];
        let table = body["example"].as_str().unwrap();
        let answer = admin.send(Post, path, Some(ContentType::CSV), table).await;
        assert_eq!((answer.status.code, &answer.body["created"]), (200, &json!(1)), "{path}");
    }
}

#[rocket::async_test]
async fn openapi_documents_every_body_as_a_form_and_as_json() {
    let app = TestApp::new().await;
    let mut count = 0;
    for (path, item) in app.document()["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
            let types: Vec<_> = content.keys().map(String::as_str).collect();
            if path.ends_with("/import") {
                assert_eq!(types, ["text/csv"], "{path}");
                let description = content["text/csv"]["schema"]["description"].as_str().unwrap();
                assert!(description.contains("(required): ") && description.contains("created_at"));
                continue;
            }
            assert_eq!(types, ["application/json", "application/x-www-form-urlencoded"], "{path}");
            let [json, form] = types.as_slice() else { unreachable!() };
            assert_eq!(content[*json]["schema"], content[*form]["schema"], "{path}");
            count += 1;
        }
    }
    assert!(count >= 15, "{count}");
}

#[rocket::async_test]
async fn openapi_security_is_bearer_where_401_is_an_answer() {
    let app = TestApp::new().await;
    let document = app.document();
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&json!("http"), &json!("bearer")));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in
            item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers")
        {
            let guarded = operation["responses"].get("401").is_some() && path != "/auth/login";
            let scheme = if path == "/calendar.ics" { "calendar key" } else { "bearer" };
            let expected = json!([{ scheme: [] }]);
            assert_eq!(operation["security"] == expected, guarded, "{method} {path}");
        }
    }
}

#[rocket::async_test]
async fn openapi_examples_are_accepted_as_they_are() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let example = |name: &str| app.document()["components"]["schemas"][name]["example"].clone();
    assert_eq!(app.anon().post_json("/auth/register", &example("Register")).await.status.code, 201);
    assert_eq!(app.anon().post_json("/auth/login", &example("LogIn")).await.status.code, 200);
    assert_eq!(admin.post_json("/widgets", &example("CreateWidget")).await.status.code, 201);
    assert_eq!(admin.post_json("/templates", &example("CreateTemplate")).await.status.code, 201);
    let path = format!("/templates/{}", example("CreateTemplate")["name"].as_str().unwrap());
    let body = example("UpdateTemplate").to_string();
    assert_eq!(
        admin.send(Method::Patch, &path, Some(ContentType::JSON), body).await.status.code,
        200
    );
    let name = example("CreateWidget")["name"].as_str().unwrap().to_owned();
    for (method, schema) in [(Method::Put, "PutWidget"), (Method::Patch, "UpdateWidget")] {
        let body = example(schema).to_string();
        let answer =
            admin.send(method, &format!("/widgets/{name}"), Some(ContentType::JSON), body).await;
        assert_eq!(answer.status.code, 200, "{schema}: {}", answer.text);
    }
    let task = admin.post_json("/tasks", &example("CreateTask")).await;
    let task = format!("/tasks/{}", task.body["id"].as_str().unwrap());
    let body = example("UpdateTask").to_string();
    let answer = admin.send(Method::Patch, &task, Some(ContentType::JSON), body).await;
    assert_eq!((answer.status.code, &answer.body["status"]), (200, &json!("in_progress")));
}

#[rocket::async_test]
async fn openapi_operations_have_a_summary_a_description_and_an_id() {
    let app = TestApp::new().await;
    let mut ids = BTreeSet::new();
    for (path, item) in app.document()["paths"].as_object().unwrap() {
        for (method, operation) in
            item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers")
        {
            for key in ["summary", "description", "operationId"] {
                assert!(
                    operation[key].as_str().is_some_and(|text| !text.is_empty()),
                    "{method} {path} {key}"
                );
            }
            assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}");
        }
    }
    for id in ["list_widgets", "create_widget", "get_widget", "update_widget", "delete_widget"] {
        assert!(ids.contains(&format!("\"{id}\"")), "{id}");
    }
}
