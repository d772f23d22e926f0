//! Headers of every answer, and the files that pages load.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rocket::http::{Header, Method, Status};
use widgetd::domain::Role;

use crate::support::{Answer, FORM, PASSWORD, TestApp, Visitor, form, widget};

const LOGIN: &str = "/api/v1/auth/login";
const REGISTER: &str = "/api/v1/auth/register";

const CORS: (&str, &str) = ("cors_origins", "[\"https://ours.example\"]");

/// A year, in seconds.
const YEAR: &str = "31536000";

/// An answer of every kind, each with a description.
async fn answers(settings: &[(&str, &str)]) -> Vec<(&'static str, Answer)> {
    let app = TestApp::with(settings).await;
    let (admin, ann) = (app.user_of("root", Role::Admin).await, app.user("ann").await);
    let prefix =
        if settings.iter().any(|(name, _)| *name == "public_url") { "__Host-" } else { "" };
    let carrying = app.visitor().carrying(&format!("{prefix}{}", app.cookie_name), "dead");
    let bearing = |token: &Option<String>| {
        app.visitor().saying("Authorization", &format!("Bearer {}", token.as_ref().unwrap()))
    };
    let (bearer, of_ann) = (bearing(&admin.token), bearing(&ann.token));
    let (visitor, script) = (app.visitor(), bearer.script());
    let asset = asset_address(&visitor, "js/app.js").await;
    let send = async |visitor: &Visitor<'_>, method, path: &str, fields: &[(&str, &str)]| {
        visitor.send(method, path, Some(FORM), &form(fields)).await
    };
    let preflight = visitor
        .saying("Origin", "https://ours.example")
        .saying("Access-Control-Request-Method", "POST");
    let right = [("login", "ann@example.com"), ("password", PASSWORD)];
    let new = send(&script, Method::Post, "/api/v1/widgets", &widget("one")).await;
    let known = script.saying("If-None-Match", &script.open("/api/v1/widgets/one").await.etag());
    let mut answers = vec![
        ("200, a page for all", visitor.open("/login").await),
        ("200, a page for one", bearer.open("/widgets").await),
        ("200, the API's page", visitor.open("/api/v1/ui").await),
        ("200, the document", visitor.open("/api/v1/openapi.json").await),
        ("200, a record", script.open("/api/v1/widgets/one").await),
        ("200, a list", script.open("/api/v1/widgets").await),
        ("200, the greeting", script.open("/").await),
        ("200, a token", send(&visitor.script(), Method::Post, LOGIN, &right).await),
        ("200, an asset", visitor.open(&asset).await),
        ("200, a compressed asset", visitor.saying("Accept-Encoding", "gzip").open(&asset).await),
        ("200, an asset of before", visitor.open("/assets/before/js/app.js").await),
        ("200, HEAD of a page", visitor.send(Method::Head, "/login", None, "").await),
        ("200, HEAD of a record", script.send(Method::Head, "/api/v1/widgets/one", None, "").await),
        ("200, HEAD of an asset", visitor.send(Method::Head, &asset, None, "").await),
        ("201", new),
        ("303, to a page with a cookie", send(&visitor, Method::Post, LOGIN, &right).await),
        ("303, to log in", visitor.open("/widgets").await),
        ("303, without its cookie", carrying.open("/widgets").await),
        ("304", known.open("/api/v1/widgets/one").await),
        ("400", send(&visitor.script(), Method::Post, REGISTER, &[]).await),
        ("400, a page", send(&visitor, Method::Post, REGISTER, &[]).await),
        ("400, a page for no address", visitor.open("/<>").await),
        ("400, a read with a body", visitor.send(Method::Get, "/api/v1/widgets", None, "x").await),
        ("401", visitor.script().open("/api/v1/widgets").await),
        ("401, a page", send(&visitor, Method::Post, LOGIN, &[right[0], ("password", "x")]).await),
        ("403", send(&of_ann, Method::Post, "/api/v1/widgets", &[]).await),
        (
            "403, a page",
            send(&visitor.saying("Sec-Fetch-Site", "none"), Method::Post, LOGIN, &right).await,
        ),
        ("404", visitor.script().open("/nope").await),
        ("404, a page", visitor.open("/nope").await),
        ("404, no such file", visitor.script().open("/assets/any/none.js").await),
        ("405", send(&script, Method::Post, "/api/v1/audit", &[]).await),
        ("405, a page", send(&visitor, Method::Post, "/audit", &[]).await),
        ("405, OPTIONS", visitor.send(Method::Options, "/api/v1/widgets", None, "").await),
        ("409", send(&script, Method::Post, "/api/v1/widgets", &widget("one")).await),
        (
            "412",
            send(&script.saying("If-Match", "\"x\""), Method::Delete, "/api/v1/widgets/one", &[])
                .await,
        ),
        (
            "413",
            send(&script, Method::Post, "/api/v1/widgets", &[("name", &"x".repeat(9_000))]).await,
        ),
        ("415", visitor.script().send(Method::Post, LOGIN, Some("text/plain"), "x").await),
        ("204", send(&script, Method::Delete, "/api/v1/widgets/one", &[]).await),
    ];
    if settings.contains(&CORS) {
        answers.push((
            "204, a preflight",
            preflight.send(Method::Options, "/api/v1/widgets", None, "").await,
        ));
    }
    let mut tries = visitor.clone();
    for n in 0..11 {
        tries = tries.from(&format!("203.0.113.{n}"));
        for _ in 0..10 {
            send(&tries.script(), Method::Post, LOGIN, &[right[0], ("password", "x")]).await;
        }
    }
    answers.push(("429", send(&tries.script(), Method::Post, LOGIN, &right).await));
    answers.push(("429, a page", send(&tries, Method::Post, LOGIN, &right).await));
    let other_program = rusqlite::Connection::open(app.folder.path().join("widgetd.db")).unwrap();
    other_program.execute_batch("ALTER TABLE widget RENAME TO gone").unwrap();
    answers.push(("500", script.open("/api/v1/widgets/one").await));
    other_program.execute_batch("ALTER TABLE user RENAME TO gone_too").unwrap();
    answers.push(("500, a page", bearer.open("/widgets").await));
    app.store.close().await;
    answers.push(("503", visitor.script().open("/healthz").await));
    for (kind, answer) in &answers {
        assert_eq!(answer.header("Set-Cookie").is_some(), kind.contains("cookie"), "{kind}");
        assert!(
            kind.starts_with(&answer.status.code.to_string()),
            "{kind}: {} {}",
            answer.status,
            answer.text
        );
        let is_page = kind.contains("page") && !kind.starts_with("303") && !kind.contains("HEAD");
        assert_eq!(answer.is_page() && !answer.text.is_empty(), is_page, "{kind}: {}", answer.text);
    }
    answers
}

