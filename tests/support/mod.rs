//! An app to test, with a temporary folder, a fixed clock, a cheap Argon2, and actors.
//!
//! Each answer that an actor gets is compared with the OpenAPI document on its way: a status that
//! the document does not name, a body that its schema does not describe, or an error in another shape
//! than the one, fails the test.

mod endless;
pub mod page;
mod random;
pub mod schema;
mod visitor;

use std::collections::HashMap;
use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use rocket::Route;
use rocket::http::{Accept, ContentType, Header, Method, Status};
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use serde_json::Value;
use tempfile::TempDir;
use widgetd::accounts::SetupCode;
use widgetd::app;
use widgetd::clock::Clock;
use widgetd::config::Config;
use widgetd::domain::{
    Actor as Doer, PageRequest, Precondition, RequestContext, Role, Status as AccountStatus,
    Timestamp, User, UserChange, UserFilter, UserId, UserRef,
};
use widgetd::http::attach_body;
use widgetd::store::{self, OpenMode, Store};

pub use self::endless::make_the_list_of_keys_endless;
pub use self::random::{Random, sort};
pub use self::visitor::{FORM, PAGE, Visitor, resolve};

pub const PASSWORD: &str = "correct horse battery staple";

/// The address of actors, unless they have another one.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// 2026-11-21T12:00:00.500Z, a Saturday.
pub const NOON: Timestamp = Timestamp::from_millis(1_795_262_400_500);

pub struct TestApp {
    pub client: Client,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub folder: Arc<TempDir>,
    pub setup_code: SetupCode,
    /// The name of the session cookie without TLS.
    pub cookie_name: String,
    document: Arc<Value>,
}

/// The OpenAPI document for these settings. It is parsed once: that takes as long as a start.
async fn document(client: &Client, settings: &[(&str, &str)]) -> Arc<Value> {
    static DOCUMENTS: LazyLock<Mutex<HashMap<String, Arc<Value>>>> = LazyLock::new(Mutex::default);
    let key = format!("{settings:?}");
    if let Some(document) = DOCUMENTS.lock().unwrap().get(&key) {
        return Arc::clone(document);
    }
    let answer = client.get("/api/v1/openapi.json").dispatch().await;
    let document: Arc<Value> = Arc::new(answer.into_json().await.unwrap());
    DOCUMENTS.lock().unwrap().insert(key, Arc::clone(&document));
    document
}

