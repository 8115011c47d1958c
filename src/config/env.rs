//! The environment over the file: `WATCHKEEPER_<SECTION>__<KEY>` into the tree, and the `MQTT_` variables that
//! older tools of these fleets understand. Nothing here may read the environment itself: it is passed in.

use super::problem::{Ledger, fault};
use super::tree::{Members, Node, Place, Value};

/// Variables without a key of their own, which the shell reads or which the build sets.
const ELSEWHERE: &[&str] = &["WATCHKEEPER_CONFIG", "WATCHKEEPER_REVISION"];

/// Settings outside every section.
const TOP: &[&str] = &["PRESETS", "DATA_DIR", "GRACE"];

/// A variable, its text and its place.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    /// What it says.
    pub(crate) text: String,
    /// Its name.
    pub(crate) place: Place,
}

/// `MQTT_BROKER_HOST` and its companions; they describe the first broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Classic {
    /// `MQTT_BROKER_HOST`.
    pub(crate) host: Option<Variable>,
    /// `MQTT_BROKER_PORT`.
    pub(crate) port: Option<Variable>,
    /// `MQTT_USERNAME`.
    pub(crate) username: Option<Variable>,
    /// `MQTT_PASSWORD`.
    pub(crate) password: Option<Variable>,
    /// `MQTT_CONNECTION_TIMEOUT`, in seconds.
    pub(crate) timeout: Option<Variable>,
}

impl Classic {
    /// Reads what is set and not empty.
    pub(crate) fn read(env: &[(String, String)]) -> Self {
        let read = |name: &str| {
            let text = lookup(env, name)?;
            Some(Variable { text: text.to_owned(), place: Place::Env(name.into()) })
        };
        Self {
            host: read("MQTT_BROKER_HOST"),
            port: read("MQTT_BROKER_PORT"),
            username: read("MQTT_USERNAME"),
            password: read("MQTT_PASSWORD"),
            timeout: read("MQTT_CONNECTION_TIMEOUT"),
        }
    }
}

/// The value of a variable; an empty one counts as not set, because compose files pass on what is missing so.
pub(crate) fn lookup<'e>(env: &'e [(String, String)], name: &str) -> Option<&'e str> {
    env.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// Lays every `WATCHKEEPER_` variable over the tree.
pub(crate) fn overlay(env: &[(String, String)], tree: &mut Members, ledger: &Ledger<'_>) {
    let mut env: Vec<_> = env.iter().filter(|(name, _)| name.starts_with("WATCHKEEPER_")).collect();
    // Part by part and shorter parts first, so that member 0 of a list comes before 1, and 2 before 10.
    env.sort_by_key(|(name, _)| name.split("__").map(|part| (part.len(), part)).collect::<Vec<_>>());
    for (name, text) in env {
        let place = Place::Env(name.as_str().into());
        if ELSEWHERE.contains(&name.as_str()) || is_service_link(name) || text.trim().is_empty() {
            continue;
        }
        let rest = &name["WATCHKEEPER_".len()..];
        let shaped = rest.contains("__") || TOP.contains(&rest);
        let keys: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if !shaped || keys.iter().any(String::is_empty) || rest.contains(|c: char| c.is_ascii_lowercase()) {
            ledger.refuse(&place, name, unknown(name));
            continue;
        }
        let value = Node { place: place.clone(), value: Value::Raw(text.trim().to_owned()) };
        if let Err(why) = set(tree, &keys, value) {
            ledger.refuse(&place, name, fault(format!("{name} has no place: {why}"), SHAPE));
        }
    }
}

const SHAPE: &str = "variables are WATCHKEEPER_<SECTION>__<KEY>, members of lists WATCHKEEPER_BROKER__0__URL, counted from 0 without gaps";

fn unknown(name: &str) -> super::problem::Fault {
    let known = ["WATCHKEEPER_CONFIG", "WATCHKEEPER_PRESETS", "WATCHKEEPER_DATA_DIR", "WATCHKEEPER_GRACE"];
    let cure = if name.contains("PASSWORD") {
        "use MQTT_PASSWORD, or password_file in the config file".to_owned()
    } else {
        super::suggest::nearest(name, &known)
            .map_or_else(|| SHAPE.to_owned(), |near| format!("did you mean «{near}»? Otherwise: {SHAPE}"))
    };
    fault(format!("unknown environment variable {name}"), cure)
}

/// Kubernetes sets such variables in every pod beside a service that is called `watchkeeper`.
fn is_service_link(name: &str) -> bool {
    let port = name.find("_PORT").map(|at| &name[at + 5..]);
    !name.contains("__")
        && (name.contains("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || port.is_some_and(|rest| {
                rest.is_empty()
                    || rest.starts_with('_') && rest[1..].starts_with(|c: char| c.is_ascii_digit())
            }))
}