/// The address of an asset, as pages load it.
async fn asset_address(visitor: &Visitor<'_>, name: &str) -> String {
    let page = visitor.open("/login").await;
    let style = page.elements().into_iter().find(|e| e.get("rel") == Some("stylesheet")).unwrap();
    format!(
        "/{}",
        style.get("href").unwrap().strip_prefix("./").unwrap().replace("style.css", name)
    )
}

fn is_asset(kind: &str) -> bool {
    kind.contains("an asset") || kind.contains("compressed asset")
}

/// The sources of each directive of a policy.
fn policy(answer: &Answer) -> Vec<(String, Vec<String>)> {
    let policy = answer.header("Content-Security-Policy").expect("a policy");
    let words = policy.split(';').map(|directive| directive.split_whitespace().map(str::to_owned));
    words.map(|mut words| (words.next().expect("a directive"), words.collect())).collect()
}

#[rocket::async_test]
async fn security_headers_and_csp_stand_once_on_every_answer() {
    for settings in [
        &[("throttle", "true")][..],
        &[("throttle", "true"), ("public_url", "\"https://example.org/\"")],
    ] {
        let is_https = settings.len() > 1;
        for (kind, answer) in answers(settings).await {
            let mut names: Vec<_> =
                answer.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{kind}: {:?}", answer.headers);
            for (name, value) in [
                ("X-Content-Type-Options", Some("nosniff")),
                ("Referrer-Policy", Some("same-origin")),
                ("Cross-Origin-Opener-Policy", Some("same-origin")),
                ("Cross-Origin-Resource-Policy", Some("same-origin")),
                ("Strict-Transport-Security", is_https.then_some("max-age=31536000")),
                ("Access-Control-Allow-Origin", None),
            ] {
                assert_eq!(answer.header(name), value, "{kind}: {name}");
            }
            assert_policy(kind, &answer);
            let has_type = answer.header("Content-Type").is_some();
            assert!(has_type || answer.text.is_empty(), "{kind}: {:?}", answer.headers);
            let cache = answer.header("Cache-Control").unwrap();
            match kind {
                "200, an asset of before" => assert_eq!(cache, "no-cache"),
                _ if is_asset(kind) => {
                    assert_eq!(cache, format!("public, max-age={YEAR}, immutable"));
                }
                _ => assert_eq!(cache, "no-store", "{kind}"),
            }
        }
    }
}

