//! `widgetd user`: what it prints, and its effect on sessions and API keys.

use serde_json::{Value, json};

use crate::cli::{assert_changed, assert_failed, json as read_json, look, look_at_json};
use crate::keys::make_key;
use crate::program::{PASSWORD, Place, Server, text};

const OTHER_PASSWORD: &str = "tinker tailor soldier spy";
const ADMIN: &str = "admin@example.com";
const ANN: &str = "ann@example.com";

/// A user as `user show --json` prints it.
#[track_caller]
fn shown(place: &Place, account: &str) -> Value {
    look_at_json(place, &["user", "show", account])
}

fn emails(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

/// Registers a user where registration needs approval.
#[track_caller]
fn register_and_wait(server: &Server, email: &str) {
    let answer =
        server.client().post("/auth/register", &[("email", email), ("password", PASSWORD)]);
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert!(answer.body.get("access_token").is_none(), "{}", answer.text);
}

#[test]
fn user_add_takes_a_username_and_a_role() {
    let place = Place::new();
    for (arguments, role) in [
        (&["ann@example.com", "--username", "Ann.A"][..], "employee"),
        (&["bob@example.com", "--role", "manager"], "manager"),
        (&["cid@example.com", "--role", "admin"], "admin"),
        (&["dan@example.com", "--admin"], "admin"),
    ] {
        let arguments = [&["user", "add"], arguments, &["--password-stdin"]].concat();
        let printed =
            assert_changed(&place, &arguments, &format!("Added {} as {role}.", arguments[2]));
        assert_eq!(printed, "");
        assert_eq!(shown(&place, arguments[2])["role"], role);
    }
    assert_eq!(shown(&place, ANN)["username"], "Ann.A");
    let taken = place.try_add_user(&["eve@example.com", "--username", "ann.a"], PASSWORD);
    assert_failed(&taken, 1, "widgetd: ann.a is already registered\n");
    let wrong = place.try_add_user(&["eve@example.com", "--username", "eve!"], PASSWORD);
    assert_failed(&wrong, 1, "widgetd: username: 'eve!' contains one or more invalid characters.");
    let weak =
        place.try_add_user(&["eve@example.com", "--username", "tinker.tailor"], "tinker.tailor");
    assert_failed(&weak, 1, "widgetd: password: is too easy to guess.");
    assert_eq!(look(&place, &["user", "list"]).lines().count(), 4);
}

#[test]
fn user_add_needs_no_email_if_the_settings_say_so_and_takes_a_name() {
    let mut place = Place::new();
    let arguments = ["--username", "Ann.A", "--name", "Ann Lee"];
    let refused = place.try_add_user(&arguments, PASSWORD);
    let why = "widgetd: email: is required, unless the setting `require_email` is false";
    assert_failed(&refused, 1, why);
    place.set("WIDGETD_REQUIRE_EMAIL", "false");
    assert_eq!(
        text(&place.try_add_user(&arguments, PASSWORD).stderr).lines().next(),
        Some("Added Ann.A as employee.")
    );
    let user = shown(&place, "ann.a");
    assert_eq!((&user["email"], &user["name"]), (&Value::Null, &Value::from("Ann Lee")));
    for (arguments, name) in [(&["Ann"][..], Value::from("Ann")), (&[], Value::Null)] {
        let arguments = [&["user", "name", "ann.a"], arguments].concat();
        assert_changed(
            &place,
            &arguments,
            "Changed the name of Ann.A: it is an account of role employee, and active.",
        );
        assert_eq!(shown(&place, "ann.a")["name"], name);
    }
}

#[test]
fn user_show_prints_text_and_json() {
    let place = Place::new();
    place.add_user(&[ANN, "--username", "Ann.A", "--role", "manager"]);
    place.add_user(&["bob@example.com"]);
    let ann = shown(&place, ANN);
    let (id, registered_on) =
        (ann["public_id"].as_str().unwrap(), ann["registered_on"].as_str().unwrap());
    let expected = json!({
        "public_id": id,
        "email": "ann@example.com",
        "username": "Ann.A",
        "name": null,
        "role": "manager",
        "status": "active",
        "registered_on": registered_on,
        "used_bytes": 0,
        "quota_bytes": 67_108_864,
    });
    assert_eq!(ann, expected);
    let lines = format!(
        "E-mail      ann@example.com\n\
         Username    Ann.A\n\
         Name        -\n\
         Public id   {id}\n\
         Role        manager\n\
         Status      active\n\
         Registered  {registered_on}\n\
         Storage     0 bytes of 64 MiB\n"
    );
    assert_eq!(look(&place, &["user", "show", ANN]), lines);
    assert_eq!(shown(&place, "bob@example.com")["username"], Value::Null);
    assert!(look(&place, &["user", "show", "bob@example.com"]).contains("\nUsername    -\n"));
}

#[test]
fn user_list_filters_and_prints_oldest_first() {
    let place = Place::new();
    place.add_admin();
    place.add_user(&["bob@example.com", "--username", "Zoe"]);
    place.add_user(&[ANN, "--role", "manager"]);
    place.run(&["user", "disable", ANN], "");
    for (filter, expected) in [
        (&[][..], &[ADMIN, "bob@example.com", ANN][..]),
        (&["--status", "active"], &[ADMIN, "bob@example.com"]),
        (&["--status", "disabled"], &[ANN]),
        (&["--role", "manager"], &[ANN]),
        (&["--search", "BOB@"], &["bob@example.com"]),
        (&["--search", "bo"], &["bob@example.com"]),
        (&["--search", "example.com", "--role", "admin"], &[ADMIN]),
    ] {
        let arguments = [&["user", "list"], filter].concat();
        assert_eq!(emails(&look_at_json(&place, &arguments)), expected, "{filter:?}");
        let listed = look(&place, &arguments);
        assert_eq!(
            listed.lines().map(|line| line.split("  ").next().unwrap().trim()).collect::<Vec<_>>(),
            expected
        );
    }
    let registered_on =
        |account| shown(&place, account)["registered_on"].as_str().unwrap().to_owned();
    let expected = format!(
        "admin@example.com  admin     active    {}  0 bytes\n\
         bob@example.com    employee  active    {}  0 bytes  Zoe\n\
         ann@example.com    manager   disabled  {}  0 bytes\n",
        registered_on(ADMIN),
        registered_on("bob@example.com"),
        registered_on(ANN)
    );
    assert_eq!(look(&place, &["user", "list"]), expected);
    assert_eq!(look_at_json(&place, &["user", "list"])[1], shown(&place, "zoe"));
}

#[test]
fn user_list_without_matches_is_empty_and_says_so() {
    let place = Place::new();
    place.add_admin();
    let output = place.run(&["user", "list", "--search", "bob"], "");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
    assert_eq!(output.stderr, b"There are no such accounts.\n");
    assert_eq!(look_at_json(&place, &["user", "list", "--search", "bob"]), json!([]));
}

#[test]
fn pagination_prints_lists_of_more_than_one_page_of_10000_whole() {
    let place = Place::new();
    place.add_admin();
    let database = rusqlite::Connection::open(place.database()).unwrap();
    let copies = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10100)
                  INSERT INTO user (public_id, email, email_folded, role, status, password_hash, created_at, updated_at)
                  SELECT printf('00000000-0000-4000-8000-%012d', n), n || '@example.com', n || '@example.com',
                         'employee', 'active', '', 0, 0 FROM n;
                  INSERT INTO audit (at, actor, action, result)
                  SELECT id, 'service', 'key.create', 'ok' FROM user WHERE id > 1;";
    database.execute_batch(copies).unwrap();
    let listed = look_at_json(&place, &["user", "list"]);
    let expected: Vec<String> = [ADMIN.to_owned()]
        .into_iter()
        .chain((1..=10_100).map(|n| format!("{n}@example.com")))
        .collect();
    assert_eq!(emails(&listed), expected);
    let entries = look_at_json(&place, &["audit"]);
    let ids = entries.as_array().unwrap().iter().map(|entry| entry["id"].as_u64().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), (1..=10_101).collect::<Vec<_>>());
    for list in [&["user", "list"][..], &["audit"]] {
        assert_eq!(look(&place, list).lines().count(), 10_101);
    }
}

