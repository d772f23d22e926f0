//! Refuses misspelt keys and tables, which would have no effect.

use rocket::Config as Rocket;
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Profile, Provider};

use super::settings::ENVIRONMENT_PREFIX;
use crate::error::Error;

/// Refuses every key, at any depth and in any profile, that is not in `known`.
pub fn refuse_unknown_keys(figment: &Figment, known: &Dict) -> Result<(), Error> {
    let tables = figment.data().map_err(|error| Error::Conflict(error.to_string()))?;
    let mut unknown = Vec::new();
    for (profile, table) in &tables {
        collect_unknown(figment, table, known, &mut vec![profile.as_str().as_str()], &mut unknown);
    }
    if unknown.is_empty() { Ok(()) } else { Err(Error::Conflict(unknown.join("\n"))) }
}

/// `path` is the profile and the keys that lead to `given`.
fn collect_unknown<'a>(
    figment: &Figment,
    given: &'a Dict,
    known: &Dict,
    path: &mut Vec<&'a str>,
    unknown: &mut Vec<String>,
) {
    for (key, value) in given {
        path.push(key);
        match (value, known.get(key)) {
            (_, None) => {
                let (setting, place) = (path[1..].join("."), place_of(figment, value, path));
                unknown.push(format!("there is no setting `{setting}`, which is set by {place}"));
            }
            (Value::Dict(_, given), Some(Value::Dict(_, known))) => {
                collect_unknown(figment, given, known, path, unknown);
            }
            _ => {}
        }
        path.pop();
    }
}

/// The table of the file, or the variable, that sets the key at the end of the path.
fn place_of(figment: &Figment, value: &Value, path: &[&str]) -> String {
    let source = figment.get_metadata(value.tag()).and_then(|metadata| metadata.source.as_ref());
    match (source, path) {
        (Some(source), [table @ .., _]) => format!("[{}] in {source}", table.join(".")),
        (_, [_, variable, ..]) => format!("{ENVIRONMENT_PREFIX}{}", variable.to_uppercase()),
        _ => "an unknown place".to_owned(),
    }
}

/// Refuses a table of `Rocket.toml` that is not a profile: neither one of Rocket's, nor the
/// selected one, nor one of `others`.
pub fn refuse_unknown_profiles(figment: &Figment, others: &[String]) -> Result<(), Error> {
    let is_known = |profile: &Profile| {
        let of_rocket = [Rocket::DEBUG_PROFILE, Rocket::RELEASE_PROFILE];
        !profile.is_custom()
            || of_rocket.contains(profile)
            || profile == figment.profile()
            || others.iter().any(|other| profile == other.as_str())
    };
    match figment.profiles().find(|profile| !is_known(profile)) {
        None => Ok(()),
        Some(profile) => Err(Error::Conflict(format!(
            "[{profile}] in Rocket.toml is not a profile: those are `default`, `global`, `debug`, \
             `release` and the one that {ENVIRONMENT_PREFIX}PROFILE chooses; if [{profile}] is for other \
             runs, name it in the setting `profiles`, as in profiles = [\"{profile}\"]"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use rocket::figment::Jail;

    use crate::config::{Config, Overrides};

    /// The error for this `Rocket.toml` and these variables.
    // The error is the size that `figment::Jail` has chosen.
    #[allow(clippy::result_large_err)]
    fn error_of(file: &str, variables: &[(&str, &str)]) -> Option<String> {
        let mut error = None;
        Jail::expect_with(|jail| {
            jail.clear_env();
            jail.create_file("Rocket.toml", file)?;
            for (name, value) in variables {
                jail.set_env(name, value);
            }
            error = Config::load(&Overrides::default()).err().map(|error| error.to_string());
            Ok(())
        });
        error
    }

    #[test]
    fn an_unknown_key_of_the_file_is_refused_by_name_and_table() {
        for (file, expected) in [
            ("[default]\npot = 1", "`pot`, which is set by [default] in Rocket.toml"),
            ("[global]\npot = 1", "`pot`, which is set by [global] in Rocket.toml"),
            (
                "[default.limits]\nforn = \"1 KiB\"",
                "`limits.forn`, which is set by [default.limits] in Rocket.toml",
            ),
            // Rocket knows it, but this program does not read it.
            (
                "[default]\nlimits = { file = \"1 KiB\" }",
                "`limits.file`, which is set by [default.limits] in Rocket.toml",
            ),
            (
                "[release.shutdown]\ngrac = 3",
                "`shutdown.grac`, which is set by [release.shutdown] in Rocket.toml",
            ),
            // A table without its profile, and a profile that this run does not select.
            ("[limits]\nform = \"1 KiB\"", "`form`, which is set by [limits] in Rocket.toml"),
            (
                "[default]\nprofiles = [\"staging\"]\n[staging]\npot = 1",
                "`pot`, which is set by [staging] in Rocket.toml",
            ),
        ] {
            let expected = format!("there is no setting {expected}");
            assert_eq!(error_of(file, &[]).as_deref(), Some(expected.as_str()), "{file}");
        }
    }

    #[test]
    fn an_unknown_key_of_the_environment_is_refused_by_name_and_variable() {
        for (name, value, expected) in [
            ("WIDGETD_DATABSE", "x.db", "`databse`, which is set by WIDGETD_DATABSE"),
            ("WIDGETD_SHUTDOWN", "{grac=3}", "`shutdown.grac`, which is set by WIDGETD_SHUTDOWN"),
            ("WIDGETD_LIMITS", "{forn=1}", "`limits.forn`, which is set by WIDGETD_LIMITS"),
        ] {
            let expected = format!("there is no setting {expected}");
            assert_eq!(error_of("", &[(name, value)]), Some(expected));
        }
    }

    #[test]
    fn every_unknown_key_is_named_at_once() {
        let error = error_of("[default]\npot = 1\nrelm = \"x\"", &[("WIDGETD_DATABSE", "x")]);
        let error = error.unwrap();
        assert!(["`pot`", "`relm`", "`databse`"].iter().all(|key| error.contains(key)), "{error}");
    }

    #[test]
    fn known_nested_keys_pass() {
        let file = "[default.limits]\njson = \"1 MiB\"\n[debug.shutdown]\ngrace = 3\nctrlc = false";
        let variables = [("WIDGETD_SHUTDOWN", "{mercy=2}"), ("WIDGETD_LIMITS", "{form=\"1KiB\"}")];
        assert_eq!(error_of(file, &variables), None);
    }

    #[test]
    fn a_table_that_is_not_a_profile_is_refused_unless_it_is_chosen_or_listed() {
        let error = error_of("[defualt]\nport = 1", &[]).unwrap();
        assert!(error.starts_with("[defualt] in Rocket.toml is not a profile"), "{error}");
        let staging = "[staging]\nrealm = \"staging\"";
        assert!(error_of(staging, &[]).unwrap().starts_with("[staging] in Rocket.toml"));
        assert_eq!(error_of(staging, &[("WIDGETD_PROFILE", "staging")]), None);
        let listed = format!("[default]\nprofiles = [\"staging\", \"production\"]\n{staging}");
        assert_eq!(error_of(&listed, &[]), None);
        assert_eq!(error_of("[debug]\nport = 1\n[release]\nport = 2", &[]), None);
    }
}
