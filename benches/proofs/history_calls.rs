//! What the callers of one group know of each other's sessions, keys and records, and what they do
//! next.

use std::collections::VecDeque;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use crate::account_model::{Act, Call, Credential, Record, Role, TASK, TEMPLATES, WIDGETS};
use crate::connection::{Answer, request, with_header};
use crate::random::Random;

const SESSIONS: usize = 4;
const KEYS: usize = 2;

/// How many ended sessions and keys are tried again.
const RETIRED: usize = 16;

#[derive(Clone)]
struct Bearer {
    credential: Credential,
    token: String,
    /// The id of the session or key in paths.
    id: String,
}

/// Where a session or key is kept, so that there are never many. Keys come after sessions.
pub type Slot = usize;

#[derive(Clone)]
enum Held {
    Free,
    /// It is being created.
    Reserved,
    By(Bearer),
}

pub struct World {
    pub boss: String,
    pub task: String,
    group: usize,
    email: String,
    user: String,
    slots: Vec<Held>,
    retired: VecDeque<Bearer>,
    etags: [Option<u64>; 5],
    password: u32,
    old_password: u32,
    /// As far as it is known.
    is_active: bool,
    next: u32,
}

/// A call without its answer, and the slot that it fills, or that its bearer is from.
pub struct Plan {
    pub call: Call,
    pub request: Vec<u8>,
    pub slot: Option<Slot>,
}

pub fn password(number: u32) -> String {
    format!("correct horse battery staple {number}")
}

/// The version in an `ETag`.
pub fn etag(header: &str) -> u64 {
    u64::from_str_radix(&header.trim_matches('"')[..16], 16).expect("a version")
}

impl World {
    pub fn new(group: usize, boss: String, email: String, user: String, task: String) -> Self {
        Self {
            boss,
            task,
            group,
            email,
            user,
            slots: vec![Held::Free; SESSIONS + KEYS],
            retired: VecDeque::new(),
            etags: [None; 5],
            password: 0,
            old_password: 0,
            is_active: true,
            next: 0,
        }
    }

    /// Chooses what to do next.
    pub fn plan(&mut self, random: &mut Random) -> Plan {
        self.next += 1;
        let choice = random.below(1_000);
        if !self.is_active && choice < 200 {
            return self.set_active(true);
        }
        if let Some(plan) = self.log_in_or_create_key(random, choice) {
            return plan;
        }
        match choice {
            0..40 => self.by_boss(random, choice),
            _ => match self.bearer(random) {
                Some((slot, bearer)) => self.by_bearer(random, &bearer, slot),
                None => self.by_boss(random, choice % 40),
            },
        }
    }

