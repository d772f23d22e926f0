//! Users whose authority changes, what they have, and the changes.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::access_page::{Access, Via};
use crate::account_model::Role;
use crate::history_calls::session_id;
use crate::program::{Client, PASSWORD, Server};

const NEW_PASSWORD: &str = "tinker tailor soldier spy";

/// The administrator who changes authority, and what others have.
pub struct Scene {
    pub url: String,
    /// A user whom nobody else changes, a task and a reset code of theirs.
    pub user: String,
    pub task: String,
    pub code: String,
    boss: Client,
}

/// A user, and one of their credentials.
pub struct Subject {
    /// What their requests carry.
    pub credential: String,
    pub spare_session: String,
    pub spare_key: String,
    pub task: String,
    id: String,
    /// The key that may be the credential.
    key: String,
    /// By which they change what is theirs.
    session: Client,
}

/// A change of a subject's authority.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The boss sets a field of the user.
    Set(&'static str, &'static str),
    Delete,
    LogOut,
    EndSessions,
    NewPassword,
    RevokeKey,
}

const fn access(role: Role, via: Via) -> Access {
    Access { role: Some(role), via }
}

const fn none(via: Via) -> Access {
    Access { role: None, via }
}

use Role::{Admin, Employee, Manager};
use Via::{CalendarKey, Nothing, ReadKey, Session, WriteKey};

/// Each with the access before and after it.
pub const CHANGES: &[(Change, Access, Access)] = &[
    (Change::Set("role", "employee"), access(Admin, Session), access(Employee, Session)),
    (Change::Set("role", "manager"), access(Admin, WriteKey), access(Manager, WriteKey)),
    (Change::Set("role", "manager"), access(Employee, Session), access(Manager, Session)),
    (Change::Set("role", "admin"), access(Employee, ReadKey), access(Admin, ReadKey)),
    (Change::Set("status", "disabled"), access(Admin, Session), none(Session)),
    (Change::Set("status", "disabled"), access(Admin, WriteKey), none(WriteKey)),
    (Change::Set("status", "active"), none(WriteKey), access(Employee, WriteKey)),
    (Change::Delete, access(Manager, Session), none(Session)),
    (Change::LogOut, access(Admin, Session), none(Session)),
    (Change::EndSessions, access(Manager, Session), none(Session)),
    (Change::EndSessions, access(Manager, WriteKey), access(Manager, WriteKey)),
    (Change::NewPassword, access(Admin, Session), none(Session)),
    (Change::RevokeKey, access(Admin, WriteKey), none(WriteKey)),
    (Change::RevokeKey, access(Employee, CalendarKey), none(CalendarKey)),
];

impl Change {
    /// Returns when it is answered.
    pub fn make(self, scene: &Scene, subject: &Subject) {
        let user = format!("/users/{}", subject.id);
        let answer = match self {
            Self::Set(field, value) => scene.boss.send("PATCH", &user, &[(field, value)]),
            Self::Delete => scene.boss.send("DELETE", &user, &[]),
            Self::EndSessions => scene.boss.send("DELETE", &format!("{user}/sessions"), &[]),
            Self::LogOut => subject.session.bearing(&subject.credential).post("/auth/logout", &[]),
            Self::NewPassword => {
                let fields = [("current_password", PASSWORD), ("new_password", NEW_PASSWORD)];
                subject.session.post("/auth/password", &fields)
            }
            Self::RevokeKey => {
                subject.session.send("DELETE", &format!("/auth/keys/{}", subject.key), &[])
            }
        };
        assert!(answer.status < 300, "{self:?}: {}", answer.text);
    }
}

/// The 12 kinds of callers. A pending user has no session, but an operator can give them a key.
pub fn everybody(scene: &Scene, pending_key: String) -> Vec<(Access, Subject)> {
    let active = [
        access(Employee, Session),
        access(Manager, Session),
        access(Admin, Session),
        access(Employee, ReadKey),
        access(Employee, WriteKey),
        access(Admin, ReadKey),
        access(Admin, WriteKey),
        access(Admin, CalendarKey),
    ];
    let mut everybody: Vec<_> =
        active.iter().map(|access| (*access, enlist(scene, *access))).collect();
    for change in [Change::Set("status", "disabled"), Change::EndSessions] {
        let subject = enlist(scene, access(Admin, Session));
        change.make(scene, &subject);
        everybody.push((none(Session), subject));
    }
    for (via, credential) in [(Nothing, String::new()), (WriteKey, pending_key)] {
        let subject = enlist(scene, access(Admin, Session));
        everybody.push((none(via), Subject { credential, ..subject }));
    }
    everybody
}

fn created(boss: &Client, path: &str, fields: &[(&str, &str)], field: &str) -> String {
    let answer = boss.post(path, fields);
    assert_eq!(answer.status, 201, "{path}: {}", answer.text);
    answer.body[field].as_str().unwrap_or_default().to_owned()
}

fn add_user(boss: &Client, email: &str, role: &str) -> String {
    let fields = [("email", email), ("password", PASSWORD), ("role", role)];
    created(boss, "/users", &fields, "public_id")
}

pub fn prepare(server: &Server) -> Scene {
    let boss = server.log_in("admin@example.com");
    assert_eq!(boss.try_add_widget("shared").unwrap().status, 201);
    let user = add_user(&boss, "target@example.com", "employee");
    let target = server.log_in("target@example.com");
    created(&target, "/templates", &[("name", "theirs"), ("body", "A text.")], "name");
    let task = [("title", "Theirs"), ("assignee", "target@example.com")];
    Scene {
        task: created(&boss, "/tasks", &task, "id"),
        code: created(&boss, &format!("/users/{user}/reset-code"), &[], "code"),
        user,
        url: server.url.clone(),
        boss,
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Employee => "employee",
        Manager => "manager",
        Admin => "admin",
    }
}

/// A new user with this access, or disabled.
pub fn enlist(scene: &Scene, access: Access) -> Subject {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let email = format!("user-{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed));
    let boss = &scene.boss;
    let id = add_user(boss, &email, role_name(access.role.unwrap_or(Employee)));
    let client = Client::of(&scene.url);
    let log_in =
        || client.attempt(&email, PASSWORD).body["access_token"].as_str().unwrap().to_owned();
    let (token, session) = (log_in(), client.bearing(&log_in()));
    let scope = match access.via {
        CalendarKey => "calendar",
        ReadKey => "read",
        _ => "write",
    };
    let key = session.post("/auth/keys", &[("name", "one"), ("scope", scope)]).body;
    let spare_key = created(&session, "/auth/keys", &[("name", "spare"), ("scope", "read")], "id");
    created(&session, "/templates", &[("name", "own"), ("body", "A text.")], "name");
    let task = created(boss, "/tasks", &[("title", "Own"), ("assignee", &email)], "id");
    let credential = match access.via {
        Session | Nothing => token,
        _ => key["key"].as_str().unwrap().to_owned(),
    };
    let subject = Subject {
        spare_session: session_id(&log_in()),
        key: key["id"].as_str().unwrap().to_owned(),
        id,
        credential,
        session,
        spare_key,
        task,
    };
    if access.role.is_none() {
        Change::Set("status", "disabled").make(scene, &subject);
    }
    subject
}
