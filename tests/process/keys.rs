//! `widgetd key` and `widgetd audit`.

use std::time::Instant;

use serde_json::{Value, json};

use crate::cli::{assert_changed, assert_failed, json as read_json, look, look_at_json};
use crate::program::{Answer, PASSWORD, Place, TEST_TIMEOUT, text};

const ADMIN: &str = "admin@example.com";
const ANN: &str = "ann@example.com";

/// Creates an API key. Returns its secret.
#[track_caller]
pub fn make_key(place: &Place, account: &str, arguments: &[&str]) -> String {
    let output = place.run(&[&["key", "add", account], arguments].concat(), "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let key = printed.strip_suffix('\n').unwrap();
    assert!(
        key.starts_with("wgt_") && key.len() == 36 && !key.contains(char::is_whitespace),
        "{key}"
    );
    key.to_owned()
}

#[test]
fn an_api_key_is_printed_once_and_works_at_the_next_request() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    let said = "Created the key nightly report of admin@example.com. It is not shown again.";
    let printed = assert_changed(&place, &["key", "add", ADMIN, "--name", "nightly report"], said);
    let reader = server.client().bearing(printed.trim_end_matches('\n'));
    assert_eq!(reader.get("/widgets").status, 200);
    let refused = reader.try_add_widget("one").unwrap();
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (403, &"This API key may only read".into())
    );

    let add = [
        "key",
        "add",
        ADMIN,
        "--name",
        "deploy",
        "--scope",
        "write",
        "--expires",
        "2099-12-31",
        "--json",
    ];
    let said = "Created the key deploy of admin@example.com. It is not shown again.";
    let mut made = read_json(&assert_changed(&place, &add, said));
    let key = made["key"].take();
    let key = key.as_str().unwrap();
    assert!(key.starts_with("wgt_"), "{key}");
    let row = look_at_json(&place, &["key", "list"])[1].take();
    let expected = json!({
        "key": null,
        "id": row["id"],
        "owner": "admin@example.com",
        "name": "deploy",
        "scope": "write",
        "created_at": row["created_at"],
        "expires_at": "2099-12-31T23:59:59+00:00",
        "last_used_at": null,
    });
    assert_eq!(made, expected);
    assert_eq!(server.client().bearing(key).try_add_widget("one").unwrap().status, 201);
    for shown in [look(&place, &["key", "list"]), look(&place, &["key", "list", "--json"])] {
        assert!(!shown.contains("wgt_"), "{shown}");
    }
}

