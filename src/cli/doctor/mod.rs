//! `widgetd doctor`: what is wrong with the service, its files and its settings, and what to do.

mod files;
mod finding;
mod network;
mod state;

use serde::Serialize;

use self::files::check_files;
use self::finding::{Finding, Grade};
use self::network::{check_network, check_service};
use self::state::check_state;
use super::terminal::{print, print_json};
use crate::config::{Config, shown_settings};
use crate::error::Error;

#[derive(clap::Args)]
pub struct DoctorArgs {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Only ask the service whether it is ready, and fail if it is not: for the health check of a container
    #[arg(long)]
    ready: bool,
}

/// Fails if something is wrong; warnings alone are no failure.
pub fn run(config: &Config, arguments: DoctorArgs) -> Result<(), Error> {
    let findings = if arguments.ready { vec![check_ready(config)] } else { check_all(config) };
    if arguments.json {
        print_json(&findings.iter().map(FindingRow::new).collect::<Vec<_>>())?;
    } else {
        for Finding { about, grade, says, advice } in &findings {
            print(&format!("{:8} {about:9} {}\n", grade.name(), printable(says)))?;
            if let Some(advice) = advice {
                print(&format!("{:18} {}\n", "", printable(advice)))?;
            }
        }
    }
    match findings.iter().filter(|finding| finding.grade == Grade::Wrong).count() {
        0 => Ok(()),
        1 => Err(Error::Conflict("1 finding is wrong".to_owned())),
        count => Err(Error::Conflict(format!("{count} findings are wrong"))),
    }
}

fn check_all(config: &Config) -> Vec<Finding> {
    let mut findings = vec![check_settings(config)];
    check_files(config, &mut findings);
    check_state(config, &mut findings);
    check_network(config, &mut findings);
    findings
}

/// To be stopped is no fault of a service, but it is not ready.
fn check_ready(config: &Config) -> Finding {
    let finding = check_service(config);
    match finding.grade {
        Grade::Ok => finding,
        Grade::Warning | Grade::Wrong => Finding { grade: Grade::Wrong, ..finding },
    }
}

/// A service or a proxy must not control the terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// A finding as `--json` prints it.
#[derive(Serialize)]
struct FindingRow<'a> {
    about: &'a str,
    grade: &'a str,
    says: &'a str,
    advice: Option<&'a str>,
}

impl<'a> FindingRow<'a> {
    fn new(finding: &'a Finding) -> Self {
        let Finding { about, grade, says, advice } = finding;
        Self { about, grade: grade.name(), says, advice: advice.as_deref() }
    }
}

fn check_settings(config: &Config) -> Finding {
    let settings = shown_settings(&config.figment);
    let own: Vec<_> = settings
        .iter()
        .filter(|setting| setting.origin != "default")
        .map(|setting| format!("{} ({})", setting.key, setting.origin))
        .collect();
    Finding::ok(
        "settings",
        if own.is_empty() {
            "all are the defaults".to_owned()
        } else {
            format!("the defaults but for {}", own.join(", "))
        },
    )
}