    fn log_in_or_create_key(&mut self, random: &mut Random, choice: usize) -> Option<Plan> {
        let is_free = |slot: &Held| matches!(slot, Held::Free);
        let slot = self.slots.iter().position(is_free).filter(|_| choice < 500)?;
        let number = self.next;
        if slot < SESSIONS {
            self.slots[slot] = Held::Reserved;
            let is_old = random.below(20) == 0;
            let given = if is_old { self.old_password } else { self.password };
            let fields = [("email", self.email.as_str()), ("password", &password(given))];
            let request = request("POST", "/auth/login", "", &fields);
            let act = Act::LogIn { password: given, session: 0, races: false };
            return Some(plan(Credential::None, act, request, Some(slot)));
        }
        let sessions = &self.slots[..SESSIONS];
        let bearer = sessions.iter().find_map(Held::bearer)?.clone();
        self.slots[slot] = Held::Reserved;
        let fields = [("name", number.to_string()), ("scope", "write".to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let request = request("POST", "/auth/keys", &bearer.token, &fields);
        Some(plan(bearer.credential, Act::CreateKey(number), request, Some(slot)))
    }

    /// A session or key, maybe one that has ended.
    fn bearer(&self, random: &mut Random) -> Option<(Option<Slot>, Bearer)> {
        if random.below(20) == 0 && !self.retired.is_empty() {
            return Some((None, self.retired[random.below(self.retired.len())].clone()));
        }
        let held: Vec<_> =
            (0..self.slots.len()).filter(|n| self.slots[*n].bearer().is_some()).collect();
        let slot = *held.get(random.below(held.len().max(1)))?;
        Some((Some(slot), self.slots[slot].bearer()?.clone()))
    }

    /// What an administrator does to the user and to what both may change.
    fn by_boss(&self, random: &mut Random, choice: usize) -> Plan {
        let (user, token) = (format!("/users/{}", self.user), &self.boss);
        let (act, request) = match choice {
            0..10 => {
                let (role, name) = random.pick(&[
                    (Role::Employee, "employee"),
                    (Role::Manager, "manager"),
                    (Role::Admin, "admin"),
                    (Role::Admin, "admin"),
                ]);
                (Act::SetRole(role), request("PATCH", &user, token, &[("role", name)]))
            }
            10..13 => {
                return self.set_active(random.below(2) == 0);
            }
            13..15 => {
                (Act::EndAllSessions, request("DELETE", &format!("{user}/sessions"), token, &[]))
            }
            _ => return self.on_record(random, Credential::Boss, token, None),
        };
        plan(Credential::Boss, act, request, None)
    }

    fn set_active(&self, is_active: bool) -> Plan {
        let status = if is_active { "active" } else { "disabled" };
        let path = format!("/users/{}", self.user);
        let request = request("PATCH", &path, &self.boss, &[("status", status)]);
        plan(Credential::Boss, Act::SetActive(is_active), request, None)
    }

    fn by_bearer(&self, random: &mut Random, bearer: &Bearer, slot: Option<Slot>) -> Plan {
        let Bearer { credential, token, id } = bearer;
        let is_session = matches!(credential, Credential::Session(_));
        let (act, request) = match random.below(1_000) {
            0..60 => (Act::WhoAmI { role: None }, request("GET", "/auth/user", token, &[])),
            60..75 => {
                let list = "/auth/sessions?per_page=100";
                (Act::ListSessions { sessions: Vec::new() }, request("GET", list, token, &[]))
            }
            75..95 if is_session => (Act::LogOut, request("POST", "/auth/logout", token, &[])),
            95..105 if is_session => self.end_session(random, token),
            105..108 if is_session => {
                (Act::EndAllSessions, request("DELETE", "/auth/sessions", token, &[]))
            }
            108..118 if is_session => self.change_password(token),
            75..85 => {
                let Credential::Key(number) = credential else { unreachable!() };
                let path = format!("/auth/keys/{id}");
                (Act::RevokeKey(*number), request("DELETE", &path, token, &[]))
            }
            _ => return self.on_record(random, *credential, token, slot),
        };
        plan(*credential, act, request, slot)
    }

    fn end_session(&self, random: &mut Random, token: &str) -> (Act, Vec<u8>) {
        let held = self.slots[..SESSIONS].iter().filter_map(Held::bearer);
        let is_session = |bearer: &&Bearer| matches!(bearer.credential, Credential::Session(_));
        let all: Vec<_> = held.chain(self.retired.iter().filter(is_session)).collect();
        let Bearer { credential: Credential::Session(number), id, .. } = random.pick(&all) else {
            unreachable!()
        };
        let path = format!("/auth/sessions/{id}");
        (Act::EndSession(*number), request("DELETE", &path, token, &[]))
    }

    fn change_password(&self, token: &str) -> (Act, Vec<u8>) {
        let act = Act::ChangePassword { from: self.password, to: self.next };
        let [from, to] = [self.password, self.next].map(password);
        let fields = [("current_password", from.as_str()), ("new_password", &to)];
        (act, request("POST", "/auth/password", token, &fields))
    }

    fn on_record(
        &self,
        random: &mut Random,
        by: Credential,
        token: &str,
        slot: Option<Slot>,
    ) -> Plan {
        let is_boss = by == Credential::Boss;
        // The boss has other templates.
        let record = if is_boss { random.pick(&[0, 1, TASK]) } else { random.below(5) };
        let (path, field) = self.address(record);
        let version = (0, self.next.into());
        let value = match field {
            "info_url" => format!("https://example.com/{}", self.next),
            _ => self.next.to_string(),
        };
        let if_match = self.etags[record].filter(|_| random.below(3) > 0);
        let conditional = |request| match if_match {
            Some(etag) => with_header(request, "If-Match", &format!("\"{etag:016x}\"")),
            None => request,
        };
        let (act, request) = match random.below(100) {
            0..8 if record != TASK => {
                let (list, name) = path[1..].split_once('/').expect("two parts");
                let mut fields = vec![("name", name), (field, &value)];
                fields.extend(WIDGETS.contains(&record).then_some(("deadline", "2099-12-31")));
                let request = request("POST", &format!("/{list}"), token, &fields);
                (Act::Create { record, version }, request)
            }
            8..12 if record != TASK => {
                let request = conditional(request("DELETE", &path, token, &[]));
                (Act::Delete { record, if_match }, request)
            }
            0..30 => {
                let request = conditional(request("PATCH", &path, token, &[(field, &value)]));
                (Act::Change { record, if_match, version }, request)
            }
            _ => (Act::Read { record, found: None }, request("GET", &path, token, &[])),
        };
        plan(by, act, request, slot)
    }

    /// Where a record is, and the field with its number.
    fn address(&self, record: Record) -> (String, &'static str) {
        match record {
            TASK => (format!("/tasks/{}", self.task), "title"),
            _ if TEMPLATES.contains(&record) => (format!("/templates/t{record}"), "body"),
            _ => (format!("/widgets/g{}-w{record}", self.group), "info_url"),
        }
    }

    /// Remembers what later calls need to know of an answer.
    pub fn learn(&mut self, call: &Call, slot: Option<Slot>, answer: &Answer) {
        match (&call.act, call.status) {
            (Act::LogIn { session, .. }, 200) => {
                let token = answer.json()["access_token"].as_str().unwrap().to_owned();
                let id = session_id(&token);
                let bearer = Bearer { credential: Credential::Session(*session), token, id };
                self.slots[slot.unwrap()] = Held::By(bearer);
            }
            (Act::CreateKey(number), 201) => {
                let body = answer.json();
                let [token, id] = ["key", "id"].map(|name| body[name].as_str().unwrap().to_owned());
                let bearer = Bearer { credential: Credential::Key(*number), token, id };
                self.slots[slot.unwrap()] = Held::By(bearer);
            }
            (Act::LogIn { .. } | Act::CreateKey(_), _) => self.slots[slot.unwrap()] = Held::Free,
            (Act::Read { record, found: Some((etag, _)) }, _) => self.etags[*record] = Some(*etag),
            (Act::Create { record, version } | Act::Change { record, version, .. }, 200 | 201) => {
                self.etags[*record] = Some(version.0);
            }
            (Act::SetActive(is_active), 200) => self.is_active = *is_active,
            (Act::ChangePassword { from, to }, 200) => {
                (self.old_password, self.password) = (*from, *to);
            }
            (Act::LogOut, 200) | (Act::RevokeKey(_), 204) => self.retire(call.by),
            (_, 401) if matches!(call.by, Credential::Session(_)) => self.retire(call.by),
            _ => {}
        }
    }

    fn retire(&mut self, credential: Credential) {
        for slot in &mut self.slots {
            if slot.bearer().is_some_and(|bearer| bearer.credential == credential)
                && let Held::By(bearer) = std::mem::replace(slot, Held::Free)
            {
                self.retired.push_front(bearer);
                self.retired.truncate(RETIRED);
            }
        }
    }
}

impl Held {
    fn bearer(&self) -> Option<&Bearer> {
        if let Self::By(bearer) = self { Some(bearer) } else { None }
    }
}

fn plan(by: Credential, act: Act, request: Vec<u8>, slot: Option<Slot>) -> Plan {
    Plan { call: Call { by, act, status: 0 }, request, slot }
}

/// The number of a session, which is the end of its id.
pub fn session_number(id: &str) -> u64 {
    let digits: String = id.split('-').skip(3).collect();
    u64::from_str_radix(&digits, 16).expect("a UUID")
}

/// The claim `jti` of a token.
pub fn session_id(token: &str) -> String {
    let payload = token.split('.').nth(1).expect("three parts");
    let claims = BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("claims");
    claims["jti"].as_str().expect("a session").to_owned()
}