#[test]
fn user_role_and_status_commands_print_the_new_state() {
    let place = Place::new();
    place.add_admin();
    place.add_user(&[ANN]);
    for (command, done, role, status) in [
        (&["role", ANN, "manager"][..], "Changed", "manager", "active"),
        (&["disable", ANN], "Disabled", "manager", "disabled"),
        (&["role", ANN, "admin"], "Changed", "admin", "disabled"),
        (&["enable", ANN], "Enabled", "admin", "active"),
        (&["role", ANN, "employee", "--json"], "Changed", "employee", "active"),
        (&["disable", ANN, "--json"], "Disabled", "employee", "disabled"),
        (&["enable", ANN, "--json"], "Enabled", "employee", "active"),
    ] {
        let said =
            format!("{done} ann@example.com: it is an account of role {role}, and {status}.");
        let printed = assert_changed(&place, &[&["user"], command].concat(), &said);
        let now = shown(&place, ANN);
        assert_eq!((&now["role"], &now["status"]), (&role.into(), &status.into()));
        if command.contains(&"--json") {
            assert_eq!(read_json(&printed), now);
        } else {
            assert_eq!(printed, "");
        }
    }
}

#[test]
fn user_passwd_ends_all_sessions_and_refuses_a_password_like_the_username() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN, "--username", "tinker.tailor"]);
    let ann = server.log_in(ANN);
    let passwd =
        |name, password| place.run(&["user", "passwd", name, "--password-stdin"], password);
    assert_failed(&passwd(ANN, "tinker.tailor"), 1, "widgetd: password: is too easy to guess.");
    assert_eq!(ann.get("/auth/user").status, 200);
    let said = format!(
        "Changed the password of ann@example.com; all its sessions have ended.\nDatabase: {}\n",
        place.database().display()
    );
    let changed = passwd("tinker.tailor", OTHER_PASSWORD);
    assert_eq!((changed.status.code(), text(&changed.stderr)), (Some(0), said));
    assert_eq!(text(&changed.stdout), "");
    assert_eq!(ann.get("/auth/user").status, 401);
    assert_eq!(server.client().attempt(ANN, PASSWORD).status, 401);
    assert_eq!(server.client().attempt(ANN, OTHER_PASSWORD).status, 200);
}

