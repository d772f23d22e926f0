//! The settings as a person reads them: each with its value and where that comes from.

use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Metadata, Source};
use serde::Serialize;

use super::settings::ENVIRONMENT_PREFIX;

/// The settings whose value is never shown.
const SECRETS: [&str; 1] = ["metrics_token"];

/// A setting, its value and where that comes from.
#[derive(Serialize)]
pub struct ShownSetting {
    /// With dots, if it is in a table.
    pub key: String,
    pub value: serde_json::Value,
    /// `default`, or the file, variable or flag.
    pub origin: String,
}

/// Every setting, in the order of the keys.
pub fn shown_settings(figment: &Figment) -> Vec<ShownSetting> {
    let settings: Dict = figment.extract().unwrap_or_default();
    let mut shown = Vec::new();
    collect(figment, &settings, "", &mut shown);
    shown
}

fn collect(figment: &Figment, settings: &Dict, table: &str, shown: &mut Vec<ShownSetting>) {
    for (key, value) in settings {
        let path = format!("{table}{key}");
        if let Value::Dict(_, settings) = value {
            collect(figment, settings, &format!("{path}."), shown);
            continue;
        }
        let is_set = !matches!(value, Value::Empty(..));
        let value = if SECRETS.contains(&path.as_str()) && is_set {
            "(secret)".into()
        } else {
            serde_json::to_value(value).unwrap_or_default()
        };
        shown.push(ShownSetting { origin: origin(figment, &path), key: path, value });
    }
}

fn origin(figment: &Figment, path: &str) -> String {
    let key = path.split('.').next().unwrap_or(path);
    match figment.find_metadata(path) {
        Some(Metadata { source: Some(Source::File(file)), .. }) => file.display().to_string(),
        Some(metadata) if metadata.name.contains("environment") => {
            format!("{ENVIRONMENT_PREFIX}{}", key.to_uppercase())
        }
        Some(metadata) if metadata.name.contains("Overrides") => format!("--{key}"),
        _ => "default".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rocket::figment::Jail;

    use super::*;
    use crate::config::{Config, Overrides};

    #[test]
    #[allow(clippy::result_large_err, reason = "the size that `figment::Jail` has chosen")]
    fn each_setting_is_shown_with_its_value_and_origin() {
        Jail::expect_with(|jail| {
            jail.clear_env();
            jail.create_file(
                "Rocket.toml",
                "[default]\nrealm = \"file\"\nport = 1\nlimits = { form = \"1 KiB\" }",
            )?;
            jail.set_env("WIDGETD_PORT", "2");
            let database = Some(PathBuf::from("other.db"));
            let config = Config::load(&Overrides { database, ..Overrides::default() }).unwrap();
            let shown = shown_settings(&config.figment);
            let of = |key: &str| {
                let setting = shown.iter().find(|setting| setting.key == key).expect(key);
                (setting.value.to_string(), setting.origin.clone())
            };
            let file = "Rocket.toml".to_owned();
            assert_eq!(of("port"), ("2".to_owned(), "WIDGETD_PORT".to_owned()));
            assert_eq!(of("realm"), ("\"file\"".to_owned(), file.clone()));
            assert_eq!(of("limits.form").1, file);
            assert_eq!(of("limits.json").1, "default");
            assert_eq!(of("database"), ("\"other.db\"".to_owned(), "--database".to_owned()));
            assert_eq!(of("audit_days"), ("365".to_owned(), "default".to_owned()));
            assert_eq!(of("public_url"), ("null".to_owned(), "default".to_owned()));
            Ok(())
        });
    }

    #[test]
    #[allow(clippy::result_large_err, reason = "the size that `figment::Jail` has chosen")]
    fn the_file_is_that_of_the_current_folder_or_the_one_that_is_named() {
        Jail::expect_with(|jail| {
            jail.clear_env();
            jail.create_file("Rocket.toml", "[default]\nrealm = \"above\"")?;
            jail.create_file("other.toml", "[default]\nrealm = \"other\"")?;
            let named = |file: &str| {
                let file = Some(PathBuf::from(file));
                Config::load(&Overrides { file, ..Overrides::default() })
            };
            assert_eq!(named("other.toml").unwrap().realm, "other");
            let refusal = named("none.toml").expect_err("refused").to_string();
            assert!(refusal.contains("there is no file none.toml"), "{refusal}");
            jail.create_dir("below")?;
            jail.change_dir("below")?;
            assert_eq!(Config::load(&Overrides::default()).unwrap().realm, "widgetd");
            Ok(())
        });
    }
}
