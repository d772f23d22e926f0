//! The command line: noun, then verb. Data goes to stdout, messages to stderr.

mod audit;
mod backup;
mod client;
mod config;
mod database;
mod doctor;
mod httpie_session;
mod key;
mod login;
mod manual;
mod progress;
mod reload;
mod replacement;
mod serve;
mod service_manager;
mod table;
mod terminal;
mod upgrade;
mod upkeep;
mod user;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{Config, Overrides};
use crate::error::Error;
use crate::telemetry::{flush, start_log, tell};

const AFTER_HELP: &str = "\
First steps:
  widgetd                                      serve on http://127.0.0.1:8000
  widgetd user add ann@example.org --admin     add an administrator, in another terminal
  http://127.0.0.1:8000/api/v1/ui              read about the API and try it

All data is in one file, widgetd.db in the current folder, unless --database or WIDGETD_DATABASE
names another one. Commands work while the service runs.

Settings come from Rocket.toml, then WIDGETD_* variables, then flags; README.md lists them.
Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// A small backend that a team can trust: accounts, tasks, widgets and templates in one SQLite file.
#[derive(Parser)]
#[command(name = "widgetd", version = env!("LONG_VERSION"), after_help = AFTER_HELP)]
struct Cli {
    /// The database's file [default: widgetd.db]
    #[arg(long, global = true, value_name = "FILE")]
    database: Option<PathBuf>,

    /// The file of settings [default: Rocket.toml in the current folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The arguments of `serve`, for use without a command.
    #[command(flatten)]
    serve: ServeArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve over HTTP until interrupted; also what `widgetd` alone does
    Serve(ServeArgs),
    /// Add, list and change accounts
    #[command(subcommand)]
    User(user::UserCommand),
    /// Create, list and revoke API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// List what happened to accounts, sessions and API keys, oldest first
    Audit(audit::AuditArgs),
    /// Log in to a running service, for HTTPie or other programs
    Login(login::LoginArgs),
    /// Write all of a list to stdout as CSV
    Export(table::ExportArgs),
    /// Import widgets or tasks from CSV: all rows, or none
    Import(table::ImportArgs),
    /// Print the unit of widgetd for systemd, or the one of its socket
    SystemdUnit(manual::UnitArgs),
    /// Print the completions of a shell
    Completions(manual::CompletionsArgs),
    /// Write a manual page for each command into a folder
    Man(manual::ManArgs),
    /// Print the settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look for what is wrong with the service, its files and its settings
    Doctor(doctor::DoctorArgs),
    /// Copy the database into a file, also while the service runs, and check the copy
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the database, which is kept beside it
    Restore(backup::RestoreArgs),
    /// Bring the database to the schema of this widgetd, after a copy
    Upgrade(upgrade::UpgradeArgs),
    /// Go back to the copy from before the last upgrade
    Rollback(upgrade::RollbackArgs),
}

#[derive(clap::Args, Default)]
struct ServeArgs {
    /// The address to listen on [default: 127.0.0.1, this machine only]
    #[arg(long)]
    address: Option<IpAddr>,

    /// The port to listen on [default: 8000]
    #[arg(long)]
    port: Option<u16>,
}

impl ServeArgs {
    fn is_empty(&self) -> bool {
        self.address.is_none() && self.port.is_none()
    }
}

/// Runs the command that the command line names.
pub fn run() -> ExitCode {
    let Cli { database, config, serve, command } = Cli::parse();
    let overrides = Overrides { database, file: config, ..Overrides::default() };
    if command.is_some() && !serve.is_empty() {
        let why = "`--address` and `--port` belong to `serve`; put them after it";
        Cli::command().error(clap::error::ErrorKind::ArgumentConflict, why).exit();
    }
    let result = execute(command.unwrap_or(Command::Serve(serve)), overrides);
    flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("widgetd: {error}"));
            flush();
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command, overrides: Overrides) -> Result<(), Error> {
    match command {
        Command::Serve(ServeArgs { address, port }) => {
            with_config(Overrides { address, port, ..overrides }, serve::run)
        }
        Command::User(command) => {
            with_config(overrides, |config| block_on(user::run(config, command)))
        }
        Command::Key(command) => {
            with_config(overrides, |config| block_on(key::run(config, command)))
        }
        Command::Audit(arguments) => {
            with_config(overrides, |config| block_on(audit::run(config, arguments)))
        }
        Command::Login(arguments) => with_config(overrides, |config| login::run(config, arguments)),
        Command::Export(arguments) => {
            with_config(overrides, |config| block_on(table::export(config, arguments)))
        }
        Command::Import(arguments) => {
            with_config(overrides, |config| block_on(table::import(config, arguments)))
        }
        Command::SystemdUnit(arguments) => manual::print_unit(&arguments),
        Command::Completions(arguments) => manual::print_completions(Cli::command(), &arguments),
        Command::Man(arguments) => manual::write_pages(Cli::command(), &arguments),
        Command::Config(command) => with_config(overrides, |config| config::run(config, command)),
        Command::Doctor(arguments) => {
            with_config(overrides, |config| doctor::run(config, arguments))
        }
        Command::Backup(arguments) => {
            with_config(overrides, |config| block_on(backup::run(config, arguments)))
        }
        Command::Restore(arguments) => {
            with_config(overrides, |config| backup::restore(config, arguments))
        }
        Command::Upgrade(arguments) => {
            with_config(overrides, |config| upgrade::run(config, arguments))
        }
        Command::Rollback(arguments) => {
            with_config(overrides, |config| upgrade::rollback(config, arguments))
        }
    }
}

/// Runs a command that needs nothing but the store.
fn block_on(command: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        // A list waits for its turn with a timeout.
        .enable_time()
        .build()
        .map_err(|cause| Error::internal("cannot start", cause))?;
    runtime.block_on(command)
}

/// Runs a command with the settings. An internal error names the database.
fn with_config(
    overrides: Overrides,
    run: impl FnOnce(&Config) -> Result<(), Error>,
) -> Result<(), Error> {
    let config = Config::load(&overrides)?;
    start_log(config.log_filter, config.log_format);
    run(&config).map_err(|error| {
        let database = config.database.display().to_string();
        match error {
            Error::Internal(text) if !text.contains(&database) => {
                Error::Internal(format!("{text}\nDatabase: {database}"))
            }
            other => other,
        }
    })
}
