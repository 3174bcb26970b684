//! The environment of the process as a value: a layer of configuration (`GUICHET_SERVER__LISTEN`) and a place of
//! secrets. An argument everywhere, so that tests need not change the real one.

use std::collections::BTreeMap;

use figment::util::nest;
use figment::value::{Dict, Value};
use guichet_sdk::Place;

const PREFIX: &str = "GUICHET_";

/// Variables by name.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process that are text.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Environment(std::env::vars_os().filter_map(text).collect())
    }

    /// These variables and no others.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        Environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What the variables say about the configuration, each as its own tree. A double underscore separates keys: names
    /// without one (`GUICHET_PROJECT`) belong to somebody else.
    pub(super) fn settings(&self) -> impl Iterator<Item = Dict> + '_ {
        self.0.iter().filter_map(|(name, text)| {
            let keys = name.strip_prefix(PREFIX).filter(|keys| keys.contains("__"))?;
            let path = keys.to_lowercase().replace("__", ".");
            let value: Value = text.parse().unwrap_or_else(|_| Value::from(text.as_str()));
            nest(&path, value).into_dict()
        })
    }

    /// The place of a path: the variable that sets it or what it stands in.
    pub(super) fn place(&self, path: &[String]) -> Place {
        let variable = |length: usize| format!("{PREFIX}{}", path[..length].join("__").to_uppercase());
        let set = (1..=path.len()).rev().map(variable).find(|name| self.0.contains_key(name));
        Place::file("environment").path(set.unwrap_or_else(|| variable(path.len())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_double_underscore_are_settings() {
        let variables = [("GUICHET_SERVER__RATE", "5"), ("GUICHET_PROJECT", "/srv"), ("SERVER__RATE", "6")];
        let settings: Vec<_> = Environment::of(&variables).settings().collect();
        assert_eq!(settings.len(), 1);
        assert_eq!(settings[0]["server"].find_ref("rate").unwrap().to_u128(), Some(5));
    }

    #[test]
    fn a_place_names_the_variable() {
        let environment = Environment::of(&[("GUICHET_WORDING__LANGUAGES", "[1]")]);
        let path = ["wording", "languages", "0"].map(str::to_owned);
        assert_eq!(environment.place(&path).to_string(), "environment `GUICHET_WORDING__LANGUAGES`");
    }
}
