//! Who we are to a broker: user and password from the URL, the keys or the `MQTT_` variables, the strongest place
//! winning. Nothing here may let a password into a message.

use super::files::Files;
use crate::config::env::Classic;
use crate::config::problem::fault;
use crate::config::raw::{At, Table};
use crate::config::tree::Place;
use crate::config::url::GivenUrl;
use crate::config::words;
use secrecy::SecretString;

/// `MQTT_USERNAME` and its companions, weaker than a variable that names the broker.
const CLASSIC: u8 = 2;

/// Which place wins over which.
pub(super) fn rank(place: &Place) -> u8 {
    match place {
        Place::Flag(_) => 4,
        Place::Env(_) => 3,
        Place::File(_) => 1,
        Place::Nowhere => 0,
    }
}

/// Whether `MQTT_` variables have a say where something else was written at `place`.
pub(super) fn yields_to_classic(place: &Place) -> bool {
    rank(place) < CLASSIC
}

enum Password {
    Known(SecretString),
    InFile(At<String>),
}

/// User and password of one broker.
pub(super) fn read(
    table: &mut Table<'_>,
    url: &At<GivenUrl>,
    classic: &Classic,
    files: &Files,
) -> (Option<String>, Option<SecretString>) {
    let username = username(table, url, classic);
    let password = match password(table, url, classic) {
        Some(Password::Known(secret)) => Some(secret),
        Some(Password::InFile(file)) => {
            files.secret(&file).map_err(|fault| table.ledger.refuse(&file.place, &file.key, fault)).ok()
        }
        None => None,
    };
    if password.is_some() && username.is_none() {
        let cause = "there is a password, but no user name";
        table.refuse(fault(cause, "set username or MQTT_USERNAME, or take the password away"));
    }
    (username, password)
}

fn username(table: &mut Table<'_>, url: &At<GivenUrl>, classic: &Classic) -> Option<String> {
    let key = table.get("username", words::text).filter(|user| !user.value.is_empty());
    let in_url = url.value.username.as_ref();
    if let (Some(key), Some(user)) = (&key, in_url)
        && rank(&key.place) == rank(&url.place)
        && key.value != *user
    {
        key.refuse(table.ledger, "the URL names another user", "write the user once, in url or in username");
    }
    strongest([
        in_url.map(|user| (rank(&url.place), user.clone())),
        key.map(|key| (rank(&key.place), key.value)),
        classic.username.as_ref().map(|variable| (CLASSIC, variable.text.clone())),
    ])
}

fn password(table: &mut Table<'_>, url: &At<GivenUrl>, classic: &Classic) -> Option<Password> {
    let file = table.get("password_file", words::text).filter(|file| !file.value.is_empty());
    let in_url = url.value.password.as_ref();
    if let (Some(file), Some(_)) = (&file, in_url)
        && rank(&file.place) == rank(&url.place)
    {
        file.refuse(
            table.ledger,
            "the URL holds a password too",
            "keep password_file and take the other away",
        );
        return None;
    }
    strongest([
        in_url.map(|secret| (rank(&url.place), Password::Known(secret.clone()))),
        file.map(|file| (rank(&file.place), Password::InFile(file))),
        classic.password.as_ref().map(|text| (CLASSIC, Password::Known(text.text.clone().into()))),
    ])
}

fn strongest<T, const N: usize>(candidates: [Option<(u8, T)>; N]) -> Option<T> {
    candidates.into_iter().flatten().max_by_key(|(rank, _)| *rank).map(|(_, value)| value)
}