/// A request with a body, given to it as the server does.
pub fn with_body(mut request: LocalRequest<'_>, body: impl AsRef<[u8]>) -> LocalRequest<'_> {
    let body = body.as_ref().to_owned();
    if !body.is_empty() {
        attach_body(request.inner_mut(), Cursor::new(body));
    }
    request
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With settings beside the defaults, as the environment would give them.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::start(Arc::new(TempDir::new().unwrap()), Clock::fixed(NOON), settings).await
    }

    /// Ends this app, and starts another one with the same files and the same time.
    pub async fn restart(self) -> Self {
        self.restart_with(&[]).await
    }

    /// The same, with settings.
    pub async fn restart_with(self, settings: &[(&str, &str)]) -> Self {
        self.store.close().await;
        let (folder, clock) = (Arc::clone(&self.folder), self.clock.clone());
        drop(self);
        Self::start(folder, clock, settings).await
    }

    /// A second app on copies of this one's files, at the same time.
    pub async fn copy(&self, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for file in ["widgetd.db", "widgetd.db-wal", "widgetd.db.key"] {
            let _ = std::fs::copy(self.folder.path().join(file), folder.path().join(file));
        }
        Self::start(Arc::new(folder), Clock::fixed(self.clock.now()), settings).await
    }

    async fn start(folder: Arc<TempDir>, clock: Clock, settings: &[(&str, &str)]) -> Self {
        let database = folder.path().join("widgetd.db");
        let mut figment = Config::defaults()
            .merge(("database", &database))
            .merge(("argon2_memory_kib", 64))
            .merge(("argon2_passes", 1))
            .merge(("throttle", false))
            .merge(("time_zone", "UTC"))
            .merge(("log_level", "off"));
        for (key, value) in settings {
            let value: rocket::figment::value::Value = value.parse().unwrap();
            figment = figment.merge((key, value));
        }
        let config = Config::from_figment(figment).unwrap();
        let limits = config.store.clone();
        let store = store::open(&database, OpenMode::Create, clock.clone(), limits).unwrap();
        let setup_code = SetupCode::generate().unwrap();
        let rocket = app::build(&config, Arc::clone(&store), clock.clone(), Some(&setup_code))
            .await
            .unwrap();
        let client = Client::untracked(rocket).await.unwrap();
        let document = document(&client, settings).await;
        let cookie_name = format!("widgetd-{}", &store.get_installation_id().await.unwrap()[..8]);
        Self { client, store, clock, folder, setup_code, cookie_name, document }
    }

    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    pub fn anon(&self) -> Actor<'_> {
        Actor { app: self, token: None, email: String::new(), address: ADDRESS }
    }

    /// Registers `name@example.com`.
    pub async fn user(&self, name: &str) -> Actor<'_> {
        let email = format!("{name}@example.com");
        let answer =
            self.anon().post("/auth/register", &[("email", &email), ("password", PASSWORD)]).await;
        answer.assert(Status::Created);
        Actor { token: Some(answer.token()), email, ..self.anon() }
    }

    /// Registers an account, and makes it an administrator.
    pub async fn admin(&self) -> Actor<'_> {
        let admin = self.user("admin").await;
        self.set_role(&admin, Role::Admin).await;
        admin
    }

    /// Registers an active account of that role with any registration setting, and logs it in.
    pub async fn user_of(&self, name: &str, role: Role) -> Actor<'_> {
        let email = format!("{name}@example.com");
        let register =
            self.anon().post("/auth/register", &[("email", &email), ("password", PASSWORD)]).await;
        register.assert(Status::Created);
        let actor = Actor { email, ..self.anon() };
        self.change(
            &actor,
            UserChange {
                username: None,
                name: None,
                status: Some(AccountStatus::Active),
                role: Some(role),
            },
        )
        .await;
        actor.again().await
    }

    pub async fn set_role(&self, actor: &Actor<'_>, role: Role) {
        self.change(actor, UserChange { role: Some(role), ..UserChange::default() }).await;
    }

    pub async fn set_status(&self, actor: &Actor<'_>, status: AccountStatus) {
        self.change(actor, UserChange { status: Some(status), ..UserChange::default() }).await;
    }

    async fn change(&self, actor: &Actor<'_>, change: UserChange) {
        let user = self.find(&actor.email).await;
        self.store
            .update_user(user.public_id, change, Precondition::default(), &self.cli_context())
            .await
            .unwrap();
    }

    /// The account of that name, as the store knows it.
    pub async fn find(&self, account: &str) -> User {
        self.store.get_user_by_name(&UserRef::parse(account).unwrap()).await.unwrap()
    }

    /// Everything that is in the database, row by row.
    pub fn dump(&self) -> Vec<String> {
        let database = rusqlite::Connection::open(self.folder.path().join("widgetd.db")).unwrap();
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%\\_text%' ESCAPE '\\'";
        let mut names = database.prepare(names).unwrap();
        let names: Vec<String> =
            names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut rows = Vec::new();
        for name in names {
            let mut table = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns = table.column_count();
            let mut found = table.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                let values = (0..columns).map(|n| format!("{:?}", row.get_ref(n).unwrap()));
                rows.push(format!("{name}: {}", values.collect::<Vec<_>>().join(", ")));
            }
        }
        rows
    }

    /// The request context of the command line.
    pub fn cli_context(&self) -> RequestContext {
        RequestContext::local(Doer::CommandLine, self.clock.now())
    }

    /// The documented path of an operation that a request's path belongs to.
    pub fn documented_path(&self, path: &str) -> Option<&str> {
        let path = path.split('?').next().unwrap_or_default();
        let paths = self.document["paths"].as_object().unwrap();
        let fits = |template: &str| {
            let (expected, given) = (template.split('/'), path.split('/'));
            expected.clone().count() == given.clone().count()
                && expected.zip(given).all(|(e, g)| e == g || (e.starts_with('{') && !g.is_empty()))
        };
        paths.keys().map(String::as_str).find(|template| fits(template))
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Every mounted route but the fallback.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.client.rocket().routes().filter(|route| route.name.as_deref() != Some("fallback"))
    }

    /// The path of every page. That of the setup page has the right code, those of records have the
    /// names of `records`; without any, they are left out.
    pub fn pages(&self, records: &[(&str, String)]) -> Vec<String> {
        let pages = self.routes().filter(|route| {
            let loaded =
                ["get_asset", "get_favicon", "get_manifest", "follow_changes", "get_metrics"];
            let is_loaded = loaded.iter().any(|name| route.name.as_deref() == Some(name));
            is_for_people(route) && route.method == Method::Get && !is_loaded
        });
        let named = |path: &str| {
            let (prefix, name) = records.iter().find(|(prefix, _)| path.starts_with(prefix))?;
            let (page, _) = prefix.split_once('<').unwrap();
            Some(format!("{page}{name}{}", &path[prefix.len()..]))
        };
        let pages: Vec<_> = pages
            .map(|route| route.uri.path().replace("<code>", self.setup_code.reveal()))
            .map(|path| named(&path).unwrap_or(path))
            .filter(|path| !records.is_empty() || !path.contains('<'))
            .collect();
        assert!(pages.iter().all(|path| !path.contains('<')) && pages.len() > 10, "{pages:?}");
        pages
    }

    /// A record of each kind, by what the routes of its pages begin with.
    pub async fn records(&self, admin: &Actor<'_>) -> Vec<(&'static str, String)> {
        let task = admin.post("/tasks", &[("title", "a task")]).await;
        let id_of = |answer: &Answer| {
            answer.assert(Status::Created).body["id"].as_str().unwrap().to_owned()
        };
        let key = admin.post("/auth/keys", &[("name", "a key"), ("scope", "read")]).await;
        admin.add_widget("new").await.assert(Status::Created);
        let name = "a template: 50%/?";
        let template = admin.post("/templates", &[("name", name), ("body", "text")]).await;
        template.assert(Status::Created);
        vec![
            ("/tasks/<id>", id_of(&task)),
            ("/widgets/<name>", "new".to_owned()),
            ("/templates/<name>", percent_encode(name)),
            ("/people/<id>", admin.public_id().await.to_string()),
            ("/account/keys/<id>", id_of(&key)),
        ]
    }

    /// Fails where the document does not know of an answer to a path below `/api/v1`.
    fn compare_with_document(&self, method: Method, path: &str, answer: &Answer) {
        let Some(template) = self.documented_path(path) else { return };
        let operation = &self.document["paths"][template][method.as_str().to_lowercase()];
        if operation.is_null() {
            return;
        }
        let documented = &operation["responses"][answer.status.code.to_string()];
        assert!(documented.is_object(), "{method} {template} does not document {}", answer.status);
        if answer.is_csv() {
            // The headers are those of the JSON.
            assert!(documented["content"]["text/csv"].is_object(), "{method} {template}");
            return;
        }
        let media = &documented["content"]["application/json"];
        if answer.body.is_object() && media.is_object() {
            let mut body = answer.body.clone();
            // Of a request that changes nothing.
            body.as_object_mut().and_then(|body| body.remove("dry_run"));
            let faults = schema::faults(&self.document, &media["schema"], &body);
            assert!(faults.is_empty(), "{method} {template} {}: {faults:?}", answer.status);
        }
        for name in documented["headers"].as_object().into_iter().flat_map(serde_json::Map::keys) {
            assert!(
                answer.header(name).is_some(),
                "{method} {template}: {} without {name}",
                answer.status
            );
        }
    }
}

