//! What somebody who guesses learns from the time and the text of an answer.

#![allow(clippy::cast_precision_loss, reason = "counts are small")]

use std::time::{Duration, Instant};

use crate::Run;
use crate::connection::{Answer, Connection, request};
use crate::program::{PASSWORD, Place, Server, text};

/// A difference in time that counts.
const MARGIN: Duration = Duration::from_millis(1);

/// How probable a false alarm of the whole proof may be: as small as one of a single comparison
/// usually is. In truth it is far smaller, see [`z_beyond_margin`].
const FALSE_ALARM: f64 = 0.01;

/// Requests that must not be told from each other, by what they are about.
type Group = Vec<(&'static str, Vec<u8>)>;

pub fn prove(run: &Run) -> String {
    let place = Place::with(&[
        // Rate limits would refuse before anything is compared.
        ("WIDGETD_THROTTLE", "false"),
        ("WIDGETD_REGISTRATION", "approval"),
    ]);
    place.add_admin();
    for email in ["ann@example.com", "off@example.com", "used@example.com", "live@example.com"] {
        let name = email.split_once('@').expect("a name").0;
        place.add_user(&[email, "--username", name]);
    }
    command(&place, &["user", "disable", "off@example.com"], "");
    let server = place.serve();
    let pending = [("email", "new@example.com"), ("password", PASSWORD)];
    assert_eq!(server.client().post("/auth/register", &pending).status, 201);
    let groups = [by_email(), by_username(), codes(&place, &server)];
    let comparisons: usize = groups.iter().map(|group| group.len() - 1).sum();
    // Bonferroni, for two sides of each comparison.
    let limit = quantile(FALSE_ALARM / (2 * comparisons) as f64);
    let mut said = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let times = sample(run, number, &server, group);
        for (kind, (name, _)) in group.iter().enumerate().skip(1) {
            let difference = median(&times[kind]) - median(&times[0]);
            let z = z_beyond_margin(&times[0], &times[kind])
                .max(z_beyond_margin(&times[kind], &times[0]));
            let line = format!(
                "{name}: {:+.3} ms beside {} ({:.2} ms)",
                difference * 1e3,
                group[0].0,
                median(&times[0]) * 1e3
            );
            let is_apart = run.judges_time() && z >= limit;
            assert!(!is_apart, "{line}: more than 1 ms apart (z {z:.1}, limit {limit:.1})");
            said.push(line);
        }
    }
    said.join("\n")
}

fn command(place: &Place, arguments: &[&str], input: &str) -> String {
    let output = place.run(arguments, input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn log_in(field: &str, name: &str) -> Vec<u8> {
    request("POST", "/auth/login", "", &[(field, name), ("password", "not the password")])
}

fn by_email() -> Group {
    vec![
        ("login, an unknown address", log_in("email", "nobody@example.com")),
        ("login, a wrong password", log_in("email", "ann@example.com")),
        ("login, a pending account", log_in("email", "new@example.com")),
        ("login, a disabled account", log_in("email", "off@example.com")),
    ]
}

fn by_username() -> Group {
    vec![
        ("login, an unknown username", log_in("username", "nobody")),
        ("login, a wrong password with a username", log_in("username", "ann")),
    ]
}

/// A code is all that somebody sends who has forgotten a password.
fn codes(place: &Place, server: &Server) -> Group {
    let create = |email: &str| {
        let said = command(place, &["user", "reset-code", email], "");
        let mut words = said.split_whitespace();
        let is_code = |word: &&str| word.len() == 19 && word.matches('-').count() == 3;
        words.find(is_code).unwrap_or_else(|| panic!("no code in {said}")).to_owned()
    };
    let new = "another phrase nobody guesses";
    let redeem = |code: &str| [("code", code.to_owned()), ("new_password", new.to_owned())];
    let used = create("used@example.com");
    let [code, password] = redeem(&used);
    let fields = [(code.0, &*code.1), (password.0, &*password.1)];
    assert_eq!(server.client().post("/auth/reset", &fields).status, 200);
    let live = create("live@example.com");
    let last = if live.ends_with('a') { "b" } else { "a" };
    let near = format!("{}{last}", &live[..live.len() - 1]);
    let send = |code: &str| {
        let [code, password] = redeem(code);
        let fields = [(code.0, &*code.1), (password.0, &*password.1)];
        request("POST", "/auth/reset", "", &fields)
    };
    vec![
        ("reset, a code of nobody", send("aaaa-bbbb-cccc-dddd")),
        ("reset, a code like that of an account", send(&near)),
        ("reset, a used code of an account", send(&used)),
    ]
}

/// Sends each request as often, in random order. Returns their times, in seconds.
fn sample(run: &Run, part: usize, server: &Server, group: &Group) -> Vec<Vec<f64>> {
    let mut random = run.random(part);
    let mut left: Vec<usize> = vec![run.times(3_000, 150); group.len()];
    let mut times = vec![Vec::new(); group.len()];
    let mut connection = Connection::open(&server.url).expect("a connection");
    // The first hash after a pause takes new memory.
    let first = connection.exchange(&group[0].1).expect("an answer");
    while left.iter().any(|left| *left > 0) {
        let kind = random.below(group.len());
        if left[kind] == 0 {
            continue;
        }
        left[kind] -= 1;
        let asked = Instant::now();
        let answer = connection.exchange(&group[kind].1).expect("an answer");
        times[kind].push(asked.elapsed().as_secs_f64());
        assert_eq!(shown(&answer), shown(&first), "{}", group[kind].0);
    }
    times
}

/// All of an answer but the headers that each request has of its own.
fn shown(answer: &Answer) -> (String, String) {
    let own = |line: &&str| {
        let line = line.to_lowercase();
        !line.starts_with("date:") && !line.starts_with("x-request-id:")
    };
    (answer.head.lines().filter(own).collect::<Vec<_>>().join("\n"), text(&answer.body))
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// How sure it is that the second ones take more than [`MARGIN`] longer: the statistic of Mann and
/// Whitney with the margin taken off, as a normal deviate. It compares ranks, so that a few answers
/// which the machine held up do not decide, as they would with means (Welch). Where both take the
/// same time, half of a margin is many standard errors away, and it is far below 0.
fn z_beyond_margin(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = first.iter().map(|time| (*time, false)).collect();
    all.extend(second.iter().map(|time| (time - MARGIN.as_secs_f64(), true)));
    all.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let ranks = all.iter().enumerate().filter(|(_, (_, is_second))| *is_second);
    let sum: f64 = ranks.map(|(rank, _)| (rank + 1) as f64).sum();
    let (n, m) = (first.len() as f64, second.len() as f64);
    let expected = m * (n + m + 1.0) / 2.0;
    (sum - expected) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

/// The normal deviate that is exceeded with this small probability (Abramowitz and Stegun, 26.2.23;
/// the error is below 0.0005).
fn quantile(probability: f64) -> f64 {
    let t = (-2.0 * probability.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - above / below
}