#[test]
fn an_invalid_api_key_is_refused() {
    let place = Place::new();
    place.add_user(&[ANN]);
    make_key(&place, ANN, &["--name", "ci"]);
    for (arguments, said) in [
        (&["--name", "ci"][..], "widgetd: There is a key named ci already.\n"),
        (&["--name", ""], "widgetd: name: is required\n"),
        (&["--name", "a\nb"], "widgetd: name: must not contain control characters\n"),
        (
            &["--name", "old", "--expires", "2020-01-01"],
            "widgetd: expires: '2020-01-01' is in the past\n",
        ),
        (
            &["--name", "old", "--expires", "soon"],
            "widgetd: expires: 'soon' is not a date that is understood; ",
        ),
    ] {
        for json in [&[][..], &["--json"]] {
            assert_failed(
                &place.run(&[&["key", "add", ANN], arguments, json].concat(), ""),
                1,
                said,
            );
        }
    }
    assert_eq!(look_at_json(&place, &["key", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(
        look_at_json(&place, &["audit", "--action", "key.create"]).as_array().unwrap().len(),
        1
    );
}

#[test]
fn key_list_prints_the_api_keys_of_one_user_or_of_all() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    place.add_user(&[ANN]);
    let output = place.run(&["key", "list"], "");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
    assert_eq!(output.stderr, b"There are no such keys.\n");
    assert_eq!(look_at_json(&place, &["key", "list"]), json!([]));

    let used = server.client().bearing(&make_key(&place, ANN, &["--name", "ci"]));
    make_key(
        &place,
        ADMIN,
        &["--name", "deploy", "--scope", "write", "--expires", "2099-12-31T12:00:00+02:00"],
    );
    let expected = "ann@example.com    ci      read   expires never                      used never\n\
                    admin@example.com  deploy  write  expires 2099-12-31T10:00:00+00:00  used never\n";
    assert_eq!(look(&place, &["key", "list"]), expected);
    let all = look_at_json(&place, &["key", "list"]);
    assert_eq!(look_at_json(&place, &["key", "list", ANN]), json!([all[0]]));
    assert_eq!(look_at_json(&place, &["key", "list", ADMIN]), json!([all[1]]));

    assert_eq!(used.get("/auth/user").status, 200);
    // The use is recorded after the answer.
    let deadline = Instant::now() + TEST_TIMEOUT;
    let used_at = loop {
        if let Value::String(at) =
            look_at_json(&place, &["key", "list", ANN])[0]["last_used_at"].take()
        {
            break at;
        }
        assert!(Instant::now() < deadline, "the use of a key is never noted");
    };
    let line = format!("ann@example.com  ci  read  expires never  used {used_at}\n");
    assert_eq!(look(&place, &["key", "list", ANN]), line);
}

#[test]
fn a_revoked_api_key_is_refused_at_the_next_request() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN]);
    let key = |name| server.client().bearing(&make_key(&place, ANN, &["--name", name]));
    let [first, second, other] = [key("first"), key("second"), key("other")];
    let row = look_at_json(&place, &["key", "list", ANN])[1].take();

    let revoke = ["key", "revoke", ANN, "first", "--yes"];
    assert_eq!(assert_changed(&place, &revoke, "Revoked the key first of ann@example.com."), "");
    let by_id = ["key", "revoke", ANN, row["id"].as_str().unwrap(), "--yes", "--json"];
    let printed = assert_changed(&place, &by_id, "Revoked the key second of ann@example.com.");
    assert_eq!(read_json(&printed), row);
    assert_eq!([&first, &second, &other].map(|key| key.get("/auth/user").status), [401, 401, 200]);

    assert_failed(&place.run(&revoke, ""), 1, "widgetd: ann@example.com has no key first\n");
    place.add_admin();
    let of_another = ["key", "revoke", ADMIN, "other", "--yes"];
    assert_failed(&place.run(&of_another, ""), 1, "widgetd: admin@example.com has no key other\n");
    assert_eq!(other.get("/auth/user").status, 200);
    // The name is free again.
    make_key(&place, ANN, &["--name", "first"]);
    assert_eq!(first.get("/auth/user").status, 401);
}

/// The action and the result of each audit entry.
fn actions(entries: &Value) -> Vec<(&str, &str)> {
    let entries = entries.as_array().unwrap().iter();
    entries
        .map(|entry| (entry["action"].as_str().unwrap(), entry["result"].as_str().unwrap()))
        .collect()
}