/// What a schema of the document refers to, or itself.
pub fn resolve_schema<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
        None => schema,
    }
}

/// Whether a route is for people: a page, or what pages load. Such are not part of the document.
pub fn is_for_people(route: &Route) -> bool {
    !route.uri.path().starts_with("/api/")
        && !matches!(
            route.name.as_deref(),
            Some("greet" | "check_health" | "check_live" | "check_ready")
        )
}

/// Somebody who sends requests below `/api/v1`.
#[derive(Clone)]
pub struct Actor<'a> {
    pub app: &'a TestApp,
    pub token: Option<String>,
    pub email: String,
    pub address: IpAddr,
}

impl<'a> Actor<'a> {
    pub fn bearing(&self, token: impl Into<String>) -> Actor<'a> {
        Actor { token: Some(token.into()), ..self.clone() }
    }

    /// The same from another address.
    pub fn from(&self, address: &str) -> Actor<'a> {
        Actor { address: address.parse().unwrap(), ..self.clone() }
    }

    pub async fn public_id(&self) -> UserId {
        let user = self.get("/auth/user").await;
        UserId::parse(user.body["public_id"].as_str().unwrap()).unwrap()
    }

    pub async fn log_in(&self, password: &str) -> Answer {
        let nobody = Actor { token: None, ..self.clone() };
        nobody.post("/auth/login", &[("email", &self.email), ("password", password)]).await
    }

    /// Another session of the same account.
    pub async fn again(&self) -> Actor<'a> {
        self.bearing(self.log_in(PASSWORD).await.token())
    }

    /// An API key of the account.
    pub async fn key(&self, name: &str, scope: &str) -> Actor<'a> {
        let made = self.post("/auth/keys", &[("name", name), ("scope", scope)]).await;
        self.bearing(made.assert(Status::Created).body["key"].as_str().unwrap())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::Get, path, None, "").await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::Delete, path, None, "").await
    }

    /// As a browser sends a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::Post, path, Some(ContentType::Form), form(fields)).await
    }

    pub async fn patch(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::Patch, path, Some(ContentType::Form), form(fields)).await
    }

    pub async fn put(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::Put, path, Some(ContentType::Form), form(fields)).await
    }

    /// As HTTPie sends fields by default.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::Post, path, Some(ContentType::JSON), body.to_string()).await
    }

    pub async fn add_widget(&self, name: &str) -> Answer {
        self.post("/widgets", &widget(name)).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<ContentType>,
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let content_type = content_type.map(|content_type| content_type.to_string());
        let header = content_type.as_deref().map(|value| ("Content-Type", value));
        self.send_with(method, path, header.as_slice(), body).await
    }

    /// With a condition, `If-Match` or `If-None-Match`.
    pub async fn send_if(
        &self,
        method: Method,
        path: &str,
        condition: (&str, &str),
        fields: &[(&str, &str)],
    ) -> Answer {
        let form_type = (!fields.is_empty()).then_some(("Content-Type", FORM));
        let headers: Vec<_> = [condition].into_iter().chain(form_type).collect();
        self.send_with(method, path, &headers, form(fields)).await
    }

    /// With headers beside the token.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let request = self.app.client.req(method, format!("/api/v1{path}"));
        let mut request = with_body(request, body).header(Accept::JSON);
        request.set_remote((self.address, 50_000).into());
        if let Some(token) = &self.token {
            request.add_header(Header::new("Authorization", format!("Bearer {token}")));
        }
        for (name, value) in headers {
            request.add_header(Header::new((*name).to_owned(), (*value).to_owned()));
        }
        let answer = Answer::read(request.dispatch().await).await;
        if answer.status.code >= 400 {
            answer.assert_error_shape();
        }
        self.app.compare_with_document(method, path, &answer);
        answer
    }
}

