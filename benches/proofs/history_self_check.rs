//! The checker's own proof: it refuses histories that must not be, and no other.

use crate::account_model::{Account, Act, Call, Credential, Record, Role, Version};
use crate::linearizability::{Checker, Span};

const TEMPLATE: Record = 2;
const WIDGET: Record = 0;
const S: Credential = Credential::Session(1);

/// A call of a caller from one moment to another.
fn span(
    caller: usize,
    (begins, ends): (u128, u128),
    by: Credential,
    act: Act,
    status: u16,
) -> Span<Call> {
    Span { caller, begins, ends, call: Call { by, act, status } }
}

fn read(found: Option<Version>) -> Act {
    Act::Read { record: TEMPLATE, found }
}

fn create(version: Version) -> Act {
    Act::Create { record: TEMPLATE, version }
}

fn change(if_match: Option<u64>, version: Version) -> Act {
    Act::Change { record: TEMPLATE, if_match, version }
}

fn is_possible(history: &[Span<Call>]) -> bool {
    let initial = Account {
        role: Role::Admin,
        is_active: true,
        password: 0,
        sessions: vec![1],
        keys: vec![7],
        records: [None; 5],
    };
    Checker::new(initial).check(history).is_ok()
}

/// Returns how many wrong histories were refused.
pub fn refused_histories() -> usize {
    let possible = possible_histories();
    for (name, history) in &possible {
        assert!(is_possible(history), "the checker refuses a possible history: {name}");
    }
    let wrong = [wrong_records(), wrong_authority()].concat();
    for (name, history) in &wrong {
        assert!(!is_possible(history), "the checker accepts a wrong history: {name}");
    }
    wrong.len()
}

type Named = (&'static str, Vec<Span<Call>>);

fn possible_histories() -> Vec<Named> {
    let boss = Credential::Boss;
    let employee = Act::SetRole(Role::Employee);
    let widget = Act::Create { record: WIDGET, version: (9, 9) };
    vec![
        (
            "a read beside a write sees either",
            vec![
                span(0, (0, 9), S, create((1, 1)), 201),
                span(1, (1, 2), S, read(None), 404),
                span(2, (3, 4), S, read(Some((1, 1))), 200),
            ],
        ),
        (
            "a logout beside a read",
            vec![span(0, (0, 9), S, Act::LogOut, 200), span(1, (8, 12), S, read(None), 404)],
        ),
        (
            "a write beside the end of its role",
            vec![
                span(0, (0, 9), boss, employee.clone(), 200),
                span(1, (1, 5), S, widget.clone(), 201),
            ],
        ),
        (
            "the same, refused",
            vec![span(0, (0, 9), boss, employee, 200), span(1, (1, 5), S, widget, 403)],
        ),
    ]
}

fn wrong_records() -> Vec<Named> {
    vec![
        (
            "a stale read",
            vec![span(0, (0, 1), S, create((1, 1)), 201), span(1, (2, 3), S, read(None), 404)],
        ),
        (
            "a read of what was never written",
            vec![
                span(0, (0, 5), S, create((1, 1)), 201),
                span(1, (2, 3), S, read(Some((2, 2))), 200),
            ],
        ),
        (
            "reads that see a write and then not",
            vec![
                span(0, (0, 9), S, create((1, 1)), 201),
                span(1, (1, 2), S, read(Some((1, 1))), 200),
                span(2, (3, 4), S, read(None), 404),
            ],
        ),
        (
            "a lost update",
            vec![
                span(0, (0, 1), S, create((1, 1)), 201),
                span(0, (2, 9), S, change(Some(1), (2, 2)), 200),
                span(1, (3, 8), S, change(Some(1), (3, 3)), 200),
            ],
        ),
        (
            "a precondition that held and was refused",
            vec![
                span(0, (0, 1), S, create((1, 1)), 201),
                span(0, (2, 9), S, change(Some(1), (2, 2)), 412),
            ],
        ),
    ]
}

fn wrong_authority() -> Vec<Named> {
    let boss = Credential::Boss;
    let key = Credential::Key(7);
    let widget = Act::Create { record: WIDGET, version: (9, 9) };
    let password = |to| Act::ChangePassword { from: 0, to };
    let log_in = Act::LogIn { password: 0, session: 2, races: false };
    vec![
        (
            "a session accepted after its logout was answered",
            vec![span(0, (0, 1), S, Act::LogOut, 200), span(1, (2, 3), S, read(None), 404)],
        ),
        (
            "a session refused before it ended",
            vec![span(1, (2, 3), S, read(None), 401), span(0, (4, 5), S, Act::LogOut, 200)],
        ),
        (
            "a key accepted after it was revoked",
            vec![
                span(0, (0, 1), S, Act::RevokeKey(7), 204),
                span(1, (2, 3), key, create((1, 1)), 201),
            ],
        ),
        (
            "a write after its role has ended",
            vec![
                span(0, (0, 1), boss, Act::SetRole(Role::Employee), 200),
                span(1, (2, 3), S, widget, 201),
            ],
        ),
        (
            "a disabled user who reads",
            vec![
                span(0, (0, 1), boss, Act::SetActive(false), 200),
                span(1, (2, 3), key, read(None), 404),
            ],
        ),
        (
            "two changes from the same password",
            vec![span(0, (0, 9), S, password(1), 200), span(1, (1, 8), S, password(2), 200)],
        ),
        (
            "a login with a password that was changed",
            vec![
                span(0, (0, 1), S, password(1), 200),
                span(1, (2, 3), Credential::None, log_in, 200),
            ],
        ),
    ]
}