#[test]
fn an_impossible_change_of_status_is_refused() {
    let mut place = Place::new();
    place.set("WIDGETD_REGISTRATION", "approval");
    place.add_admin();
    place.add_user(&[ANN]);
    let server = place.serve();
    register_and_wait(&server, "new@example.com");
    let refused = |verb: &str, account: &str, status: &str| {
        let before = (look(&place, &["audit"]), shown(&place, account));
        let said = format!("widgetd: {account} is {status}");
        for output in [&["--json"][..], &[]]
            .map(|flag| place.run(&[&["user", verb, account], flag].concat(), ""))
        {
            assert_failed(&output, 1, &said);
            assert_failed(&output, 1, "; nothing was changed\n");
        }
        assert_eq!((look(&place, &["audit"]), shown(&place, account)), before);
    };
    refused("approve", ANN, "active");
    refused("enable", ANN, "active");
    refused("enable", "new@example.com", "pending");
    place.run(&["user", "disable", ANN], "");
    refused("approve", ANN, "disabled");
    refused("disable", ANN, "disabled");
    // A pending user can be disabled, and then only enabled.
    place.run(&["user", "disable", "new@example.com"], "");
    refused("approve", "new@example.com", "disabled");
}

#[test]
fn the_last_administrator_is_not_demoted_disabled_or_deleted() {
    let place = Place::new();
    place.add_admin();
    place.add_user(&["off@example.com", "--admin"]);
    // A disabled administrator does not count.
    place.run(&["user", "disable", "off@example.com"], "");
    let (before, audit) = (look(&place, &["user", "list"]), look(&place, &["audit"]));
    for command in
        [&["role", ADMIN, "manager"][..], &["disable", ADMIN], &["delete", ADMIN, "--yes"]]
    {
        let output = place.run(&[&["user"], command].concat(), "");
        let said =
            "widgetd: The last administrator can be neither demoted, disabled nor deleted.\n";
        assert_failed(&output, 1, said);
    }
    assert_eq!((look(&place, &["user", "list"]), look(&place, &["audit"])), (before, audit));
    place.add_user(&["other@example.com", "--admin"]);
    assert_changed(&place, &["user", "delete", ADMIN, "--yes"], "Deleted admin@example.com.");
}