#[test]
fn audit_prints_the_actions_of_the_command_line_oldest_first() {
    let place = Place::new();
    place.add_admin();
    place.add_user(&[ANN, "--role", "manager"]);
    for command in [
        &["user", "role", ANN, "employee"][..],
        &["user", "disable", ANN],
        &["user", "enable", ANN],
        &["user", "reset-code", ANN],
        &["user", "passwd", ANN, "--password-stdin"],
        &["key", "add", ANN, "--name", "nightly report"],
        &["key", "revoke", ANN, "nightly report", "--yes"],
        &["user", "sessions", ANN, "--end", "--yes"],
        &["user", "delete", ANN, "--yes"],
    ] {
        assert_eq!(place.run(command, PASSWORD).status.code(), Some(0), "{command:?}");
    }
    let entries = look_at_json(&place, &["audit"]);
    let expected = [
        ("account.register", ADMIN, Some("admin, active")),
        ("account.register", ANN, Some("manager, active")),
        ("account.role", ANN, Some("manager to employee")),
        ("account.disable", ANN, None),
        ("account.enable", ANN, None),
        ("password.reset_code", ANN, None),
        ("password.change", ANN, None),
        ("key.create", ANN, Some("nightly report (read)")),
        ("key.revoke", ANN, Some("nightly report (read)")),
        ("session.end_all", ANN, None),
        ("account.delete", ANN, None),
    ];
    let entries = entries.as_array().unwrap();
    assert_eq!(entries.len(), expected.len());
    let mut rows = Vec::new();
    for (n, (entry, (action, target, detail))) in entries.iter().zip(expected).enumerate() {
        let expected = json!({
            "id": n + 1,
            "at": entry["at"],
            "actor": "command line",
            "actor_id": null,
            "address": null,
            "action": action,
            "target_kind": "account",
            "target": target,
            "target_id": entries[usize::from(target == ANN)]["target_id"],
            "result": "ok",
            "detail": detail,
            "credential": null,
            "request_id": null,
            "changes": null,
        });
        assert_eq!(*entry, expected);
        let line = format!(
            "{}  {action:19}  ok  command line  -  {target:17}  {}",
            entry["at"].as_str().unwrap(),
            detail.unwrap_or_default()
        );
        rows.push(line.trim_end().to_owned());
    }
    assert_eq!(look(&place, &["audit"]), rows.join("\n") + "\n");
}

#[test]
fn audit_prints_the_address_and_request_id_of_network_actions() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN]);
    let client = server.client();
    let request = |answer: Answer| answer.headers["X-Request-Id"].to_str().unwrap().to_owned();
    let attempts = [
        (request(client.attempt(ANN, "not the password")), "wrong_password", "anonymous", ANN),
        (
            request(client.attempt("Nobody@example.com", PASSWORD)),
            "unknown_account",
            "anonymous",
            "Nobody@example.com",
        ),
        (request(client.attempt(ANN, PASSWORD)), "ok", ANN, ANN),
    ];
    let entries = look_at_json(&place, &["audit", "--action", "session.start"]);
    let ann = look_at_json(&place, &["user", "show", ANN]);
    let id_of = |name: &str| if name == ANN { ann["public_id"].clone() } else { Value::Null };
    assert_eq!(entries.as_array().unwrap().len(), attempts.len());
    for (n, (request, result, actor, target)) in attempts.iter().enumerate() {
        let expected = json!({
            "id": n + 2,
            "at": entries[n]["at"],
            "actor": actor,
            "actor_id": id_of(actor),
            "address": "127.0.0.1",
            "action": "session.start",
            "target_kind": "account",
            "target": target,
            "target_id": id_of(target),
            "result": result,
            "detail": null,
            "credential": null,
            "request_id": request,
            "changes": null,
        });
        assert_eq!(entries[n], expected);
    }
    let printed = look(&place, &["audit", "--account", "nobody@example.com"]);
    let at = entries[1]["at"].as_str().unwrap();
    let line =
        format!("{at}  session.start  unknown_account  anonymous  127.0.0.1  Nobody@example.com\n");
    assert_eq!(printed, line);
}