/// Puts a value where its keys lead; a key that is a number is a member of a list.
pub(crate) fn set(members: &mut Members, keys: &[String], value: Node) -> Result<(), &'static str> {
    let [key, rest @ ..] = keys else { return Err("the name ends too early") };
    let place = value.place.clone();
    if rest.is_empty() {
        members.insert(key.clone(), (place, value));
        return Ok(());
    }
    let is_list = rest[0].bytes().all(|b| b.is_ascii_digit());
    let empty = if is_list { Value::List(Vec::new()) } else { Value::Table(Members::new()) };
    let (_, node) = members
        .entry(key.clone())
        .or_insert_with(|| (place.clone(), Node { place: place.clone(), value: empty }));
    match &mut node.value {
        Value::Table(table) if !is_list => set(table, rest, value),
        Value::List(items) if is_list => set_member(items, rest, value),
        Value::Table(_) => Err("this is one section, not a list"),
        Value::List(_) => Err("this is a list, so a number must follow"),
        _ => Err("the config file has a plain value there"),
    }
}

fn set_member(items: &mut Vec<Node>, keys: &[String], value: Node) -> Result<(), &'static str> {
    let at: usize = keys[0].parse().map_err(|_| "the number is too large")?;
    if at > items.len() {
        return Err("a member before it is missing");
    }
    if keys.len() == 1 {
        if at == items.len() {
            items.push(value);
        } else {
            items[at] = value;
        }
        return Ok(());
    }
    if at == items.len() {
        items.push(Node { place: value.place.clone(), value: Value::Table(Members::new()) });
    }
    match &mut items[at].value {
        Value::Table(table) => set(table, &keys[1..], value),
        _ => Err("the config file has a plain value there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(env: &[(&str, &str)]) -> Result<String, String> {
        let env: Vec<_> = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let ledger = Ledger::new(None);
        let mut tree = Members::new();
        overlay(&env, &mut tree, &ledger);
        ledger.close().map_err(|problems| problems.to_string())?;
        Ok(show(&Value::Table(tree)))
    }

    fn show(value: &Value) -> String {
        match value {
            Value::Table(members) => {
                let members = members.iter().map(|(key, (_, node))| format!("{key}={}", show(&node.value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            Value::List(items) => {
                format!("[{}]", items.iter().map(|item| show(&item.value)).collect::<Vec<_>>().join(","))
            }
            Value::Raw(text) => text.clone(),
            other => other.what().to_owned(),
        }
    }

    #[test]
    fn variables_become_keys() {
        let tree = check(&[
            ("WATCHKEEPER_METRICS__VALUES", "true"),
            ("WATCHKEEPER_BROKER__1__URL", "mqtt://b"),
            ("WATCHKEEPER_BROKER__0__KEEP_ALIVE", "10s"),
            ("WATCHKEEPER_BROKER__0__URL", "mqtt://a"),
            ("WATCHKEEPER_QUEUES__SOURCE__0__KIND", "sys"),
            ("WATCHKEEPER_PRESETS", "plant"),
            ("WATCHKEEPER_LOG__LEVEL", ""),
            ("PATH", "/bin"),
        ]);
        let expected = "{broker=[{keep_alive=10s,url=mqtt://a},{url=mqtt://b}],metrics={values=true},\
                        presets=plant,queues={source=[{kind=sys}]}}";
        assert_eq!(tree.as_deref(), Ok(expected));
    }

    #[test]
    fn members_are_counted_in_numbers_not_letters() {
        let names: Vec<String> = (0..12).map(|at| format!("WATCHKEEPER_BROKER__{at}__URL")).collect();
        let env: Vec<(&str, &str)> = names.iter().rev().map(|name| (name.as_str(), "u")).collect();
        assert!(check(&env).is_ok());
    }

    #[test]
    fn an_unknown_variable_is_named() {
        for (name, cure) in [
            ("WATCHKEEPER_BROKER_URL", "WATCHKEEPER_BROKER__0__URL"),
            ("WATCHKEEPER_PRESET", "WATCHKEEPER_PRESETS"),
            ("WATCHKEEPER_PASSWORD", "MQTT_PASSWORD"),
            ("WATCHKEEPER___URL", "WATCHKEEPER_<SECTION>__<KEY>"),
            ("WATCHKEEPER_BROKER__3__URL", "without gaps"),
            ("WATCHKEEPER_metrics__values", "WATCHKEEPER_<SECTION>__<KEY>"),
        ] {
            let shown = check(&[(name, "x")]).unwrap_err();
            assert!(shown.contains(name) && shown.contains(cure), "{shown}");
        }
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_is_no_setting() {
        let names = [
            "WATCHKEEPER_SERVICE_HOST",
            "WATCHKEEPER_PORT",
            "WATCHKEEPER_PORT_10883_TCP_ADDR",
            "WATCHKEEPER_WEB_SERVICE_PORT_HTTP",
        ];
        for name in names {
            assert_eq!(check(&[(name, "tcp://10.0.0.1:10883")]).as_deref(), Ok("{}"), "{name}");
        }
    }
}