#[test]
fn a_disabled_user_loses_sessions_and_has_api_keys_suspended() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN]);
    let ann = server.log_in(ANN);
    let key = server.client().bearing(&make_key(&place, ANN, &["--name", "ci"]));
    assert_eq!((ann.get("/auth/user").status, key.get("/auth/user").status), (200, 200));

    place.run(&["user", "disable", ANN], "");
    assert_eq!((ann.get("/auth/user").status, key.get("/auth/user").status), (401, 401));
    let answer = server.client().attempt(ANN, PASSWORD);
    assert_eq!((answer.status, &answer.body["message"]), (403, &"Your account is disabled".into()));
    assert_eq!(server.client().attempt(ANN, OTHER_PASSWORD).status, 401);

    place.run(&["user", "enable", ANN], "");
    // The session has ended for good; the API key was only suspended.
    assert_eq!((ann.get("/auth/user").status, key.get("/auth/user").status), (401, 200));
    assert_eq!(server.log_in(ANN).get("/auth/user").status, 200);
}

#[test]
fn registration_with_approval_waits_for_user_approve() {
    let mut place = Place::new();
    place.set("WIDGETD_REGISTRATION", "approval");
    let server = place.serve();
    register_and_wait(&server, ANN);
    let answer = server.client().attempt(ANN, PASSWORD);
    assert_eq!(
        (answer.status, &answer.body["message"]),
        (403, &"Your account is waiting for approval".into())
    );
    assert_eq!(emails(&look_at_json(&place, &["user", "list", "--status", "pending"])), [ANN]);

    let said = "Approved ann@example.com: it is an account of role employee, and active.";
    let printed = assert_changed(&place, &["user", "approve", ANN, "--json"], said);
    assert_eq!(read_json(&printed), shown(&place, ANN));
    assert_eq!(server.log_in(ANN).get("/auth/user").status, 200);

    register_and_wait(&server, "bob@example.com");
    let said = "Approved bob@example.com: it is an account of role employee, and active.";
    assert_eq!(assert_changed(&place, &["user", "approve", "bob@example.com"], said), "");
    server.log_in("bob@example.com");
}

#[test]
fn user_reset_code_prints_a_code_that_sets_a_password_once() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN]);
    let ann = server.log_in(ANN);
    let make = |arguments: &[&str]| {
        let output = place.run(&[&["user", "reset-code", ANN], arguments].concat(), "");
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stderr).unwrap();
        let until = said
            .strip_prefix("Created a reset code for ann@example.com. It works once, until ")
            .and_then(|rest| {
                rest.strip_suffix(&format!(".\nDatabase: {}\n", place.database().display()))
            })
            .unwrap_or_else(|| panic!("{said}"));
        (String::from_utf8(output.stdout).unwrap(), until.to_owned())
    };
    let reset = |code: &str, password| {
        server.client().post("/auth/reset", &[("code", code), ("new_password", password)])
    };

    let (replaced, _) = make(&[]);
    let (printed, until) = make(&["--json"]);
    let shown = read_json(&printed);
    let code = shown["code"].as_str().unwrap();
    assert_eq!(shown, json!({ "code": code, "email": "ann@example.com", "expires_at": until }));
    assert_eq!(reset(replaced.trim_end(), OTHER_PASSWORD).status, 400);
    // Creating a code changes nothing yet.
    assert_eq!(ann.get("/auth/user").status, 200);
    assert_eq!(reset(code, OTHER_PASSWORD).status, 200);
    assert_eq!(ann.get("/auth/user").status, 401);
    assert_eq!(server.client().attempt(ANN, PASSWORD).status, 401);
    assert_eq!(server.client().attempt(ANN, OTHER_PASSWORD).status, 200);
    assert_eq!(reset(code, PASSWORD).status, 400);

    let (printed, _) = make(&[]);
    let code = printed.strip_suffix('\n').unwrap();
    assert_eq!((code.len(), code.matches('-').count()), (19, 3), "{code}");
    assert_eq!(reset(&code.to_uppercase().replace('-', " "), PASSWORD).status, 200);
    server.log_in(ANN);
}