#[test]
fn audit_prints_what_changed_and_filters_by_target_and_id() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    let admin = server.log_in(ADMIN);
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);
    assert_eq!(admin.send("PATCH", "/widgets/one", &[("name", "two")]).status, 200);
    let task = admin.post("/tasks", &[("title", "Count\u{2028}all")]).body;
    let id = task["id"].as_str().unwrap();
    let path = format!("/tasks/{id}");
    let change = [("status", "done"), ("assignee", ADMIN)];
    assert_eq!(admin.send("PATCH", &path, &change).status, 200);
    admin.post("/templates", &[("name", "hidden"), ("body", "hidden")]);
    assert_eq!(admin.send("PATCH", "/templates/hidden", &[("body", "other")]).status, 200);

    let printed = look(&place, &["audit", "--after", "2"]);
    let columns = |line: &str| {
        line.split("  ")
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = printed.lines().map(columns).collect();
    let details: Vec<_> = rows.iter().map(|row| (&*row[0], row.last().unwrap().as_str())).collect();
    assert_eq!(details[1], ("widget.update", "name: one -> two"));
    assert_eq!(
        details[2],
        (
            "task.create",
            "creator: - -> admin@example.com, status: - -> pending, title: - -> Count\u{2028}all"
        )
    );
    assert_eq!(
        details[3],
        ("task.update", "assignee: - -> admin@example.com, status: pending -> done")
    );
    assert_eq!(details[4..], [("template.create", "-"), ("template.update", "body")]);
    assert!(!printed.contains("hidden"), "{printed}");

    let found = |filter: &[&str]| {
        let entries = look_at_json(&place, &[&["audit"], filter].concat());
        let entries = entries.as_array().unwrap().iter();
        entries.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&["--target", "two"]), ["widget.create", "widget.update"]);
    assert_eq!(found(&["--target", id, "--after", "5"]), ["task.update"]);
    assert_eq!(found(&["--target", ADMIN]), ["account.register", "session.start"]);
    let entry = look_at_json(&place, &["audit", "--action", "task.update"])[0].take();
    assert_eq!((&entry["target_kind"], &entry["target_id"]), (&json!("task"), &json!(id)));
    assert_eq!(entry["changes"]["status"], json!(["pending", "done"]));
    let entry = look_at_json(&place, &["audit", "--action", "template.update"])[0].take();
    assert_eq!((&entry["target"], &entry["changes"]), (&Value::Null, &json!({ "body": null })));
    let wrong = place.run(&["audit", "--after", "x"], "");
    assert_failed(&wrong, 1, "widgetd: after: 'x' is not the id of an event, a whole number");
}

#[test]
fn audit_filters_by_time_user_and_action() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    place.add_user(&[ANN, "--username", "Ann.A"]);
    server.log_in(ADMIN);
    server.client().attempt(ANN, "not the password");
    place.run(&["user", "disable", ANN], "");
    // One entry is older than the others.
    let database = rusqlite::Connection::open(place.database()).unwrap();
    // 2020-02-29T12:00:00Z
    database.execute("UPDATE audit SET at = 1582977600000 WHERE id = 1", []).unwrap();

    let register = ("account.register", "ok");
    let (failed, disabled) = (("session.start", "wrong_password"), ("account.disable", "ok"));
    let started = ("session.start", "ok");
    for (filter, expected) in [
        (&[][..], &[register, register, started, failed, disabled][..]),
        // A date is the start of its day.
        (&["--since", "2020-02-29"], &[register, register, started, failed, disabled]),
        (
            &["--since", "2020-02-29T13:00:00+01:00"],
            &[register, register, started, failed, disabled],
        ),
        (&["--since", "9999-12-31"], &[]),
        (&["--since", "2020-02-29T12:00:01Z"], &[register, started, failed, disabled]),
        (&["--since", "Mar 1 2020"], &[register, started, failed, disabled]),
        (&["--action", "session.start"], &[started, failed]),
        (&["--account", "ann.a"], &[register, failed, disabled]),
        (&["--account", "nobody@example.com"], &[]),
        (&["--account", ANN, "--action", "session.start", "--since", "2021-01-01"], &[failed]),
    ] {
        let arguments = [&["audit"], filter].concat();
        assert_eq!(actions(&look_at_json(&place, &arguments)), expected, "{filter:?}");
        let output = place.run(&arguments, "");
        assert_eq!(text(&output.stdout).lines().count(), expected.len(), "{filter:?}");
        let said = if expected.is_empty() { "There are no such entries.\n" } else { "" };
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(0), said),
            "{filter:?}"
        );
    }
    let wrong = place.run(&["audit", "--since", "yesterday"], "");
    assert_failed(&wrong, 1, "widgetd: since: 'yesterday' is not a date that is understood; ");
}

