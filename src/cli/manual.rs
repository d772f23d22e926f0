//! What a package of widgetd installs beside the program: `systemd-unit`, `completions`, `man`

use std::path::PathBuf;

use clap_complete::Shell;

use super::terminal::print;
use crate::error::Error;

const SERVICE_UNIT: &str = include_str!("units/widgetd.service");
const SOCKET_UNIT: &str = include_str!("units/widgetd.socket");

#[derive(clap::Args)]
pub struct UnitArgs {
    /// Print the unit of the socket: with it, a restart refuses no connection
    #[arg(long)]
    socket: bool,
}

#[derive(clap::Args)]
pub struct CompletionsArgs {
    shell: Shell,
}

#[derive(clap::Args)]
pub struct ManArgs {
    /// The folder, which is made if it is not there, such as `/usr/local/share/man/man1`
    folder: PathBuf,
}

pub fn print_unit(arguments: &UnitArgs) -> Result<(), Error> {
    print(if arguments.socket { SOCKET_UNIT } else { SERVICE_UNIT })
}

pub fn print_completions(
    mut command: clap::Command,
    arguments: &CompletionsArgs,
) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "widgetd", &mut script);
    let script =
        String::from_utf8(script).map_err(|cause| Error::internal("completions", cause))?;
    print(&script)
}

pub fn write_pages(command: clap::Command, arguments: &ManArgs) -> Result<(), Error> {
    let folder = &arguments.folder;
    // A fresh system has none below `/usr/local`.
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|cause| {
        Error::internal(&format!("cannot write manual pages into {}", folder.display()), cause)
    })?;
    eprintln!("Manual pages: {}", folder.display());
    Ok(())
}
