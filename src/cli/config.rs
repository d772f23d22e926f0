//! `widgetd config show`

use super::terminal::{print, print_json, print_table};
use crate::config::{Config, ShownSetting, shown_settings};
use crate::error::Error;

#[derive(clap::Subcommand)]
pub enum ConfigCommand {
    /// Print every setting and its value, without secrets
    Show {
        /// Also where each value comes from: the file, variable or flag, or the default
        #[arg(long)]
        origin: bool,
        /// Print them as JSON, with their origins
        #[arg(long)]
        json: bool,
    },
}

pub fn run(config: &Config, command: ConfigCommand) -> Result<(), Error> {
    let ConfigCommand::Show { origin, json } = command;
    let settings = shown_settings(&config.figment);
    if json {
        return print_json(&settings);
    }
    let line = |ShownSetting { key, value, .. }: &ShownSetting| match value {
        serde_json::Value::Null => format!("{key} is not set"),
        value => format!("{key} = {value}"),
    };
    if origin {
        let rows: Vec<_> =
            settings.iter().map(|setting| [line(setting), setting.origin.clone()]).collect();
        return print_table(&rows);
    }
    print(&settings.iter().map(|setting| line(setting) + "\n").collect::<String>())
}
