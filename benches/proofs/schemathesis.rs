//! The service is what its OpenAPI document says, as Schemathesis sees it: <https://schemathesis.io>.
//!
//! It needs Schemathesis 4 (`pip install schemathesis`) on the `PATH`.

use std::process::Command;

use crate::Run;
use crate::program::{Place, text};

/// The checks that are left out. All others are made of all operations.
const EXCLUDED_CHECKS: [&str; 3] = [
    // A schema cannot say that a password or a code is right, a name free, a date not past, or that
    // one of two fields is required: not all that it allows is accepted.
    "positive_data_acceptance",
    // A method that Rocket does not know, such as QUERY, is answered 400 instead of 405.
    "unsupported_method",
    // `Allow` at `/widgets/import` has the methods of a widget of this name as well.
    "allow_header_conformance",
];

const EXCLUDED_PATHS: [&str; 2] = [
    // An event stream has no end.
    "/audit/events",
    // It ends the session that all other requests need.
    "/auth/logout",
];

/// Not "stateful": the document has no links from one operation to another.
const PHASES: &str = "examples,coverage,fuzzing";

/// What is wrong may also be too large (413), which the check does not expect.
const SETTINGS: &str = r#"
[checks]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]
"#;

const ROLES: [&str; 3] = ["employee", "manager", "admin"];

/// Not the one of the document's examples: with that one, a user would delete the own account.
const PASSWORD: &str = "a fuzzer shall not know this one";

pub fn prove(run: &Run) -> String {
    let place = Place::with(&[
        ("WIDGETD_THROTTLE", "false"),
        ("WIDGETD_ARGON2_MEMORY_KIB", "64"),
        ("WIDGETD_ARGON2_PASSES", "1"),
    ]);
    place.add_admin();
    std::fs::write(place.path().join("schemathesis.toml"), SETTINGS).unwrap();
    let mut said = Vec::new();
    for (number, role) in ROLES.iter().enumerate() {
        said.push(format!("{} as {role}", check(run, &place, number, role)));
    }
    said.join(", ")
}

/// Sends requests as one user. Returns how many.
fn check(run: &Run, place: &Place, number: usize, role: &str) -> usize {
    let email = format!("{role}@example.org");
    let added = place.try_add_user(&[&email, "--role", role], PASSWORD);
    assert!(added.status.success(), "{}", text(&added.stderr));
    let server = place.serve();
    let answer = server.client().attempt(&email, PASSWORD);
    let token = answer.body["access_token"].as_str().expect("a token");
    let output = Command::new("schemathesis")
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", server.url))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", "all", "--exclude-checks", &EXCLUDED_CHECKS.join(",")])
        .args(EXCLUDED_PATHS.iter().flat_map(|path| ["--exclude-path", path]))
        .args(["--phases", PHASES])
        .args(["--max-examples", &run.times(1_250, 4).to_string()])
        .args(["--seed", &(run.seed + number as u64).to_string(), "--no-color"])
        // What it has found before is in its folder.
        .current_dir(place.path())
        .output()
        .unwrap_or_else(|error| panic!("schemathesis cannot run, is it on the PATH? {error}"));
    let report = text(&output.stdout);
    let messages = text(&output.stderr);
    assert!(output.status.success(), "as {role}: {report}{messages}");
    let (code, said) = server.terminate();
    let faults = said.iter().filter(|line| line.contains("panicked") || line.contains("ERROR"));
    assert_eq!((code, faults.count()), (Some(0), 0), "{said:#?}");
    let count =
        report.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse().ok());
    count.unwrap_or_else(|| panic!("no count in {report}"))
}
