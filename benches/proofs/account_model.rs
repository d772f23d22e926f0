//! What a user, their credentials and some records may answer, as one state machine.

use crate::linearizability::Model;

/// The number of a widget, a template or a task.
pub type Record = usize;

pub const WIDGETS: [Record; 2] = [0, 1];
pub const TEMPLATES: [Record; 2] = [2, 3];
/// It is assigned to the user, and is always there.
pub const TASK: Record = 4;

/// A record's `ETag`, and the number in it.
pub type Version = (u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Employee,
    Manager,
    Admin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An administrator whose authority stays.
    Boss,
    Session(u64),
    Key(u32),
    /// For a login.
    None,
}

/// What is asked for, with what the answer says.
#[derive(Clone, Debug)]
pub enum Act {
    Read {
        record: Record,
        found: Option<Version>,
    },
    Create {
        record: Record,
        version: Version,
    },
    Change {
        record: Record,
        if_match: Option<u64>,
        version: Version,
    },
    Delete {
        record: Record,
        if_match: Option<u64>,
    },
    WhoAmI {
        role: Option<Role>,
    },
    ListSessions {
        sessions: Vec<u64>,
    },
    SetRole(Role),
    SetActive(bool),
    /// `races` if an order of the password's check and of the session's start may refuse it: an
    /// event that ends sessions was under way.
    LogIn {
        password: u32,
        session: u64,
        races: bool,
    },
    LogOut,
    EndSession(u64),
    EndAllSessions,
    CreateKey(u32),
    RevokeKey(u32),
    ChangePassword {
        from: u32,
        to: u32,
    },
}

#[derive(Clone, Debug)]
pub struct Call {
    pub by: Credential,
    pub act: Act,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    pub role: Role,
    pub is_active: bool,
    pub password: u32,
    /// In ascending order.
    pub sessions: Vec<u64>,
    pub keys: Vec<u32>,
    pub records: [Option<Version>; 5],
}

impl Model for Account {
    type Call = Call;

    fn after(&self, call: &Call) -> Option<Self> {
        if call.by == Credential::None {
            return self.after_login(call);
        }
        let is_refused = call.status == 401;
        match self.role_of(call.by) {
            Some(role) if !is_refused => self.after_act(call, role),
            None if is_refused => Some(self.clone()),
            _ => None,
        }
    }
}

impl Account {
    /// `None` if the credential is not accepted.
    fn role_of(&self, by: Credential) -> Option<Role> {
        let is_accepted = match by {
            Credential::Boss => return Some(Role::Admin),
            Credential::Session(id) => self.sessions.contains(&id),
            Credential::Key(id) => self.keys.contains(&id),
            Credential::None => false,
        };
        (is_accepted && self.is_active).then_some(self.role)
    }

    fn after_login(&self, Call { act, status, .. }: &Call) -> Option<Self> {
        let Act::LogIn { password, session, races } = act else { return None };
        let is_right = self.password == *password;
        match status {
            200 => (is_right && self.is_active).then(|| {
                self.with(|next| {
                    next.sessions.push(*session);
                    next.sessions.sort_unstable();
                })
            }),
            401 => (!is_right || *races).then(|| self.clone()),
            403 => (is_right && !self.is_active).then(|| self.clone()),
            _ => None,
        }
    }

    fn after_act(&self, Call { by, act, status }: &Call, role: Role) -> Option<Self> {
        let same = |is_so: bool| is_so.then(|| self.clone());
        match (act, status) {
            (Act::Read { record, found }, 200 | 404) => same(self.records[*record] == *found),
            (
                Act::Create { record, .. }
                | Act::Change { record, .. }
                | Act::Delete { record, .. },
                _,
            ) => {
                if role < required(*record) {
                    return same(*status == 403);
                }
                self.after_write(*record, act, *status)
            }
            (Act::WhoAmI { role: found }, 200) => same(*found == Some(role)),
            (Act::ListSessions { sessions }, 200) => same(*sessions == self.sessions),
            (Act::SetRole(role), 200) => Some(self.with(|next| next.role = *role)),
            (Act::SetActive(is_active), 200) => Some(self.with(|next| {
                next.is_active = *is_active;
                if !is_active {
                    next.sessions.clear();
                }
            })),
            (Act::LogOut, 200) => {
                Some(self.with(|next| next.sessions.retain(|id| *by != Credential::Session(*id))))
            }
            (Act::EndSession(id), 204 | 404) => {
                let is_there = self.sessions.contains(id);
                (is_there == (*status == 204))
                    .then(|| self.with(|next| next.sessions.retain(|other| other != id)))
            }
            (Act::EndAllSessions, 204) => Some(self.with(|next| next.sessions.clear())),
            (Act::CreateKey(id), 201) => Some(self.with(|next| next.keys.push(*id))),
            (Act::RevokeKey(id), 204 | 404) => {
                let is_there = self.keys.contains(id);
                (is_there == (*status == 204))
                    .then(|| self.with(|next| next.keys.retain(|other| other != id)))
            }
            (Act::ChangePassword { from, .. }, 400) => same(self.password != *from),
            (Act::ChangePassword { from, to }, 200) => (self.password == *from).then(|| {
                self.with(|next| {
                    next.password = *to;
                    next.sessions.retain(|id| *by == Credential::Session(*id));
                })
            }),
            _ => None,
        }
    }

    fn after_write(&self, record: Record, act: &Act, status: u16) -> Option<Self> {
        let current = self.records[record];
        let holds = |if_match: &Option<u64>| {
            if_match.is_none_or(|etag| current.is_some_and(|(current, _)| current == etag))
        };
        let (expected, after) = match (act, current) {
            (Act::Create { .. }, Some(_)) => (409, current),
            (Act::Create { version, .. }, None) => (201, Some(*version)),
            (Act::Change { .. } | Act::Delete { .. }, None) => (404, None),
            (Act::Change { if_match, version, .. }, _) if holds(if_match) => (200, Some(*version)),
            (Act::Delete { if_match, .. }, _) if holds(if_match) => (204, None),
            _ => (412, current),
        };
        (status == expected).then(|| self.with(|next| next.records[record] = after))
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }
}

/// Who may write a record.
fn required(record: Record) -> Role {
    match record {
        _ if WIDGETS.contains(&record) => Role::Admin,
        // Its title; the assignee may change the status.
        TASK => Role::Manager,
        _ => Role::Employee,
    }
}
