//! Names that people give, with spaces as they please.

use super::*;
use crate::decode::testing::Payload;
use crate::reason::Reason;

#[test]
fn a_name_with_spaces_is_no_mistake_where_people_give_names() {
    let config = r#"{"stat_t":"garden/Water tank/level","dev":{"ids":["tank"]}}"#;
    let messages = [
        ("retained zigbee2mqtt/bridge/state", r#"{"state":"online"}"#),
        ("zigbee2mqtt/Living room lamp", r#"{"brightness":254,"state":"ON"}"#),
        ("zigbee2mqtt/Living room lamp/availability", r#"{"state":"online"}"#),
        ("zigbee2mqtt/Living room lamp/set", r#"{"state":"OFF"}"#),
        ("retained homeassistant/sensor/tank/config", config),
        ("garden/Water tank/level", "40.5"),
    ];
    let found = ["Living room lamp online", "tank online", "zigbee2mqtt/bridge online"];
    let mut bench = check(&messages, &found, "Living room lamp", &["brightness=254"]);
    let births = Payload::new().seq(0).long("bdSeq", None, 4, 0).double("speed", None, 1.5);
    let at = bench.at + 1.0;
    bench.hear(at, &Arrival::live("spBv1.0/My Plant/NBIRTH/Edge 1", &births.bytes));
    assert_eq!((points(&bench, "My Plant/Edge 1"), errors(&bench)), (vec!["speed=1.5".into()], vec![]));
    // Elsewhere it is one, and other mistakes are everywhere.
    say(&mut bench, &[("my tank/level", "1"), ("zigbee2mqtt/a//b", r#"{"x":1}"#)]);
    assert_eq!(errors(&bench), ["zigbee2mqtt 1", "generic 1"]);
    assert_eq!(bench.roster("my tank").errors.reasons(), [(Reason::Topic, 1)]);
}