#[test]
fn user_sessions_lists_and_ends_sessions() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN]);
    place.add_admin();
    let output = place.run(&["user", "sessions", ANN], "");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
    assert_eq!(output.stderr, b"ann@example.com is not logged in.\n");
    assert_eq!(look_at_json(&place, &["user", "sessions", ANN]), json!([]));

    let laptop = server.client().with("User-Agent", "laptop/1.0").attempt(ANN, PASSWORD);
    let phone = server.client().with("User-Agent", "phone (blue)").attempt(ANN, PASSWORD);
    let admin = server.log_in(ADMIN);
    let [laptop, phone] = [laptop, phone]
        .map(|answer| server.client().bearing(answer.body["access_token"].as_str().unwrap()));
    let listed = look_at_json(&place, &["user", "sessions", ANN]);
    let known = laptop.get("/auth/sessions").body;
    let mut lines = Vec::new();
    for (n, client) in ["laptop/1.0", "phone (blue)"].into_iter().enumerate() {
        let (session, known) = (&listed[n], &known["items"][n]);
        let expected = json!({
            "id": known["id"],
            "started_at": known["started_at_iso8601"],
            "expires_at": known["expires_at_iso8601"],
            "address": "127.0.0.1",
            "client": client,
        });
        assert_eq!(*session, expected);
        let [started_at, expires_at] =
            ["started_at", "expires_at"].map(|field| session[field].as_str().unwrap());
        lines.push(format!("{started_at}  {expires_at}  127.0.0.1  {client}\n"));
    }
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(look(&place, &["user", "sessions", ANN]), lines.concat());

    let end = ["user", "sessions", ANN, "--end", "--yes"];
    let printed = assert_changed(
        &place,
        &[&end[..], &["--json"]].concat(),
        "Ended the sessions of ann@example.com: 2.",
    );
    assert_eq!(read_json(&printed), json!({ "ended": 2 }));
    assert_eq!((laptop.get("/auth/user").status, phone.get("/auth/user").status), (401, 401));
    assert_eq!(admin.get("/auth/user").status, 200);
    let again = server.log_in(ANN);
    assert_eq!(assert_changed(&place, &end, "Ended the sessions of ann@example.com: 1."), "");
    assert_eq!(again.get("/auth/user").status, 401);
}

#[test]
fn control_characters_of_a_user_agent_are_not_printed() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN]);
    // U+009B starts a control sequence, as ESC [ does; HTTP allows it in a header.
    let answer = server.client().with("User-Agent", "\u{9b}2Jx\ty").attempt(ANN, PASSWORD);
    assert_eq!(answer.status, 200);
    let listed = look(&place, &["user", "sessions", ANN]);
    assert!(!listed.trim_end_matches('\n').contains(char::is_control), "{listed:?}");
    assert!(listed.ends_with("  127.0.0.1  \u{fffd}2Jx\u{fffd}y\n"), "{listed:?}");
}

#[test]
fn user_delete_ends_sessions_and_api_keys_and_frees_the_names() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN, "--username", "Ann.A"]);
    let ann = server.log_in(ANN);
    let key = server.client().bearing(&make_key(&place, ANN, &["--name", "ci"]));
    let was = shown(&place, ANN);
    let printed = assert_changed(
        &place,
        &["user", "delete", ANN, "--yes", "--json"],
        "Deleted ann@example.com.",
    );
    assert_eq!(read_json(&printed), was);
    assert_eq!((ann.get("/auth/user").status, key.get("/auth/user").status), (401, 401));
    assert_eq!(server.client().attempt(ANN, PASSWORD).status, 401);
    assert_eq!(look_at_json(&place, &["user", "list"]), json!([]));
    assert_eq!(look_at_json(&place, &["key", "list"]), json!([]));

    place.add_user(&[ANN, "--username", "Ann.A"]);
    assert_eq!(
        assert_changed(&place, &["user", "delete", ANN, "--yes"], "Deleted ann@example.com."),
        ""
    );
    assert_failed(
        &place.run(&["user", "delete", ANN, "--yes"], ""),
        1,
        "widgetd: there is no account ann@example.com\n",
    );
}