#[test]
fn no_secret_appears_in_the_audit_the_log_or_the_database() {
    let mut place = Place::new();
    let secret_file = place.path().join("first-password");
    std::fs::write(&secret_file, "sailor soldier beggar thief\n").unwrap();
    place.set("WIDGETD_ADMIN_EMAIL", ADMIN);
    place.set("WIDGETD_ADMIN_PASSWORD_FILE", secret_file.to_str().unwrap());
    let server = place.serve();
    let client = server.client();
    let mut secrets: Vec<String> = [
        "sailor soldier beggar thief",
        PASSWORD,
        "tinker tailor butcher baker",
        "a password that is wrong",
        "password-in-the-wrong-field",
        "a new password nobody guesses",
        "wgt_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaa-bbbb-cccc-dddd",
    ]
    .map(str::to_owned)
    .into();

    let mut token = |answer: Answer| {
        let token = answer.body["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", answer.text))
            .to_owned();
        secrets.push(token.clone());
        client.bearing(&token)
    };
    token(client.attempt(ADMIN, "sailor soldier beggar thief"));
    place.add_user(&[ANN]);
    let ann = token(client.attempt(ANN, PASSWORD));
    token(client.post(
        "/auth/register",
        &[("email", "bob@example.com"), ("password", "tinker tailor butcher baker")],
    ));

    for key in ["first", "second"] {
        let key = make_key(&place, ANN, &["--name", key]);
        assert_eq!(client.bearing(&key).get("/auth/user").status, 200);
        secrets.push(key);
    }
    let made = ann.post("/auth/keys", &[("name", "third"), ("scope", "write")]);
    secrets.push(made.body["key"].as_str().unwrap().to_owned());
    place.run(&["key", "revoke", ANN, "first", "--yes"], "");

    // Every kind of failure, each with a secret in it.
    assert_eq!(client.attempt(ANN, "a password that is wrong").status, 401);
    assert_eq!(client.attempt("nobody@example.com", "a password that is wrong").status, 401);
    let wrong_field = [("username", "password-in-the-wrong-field"), ("password", PASSWORD)];
    assert_eq!(client.post("/auth/login", &wrong_field).status, 401);
    assert_eq!(
        client.bearing("wgt_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").get("/auth/user").status,
        401
    );
    let wrong_code = [("code", "aaaa-bbbb-cccc-dddd"), ("new_password", PASSWORD)];
    assert_eq!(client.post("/auth/reset", &wrong_code).status, 400);
    let change = [("current_password", "a password that is wrong"), ("new_password", PASSWORD)];
    assert_eq!(ann.post("/auth/password", &change).status, 400);

    for uses in [true, false] {
        let code = text(&place.run(&["user", "reset-code", ANN], "").stdout).trim_end().to_owned();
        if uses {
            let reset =
                [("code", code.as_str()), ("new_password", "a new password nobody guesses")];
            assert_eq!(client.post("/auth/reset", &reset).status, 200);
        }
        secrets.push(code.replace('-', ""));
        secrets.push(code);
    }

    let audit = || [look(&place, &["audit"]), look(&place, &["audit", "--json"])];
    let database = || {
        // With the side files of SQLite.
        let files = std::fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().path());
        let files = files
            .filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("widgetd.db"));
        files.map(|file| text(&std::fs::read(file).unwrap())).collect::<String>()
    };
    let mut told = vec![database()];
    told.extend(audit());
    let (_, said) = server.terminate();
    told.extend([database(), said.join("\n")]);
    told.extend(audit());
    // Each text is readable: an email that is no secret is in it.
    assert!(
        told.iter().all(|text| text.contains(ANN)),
        "{}",
        told.iter().map(String::len).min().unwrap()
    );
    for secret in &secrets {
        for (n, text) in told.iter().enumerate() {
            assert!(!text.contains(secret.as_str()), "{secret} is in {n}");
        }
    }
}