#[rocket::async_test]
async fn cors_headers_stand_once_on_every_answer() {
    // A request that cannot be parsed has no origin.
    for (kind, answer) in answers(&[("throttle", "true"), CORS])
        .await
        .into_iter()
        .filter(|(kind, _)| !kind.contains("no address"))
    {
        let mut names: Vec<_> =
            answer.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        // A list may stand in several lines (RFC 9110 section 5.3).
        names.retain(|name| name != "vary");
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{kind}: {:?}", answer.headers);
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), None, "{kind}");
        let varies: Vec<_> =
            answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("vary")).collect();
        assert!(varies.iter().any(|(_, value)| value == "Origin"), "{kind}: {varies:?}");
        assert_eq!(
            varies.iter().any(|(_, value)| value == "Accept-Encoding"),
            is_asset(kind),
            "{kind}: {varies:?}"
        );
    }
}

#[track_caller]
fn assert_policy(kind: &str, answer: &Answer) {
    let policy = policy(answer);
    let sources = |name: &str| {
        policy.iter().find(|(given, _)| given == name).map(|(_, sources)| sources.join(" "))
    };
    let is_swagger = kind == "200, the API's page";
    for (name, expected) in [
        ("default-src", "'none'"),
        ("script-src", "'self'"),
        ("connect-src", "'self'"),
        ("base-uri", "'none'"),
        ("frame-ancestors", "'none'"),
        ("form-action", if is_swagger { "'none'" } else { "'self'" }),
        // Swagger UI sets inline styles and has images in its style sheet.
        ("style-src", if is_swagger { "'self' 'unsafe-inline'" } else { "'self'" }),
        ("img-src", if is_swagger { "'self' data:" } else { "'self'" }),
    ] {
        assert_eq!(sources(name).as_deref(), Some(expected), "{kind}: {name}");
    }
    if !is_swagger {
        assert_eq!(sources("require-trusted-types-for").as_deref(), Some("'script'"), "{kind}");
        assert_eq!(sources("trusted-types").as_deref(), Some("widgetd"), "{kind}");
        assert_eq!(sources("manifest-src").as_deref(), Some("'self'"), "{kind}");
    }
    // There is no other directive.
    let known = [
        "default", "script", "connect", "base", "frame", "form", "style", "img", "require",
        "trusted", "manifest",
    ];
    for (name, _) in &policy {
        assert!(known.iter().any(|start| name.starts_with(start)), "{kind}: {name}");
    }
}

/// Every file that pages load, by its name.
fn files() -> Vec<(String, Vec<u8>)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { collect(&path, files) } else { files.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let files = files.into_iter().map(|path| (name(&path), std::fs::read(&path).unwrap()));
    files
        .filter(|(name, _)| [".css", ".js", ".svg", ".png"].iter().any(|end| name.ends_with(end)))
        .collect()
}

/// The answer of an address without its body, and the bytes of the body.
async fn get(app: &TestApp, path: &str, accept_encoding: &str) -> (Answer, Vec<u8>) {
    let request = app
        .client
        .get(path.to_owned())
        .header(Header::new("Accept-Encoding", accept_encoding.to_owned()));
    let response = request.dispatch().await;
    let headers = response
        .headers()
        .iter()
        .map(|header| (header.name().to_string(), header.value().to_owned()));
    let (status, headers) = (response.status(), headers.collect());
    let bytes = response.into_bytes().await.unwrap_or_default();
    (Answer { status, headers, body: serde_json::Value::Null, text: String::new() }, bytes)
}

/// Whether an asset is embedded without its comments and indentation.
fn is_minified(name: &str) -> bool {
    !name.starts_with("swagger-ui/") && [".css", ".js"].iter().any(|end| name.ends_with(end))
}

/// The asset is its file without comments and spaces that mean nothing. Names stay.
#[track_caller]
fn assert_is_minified(name: &str, asset: &[u8], file: &[u8]) {
    let [asset, file] = [asset, file].map(|bytes| std::str::from_utf8(bytes).unwrap());
    let plain = file.split("*/").map(|part| part.split("/*").next().unwrap()).collect::<String>();
    let lines = plain.lines().filter(|line| !line.trim_start().starts_with("//"));
    let dense =
        |text: &str| text.replace("0.", ".").replace(char::is_whitespace, "").replace(";}", "}");
    assert!(dense(asset) == dense(&lines.collect::<String>()), "{name}");
    assert!(!asset.contains(['\n', '\t']) && !asset.contains("  "), "{name}");
    assert!(!asset.contains("/*") && asset.len() * 5 < file.len() * 4, "{name}");
}