pub fn widget(name: &str) -> [(&'static str, &str); 3] {
    [("name", name), ("info_url", "https://example.com"), ("deadline", "2026-12-31")]
}

pub fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect();
    pairs.join("&")
}

pub fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub async fn user_count(app: &TestApp) -> u64 {
    app.store.list_users(None, UserFilter::default(), PageRequest::DEFAULT).await.unwrap().total
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: Status,
    pub headers: Vec<(String, String)>,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub async fn read(response: LocalResponse<'_>) -> Self {
        let status = response.status();
        let headers = response
            .headers()
            .iter()
            .map(|header| (header.name().to_string(), header.value().to_owned()))
            .collect();
        // One that goes on has no end to wait for.
        let goes_on = response.content_type() == Some(ContentType::EventStream);
        let text = if goes_on { None } else { response.into_string().await };
        let text = text.unwrap_or_default();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    pub fn is_csv(&self) -> bool {
        self.header("Content-Type") == Some("text/csv; charset=utf-8")
    }

    /// The tag, with its quotes.
    pub fn etag(&self) -> String {
        self.header("ETag").expect("a tag").to_owned()
    }

    #[track_caller]
    pub fn assert(&self, status: Status) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn assert_message(&self, status: Status, message: &str) -> &Self {
        self.assert(status);
        assert_eq!(self.body["message"], message, "{}", self.text);
        self
    }

    /// A 400 that names exactly these fields.
    #[track_caller]
    pub fn assert_invalid(&self, fields: &[&str]) -> &Self {
        self.assert_message(Status::BadRequest, "Input payload validation failed");
        let named: Vec<_> =
            self.body["errors"].as_object().expect("errors").keys().map(String::as_str).collect();
        let mut fields = fields.to_vec();
        fields.sort_unstable();
        assert_eq!(named, fields, "{}", self.text);
        self
    }

    /// The one shape of every refusal and failure.
    #[track_caller]
    pub fn assert_error_shape(&self) {
        let body =
            self.body.as_object().unwrap_or_else(|| panic!("{}: {:?}", self.status, self.text));
        let class = if self.status.code < 500 { "fail" } else { "error" };
        assert_eq!(body["status"], class, "{}", self.text);
        assert!(
            body["message"].as_str().is_some_and(|message| !message.is_empty()),
            "{}",
            self.text
        );
        assert!(
            body.keys().all(|key| ["status", "message", "errors"].contains(&key.as_str())),
            "{}",
            self.text
        );
        assert_eq!(self.header("Content-Type"), Some("application/json"));
        assert_eq!(
            self.status == Status::Unauthorized,
            self.is_challenge() && self.status != Status::Forbidden
        );
    }

    fn is_challenge(&self) -> bool {
        self.header("WWW-Authenticate").is_some()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is given twice");
        value
    }

    pub fn token(&self) -> String {
        self.body["access_token"].as_str().expect("a token").to_owned()
    }

    /// A field of each item of a list.
    #[track_caller]
    pub fn each(&self, field: &str) -> Vec<&str> {
        let items = self.assert(Status::Ok).body["items"].as_array().expect("a list");
        items.iter().map(|item| item[field].as_str().expect("a text")).collect()
    }

    pub fn error_of(&self, field: &str) -> &str {
        self.body["errors"][field].as_str().unwrap_or_default()
    }
}
