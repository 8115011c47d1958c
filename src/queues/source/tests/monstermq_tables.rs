//! The tables of MonsterMQ's four generations, and the same messages in each: `dev-off` waits for two or more, `dev-on` is
//! connected, `dev-idle` has a session and nothing else.

/// Statements for a generation from 1 to 4, in the dialect of PostgreSQL or SQLite.
pub(super) fn tables(generation: u8, postgres: bool) -> String {
    let sessions = "CREATE TABLE sessions (client_id VARCHAR(65535) PRIMARY KEY, node_id TEXT, clean_session BOOLEAN, \
                    connected BOOLEAN);\
                    INSERT INTO sessions VALUES ('dev-off', 'n', FALSE, FALSE), ('dev-on', 'n', FALSE, TRUE), \
                    ('dev-idle', 'n', FALSE, FALSE);";
    let queue = if generation == 4 { newest(postgres) } else { pair(generation, postgres) };
    format!("{sessions}{queue}")
}

/// One message waits for both, one for `dev-off`; from the second generation on one more is under way to `dev-on`, and
/// one was delivered.
fn pair(generation: u8, postgres: bool) -> String {
    let blob = if postgres { "BYTEA" } else { "BLOB" };
    let (status, values) = match generation {
        1 => ("", ["", "", "", "", ""]),
        _ => (", status INTEGER DEFAULT 0", [", 0", ", 0", ", 0", ", 1", ", 2"]),
    };
    let (times, at) = match generation {
        3 => (
            ", creation_time BIGINT, message_expiry_interval BIGINT",
            [", 1795246889070, NULL", ", 1795246890070, -1"],
        ),
        _ => ("", ["", ""]),
    };
    let later = if generation == 1 {
        String::new()
    } else {
        format!(", ('dev-on', 'm2'{}), ('dev-off', 'm3'{})", values[3], values[4])
    };
    format!(
        "CREATE TABLE queuedmessages (message_uuid VARCHAR(36) PRIMARY KEY, message_id INT, topic TEXT, payload {blob}, \
         qos INT, retained BOOLEAN, client_id VARCHAR(65535){times});\
         CREATE TABLE queuedmessagesclients (client_id VARCHAR(65535), message_uuid VARCHAR(36){status}, \
         PRIMARY KEY (client_id, message_uuid));\
         INSERT INTO queuedmessages VALUES ('m1', 0, 'cmd', 'four', 1, FALSE, 'publisher'{}), \
         ('m2', 0, 'cmd', 'sixsix', 1, FALSE, 'publisher'{});\
         INSERT INTO queuedmessagesclients VALUES ('dev-off', 'm1'{}), ('dev-on', 'm1'{}), ('dev-off', 'm2'{}){later};",
        at[0], at[1], values[0], values[1], values[2]
    )
}

/// `messagequeue`, beside an old pair with a row that nobody deletes.
fn newest(postgres: bool) -> String {
    let (id, blob, vt, past, future) = if postgres {
        (
            "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            "BYTEA",
            "TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()",
            "now() - interval '1 minute'",
            "now() + interval '1 hour'",
        )
    } else {
        (
            "INTEGER PRIMARY KEY AUTOINCREMENT",
            "BLOB",
            "INTEGER NOT NULL DEFAULT (strftime('%s','now'))",
            "strftime('%s','now') - 60",
            "strftime('%s','now') + 3600",
        )
    };
    let old = pair(3, postgres);
    format!(
        "{old}CREATE TABLE messagequeue (msg_id {id}, message_uuid VARCHAR(36) NOT NULL, client_id VARCHAR(65535) NOT NULL, \
         topic TEXT NOT NULL, payload {blob}, qos INT NOT NULL, retained BOOLEAN NOT NULL DEFAULT FALSE, \
         publisher_id VARCHAR(65535), creation_time BIGINT NOT NULL, message_expiry_interval BIGINT, vt {vt}, \
         read_ct INT NOT NULL DEFAULT 0);\
         INSERT INTO messagequeue (message_uuid, client_id, topic, payload, qos, creation_time, vt) VALUES \
         ('m1', 'dev-off', 'cmd', 'four', 1, 1795246889070, {past}), \
         ('m2', 'dev-off', 'cmd', 'sixsix', 1, 1795246890070, {past}), \
         ('m1', 'dev-on', 'cmd', 'four', 1, 1795246889070, {past}), \
         ('m2', 'dev-on', 'cmd', 'sixsix', 1, 1795246890070, {future}), \
         ('m9', 'no session', 'cmd', NULL, 1, 1795246890070, {past});"
    )
}
