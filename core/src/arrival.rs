//! A message as it came from the broker. Nothing here is validated: topic and payload are bytes.

/// One PUBLISH, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The topic; MQTT 5 libraries do not promise UTF-8.
    pub topic: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// The quality of service it was delivered with.
    pub qos: u8,
    /// Kept by the broker and sent because we subscribed, not because the device spoke.
    pub retain: bool,
    /// The broker says it may have sent this before.
    pub dup: bool,
    /// MQTT 5: where the answer is to go.
    pub response_topic: Option<&'a [u8]>,
    /// MQTT 5: what a request and its answer have in common.
    pub correlation: Option<&'a [u8]>,
    /// MQTT 5: what the publisher says besides, names and values.
    pub user_properties: &'a [(String, String)],
}

impl<'a> Arrival<'a> {
    /// A live message at `QoS` 0.
    pub fn live(topic: &'a str, payload: &'a [u8]) -> Self {
        Self {
            topic: topic.as_bytes(),
            payload,
            qos: 0,
            retain: false,
            dup: false,
            response_topic: None,
            correlation: None,
            user_properties: &[],
        }
    }
}