#[rocket::async_test]
async fn assets_are_the_files_of_static_compressed_or_not() {
    let app = TestApp::new().await;
    let files = files();
    assert!(files.len() > 10);
    for (name, content) in files {
        let path = asset_address(&app.visitor(), &name).await;
        let content_type = match name.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("png") => "image/png",
            _ => "image/svg+xml",
        };
        for (accept, is_compressed) in [("", false), ("gzip, deflate, br, zstd", true)] {
            let (answer, bytes) = get(&app, &path, accept).await;
            answer.assert(Status::Ok);
            assert_eq!(answer.header("Content-Type"), Some(content_type), "{name}");
            assert_eq!(answer.header("Vary"), Some("Accept-Encoding"), "{name}");
            assert_eq!(
                answer.header("Content-Encoding"),
                is_compressed.then_some("gzip"),
                "{name}"
            );
            let mut plain = Vec::new();
            if is_compressed {
                GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
                assert!(bytes.len() < content.len() || content.len() < 500, "{name}");
            } else {
                plain = bytes;
            }
            if is_minified(&name) {
                assert_is_minified(&name, &plain, &content);
            } else {
                assert!(plain == content, "{name}");
            }
        }
    }
}

#[rocket::async_test]
async fn accept_encoding_decides_on_gzip() {
    let app = TestApp::new().await;
    let path = asset_address(&app.visitor(), "style.css").await;
    for (accept, is_compressed) in [
        ("gzip", true),
        ("GZip", true),
        ("br;q=1.0, gzip;q=0.5", true),
        ("deflate,gzip", true),
        ("gzip;q=0.001", true),
        ("gzip ; q=1", true),
        ("gzip;q=0", false),
        ("gzip; q=0.0", false),
        ("gzip;q=0.000, br", false),
        ("br", false),
        ("identity", false),
        ("gzipped", false),
        ("", false),
    ] {
        let (answer, _) = get(&app, &path, accept).await;
        assert_eq!(answer.header("Content-Encoding").is_some(), is_compressed, "{accept}");
    }
}

#[rocket::async_test]
async fn assets_of_another_version_are_no_cache() {
    let app = TestApp::new().await;
    let path = asset_address(&app.visitor(), "style.css").await;
    let (_, expected) = get(&app, &path, "").await;
    for version in ["0", "before", "%2e", &path.split('/').nth(2).unwrap()[1..]] {
        let (answer, bytes) = get(&app, &format!("/assets/{version}/style.css"), "").await;
        assert_eq!(
            answer.assert(Status::Ok).header("Cache-Control"),
            Some("no-cache"),
            "{version}"
        );
        assert!(bytes == expected);
    }
}

#[rocket::async_test]
async fn request_id_is_on_every_answer_and_on_no_two() {
    let mut ids = BTreeSet::new();
    for (kind, answer) in answers(&[("throttle", "true"), CORS]).await {
        let all: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("X-Request-Id"))
            .map(|(_, value)| value.clone())
            .collect();
        assert!(matches!(&all[..], [id] if id.len() == 36), "{kind}: {all:?}");
        assert!(ids.insert(all[0].clone()), "{kind}: {all:?}");
    }
}

#[rocket::async_test]
async fn request_id_of_a_trusted_proxy_is_used_if_it_is_well_formed() {
    let app = TestApp::with(&[("trusted_proxies", "[\"192.0.2.1\"]")]).await;
    let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
    for (address, given, is_used) in [
        ("192.0.2.1", "Req-1.a_B", true),
        ("192.0.2.1", &*longest, true),
        ("192.0.2.1", &*too_long, false),
        ("192.0.2.1", "", false),
        ("192.0.2.1", "a b", false),
        ("192.0.2.1", "a\"b", false),
        ("192.0.2.2", "Req-1.a_B", false),
    ] {
        for method in [Method::Get, Method::Post] {
            let proxy = app.visitor().from(address).saying("X-Request-Id", given);
            let answer = proxy.send(method, "/api/v1/auth/logout", None, "").await;
            let id = answer.header("X-Request-Id").unwrap();
            assert_eq!(id == given, is_used, "{address} {given}: {id}");
            assert!(is_used || id.len() == 36, "{id}");
        }
    }
    // Of two, the proxy's client may have sent one.
    let twice = ["one", "two"].map(|id| Header::new("X-Request-Id", id));
    let mut request = app.client.get("/healthz/live").remote(([192, 0, 2, 1], 1).into());
    for header in twice {
        request.add_header(header);
    }
    let answer = request.dispatch().await;
    assert_eq!(answer.headers().get_one("X-Request-Id").unwrap().len(), 36);

    let boss = app.user_of("root", Role::Admin).await;
    let proxy = app.visitor().from("192.0.2.1").saying("X-Request-Id", "Req-7");
    let right = [("login", "root@example.com"), ("password", PASSWORD)];
    proxy.send(Method::Post, LOGIN, Some(FORM), &form(&right)).await;
    assert_eq!(boss.get("/audit").await.body["items"][0]["request_id"], "Req-7");
}
