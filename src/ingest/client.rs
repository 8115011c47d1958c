//! The one adapter over the client library: MQTT 5 and 3.1.1 behind one small face, so that a change of library
//! touches this file alone. Nothing here may decide anything: no back-off, no deadlines, no subscriptions.
//!
//! A `Link` serves a single connection and is thrown away with it. The library would reconnect by itself, but
//! then it hands out events of the dead connection after the next CONNACK and forgets what was never sent.

mod door;

pub(super) use door::Door;

use super::dialect::Protocol;
use super::keep::Delivery;
use super::reasons::Cause;
use super::{Inbound, fate};
use crate::config::Broker;
use bytes::Bytes;
use rumqttc::{self as v4, v5};
use secrecy::ExposeSecret;
use std::time::Duration;
use watchkeeper_core::time::Mono;

/// The largest packet that MQTT can express. The library's limit costs the connection, and the broker would
/// deliver the same message again after the next one; large messages are counted further in.
const PACKET_BYTES_MAX: u32 = 268_435_455;
/// Requests that may wait beside acknowledgements: a SUBSCRIBE, a round trip, a DISCONNECT, and what is not wanted any
/// more.
const REQUESTS_MAX: usize = 16;
/// We never publish, so nothing is in flight. The default of version 5 costs megabytes for each connection.
const INFLIGHT_MAX: u16 = 100;

/// So long does a broker keep the messages of a session that is away: a week, long enough for a repair.
const SESSION_SECONDS: u32 = 7 * 24 * 60 * 60;

/// What is asked of the broker beyond the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Terms {
    /// A session that ends with the connection; what arrives is acknowledged at once.
    Passing,
    /// A session that outlives the connection; nothing is acknowledged but by `ack`, and at most so many messages are
    /// to be under way. In 3.1.1 the broker alone decides how many.
    Kept { window: u16 },
}

/// What a connection says.
#[derive(Debug)]
pub(super) enum Heard {
    /// Let in. Whether the broker had kept our session, and for how many seconds it will, where it says so.
    ConnAck { resumed: bool, keeps: Option<u32> },
    /// A message.
    Message(Inbound),
    /// SUBSCRIBE went out under this packet id.
    Subscribing(u16),
    /// One code a filter: the granted quality of service, or why not.
    SubAck(u16, Vec<Result<u8, u8>>),
    /// The round trip is complete.
    UnsubAck,
    /// Any other packet of the broker.
    Packet,
    /// DISCONNECT went out.
    Left,
    /// Something else went out.
    Sent,
}

/// One connection, which only polls.
pub(super) enum Link {
    V4(Box<v4::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// What may be sent on it. Never waits: whoever polls must not wait for the queue that polling empties.
#[derive(Clone)]
pub(super) enum Sender {
    V4(v4::AsyncClient),
    V5(v5::AsyncClient),
}

/// Prepares a connection; nothing is sent before the first poll.
pub(super) fn open(
    broker: &Broker,
    door: Door<'_>,
    client_id: &str,
    protocol: Protocol,
    terms: Terms,
) -> (Link, Sender) {
    let requests = match terms {
        Terms::Passing => REQUESTS_MAX,
        Terms::Kept { window } => REQUESTS_MAX + usize::from(window),
    };
    match protocol {
        Protocol::V311 => {
            let options = options_v4(broker, door, client_id, terms);
            let (client, mut link) = v4::AsyncClient::new(options, requests);
            let mut network = v4::NetworkOptions::new();
            network.set_tcp_nodelay(true);
            network.set_connection_timeout(library_timeout(broker));
            link.set_network_options(network);
            (Link::V4(Box::new(link)), Sender::V4(client))
        }
        Protocol::V5 => {
            let (client, link) = v5::AsyncClient::new(options_v5(broker, door, client_id, terms), requests);
            (Link::V5(Box::new(link)), Sender::V5(client))
        }
    }
}

/// Ours comes first and says more; the library knows whole seconds only.
fn library_timeout(broker: &Broker) -> u64 {
    broker.connect_timeout.as_secs().saturating_add(2)
}

/// The library asserts a least value for each version, and CONNECT has 16 bits of whole seconds.
fn keep_alive(broker: &Broker, least: u64) -> Duration {
    Duration::from_secs(broker.keep_alive.as_secs().clamp(least, u64::from(u16::MAX)))
}

fn options_v4(broker: &Broker, door: Door<'_>, client_id: &str, terms: Terms) -> v4::MqttOptions {
    let (host, port, transport) = door.address();
    let mut options = v4::MqttOptions::new(client_id, host, port);
    let largest = PACKET_BYTES_MAX as usize;
    options
        .set_transport(transport)
        .set_keep_alive(keep_alive(broker, 1))
        .set_clean_session(terms == Terms::Passing)
        .set_manual_acks(terms != Terms::Passing)
        .set_inflight(INFLIGHT_MAX)
        .set_max_packet_size(largest, largest);
    if let Some(username) = &broker.username {
        let password = broker.password.as_ref().map_or("", |password| password.expose_secret());
        options.set_credentials(username, password);
    }
    options
}

fn options_v5(broker: &Broker, door: Door<'_>, client_id: &str, terms: Terms) -> v5::MqttOptions {
    let (host, port, transport) = door.address();
    let mut options = v5::MqttOptions::new(client_id, host, port);
    let mut network = v4::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    // No topic alias maximum: the library hands aliased messages over without their topic.
    options
        .set_transport(transport)
        .set_keep_alive(keep_alive(broker, 5))
        .set_clean_start(terms == Terms::Passing)
        .set_manual_acks(terms != Terms::Passing)
        .set_connection_timeout(library_timeout(broker))
        .set_network_options(network)
        .set_max_packet_size(Some(PACKET_BYTES_MAX))
        .set_outgoing_inflight_upper_limit(INFLIGHT_MAX);
    if let Terms::Kept { window } = terms {
        options.set_session_expiry_interval(Some(SESSION_SECONDS)).set_receive_maximum(Some(window));
    }
    if let Some(username) = &broker.username {
        let password = broker.password.as_ref().map_or("", |password| password.expose_secret());
        options.set_credentials(username, password);
    }
    options
}

impl Link {
    /// Waits until something happened; `pop` says what. After an error `pop` still gives what was read before
    /// it, and then the link is done: polling it again would reconnect behind our back.
    pub(super) async fn poll(&mut self) -> Result<(), Cause> {
        match self {
            Link::V4(link) => {
                let event = link.poll().await.map_err(|error| fate::of_v4(&error))?;
                link.state.events.push_front(event);
            }
            Link::V5(link) => {
                let event = link.poll().await.map_err(|error| fate::of_v5(&error))?;
                link.state.events.push_front(event);
                // The library takes over a Server Keep Alive of 0, meaning «no need», and would ping without
                // a pause.
                if link.options.keep_alive().is_zero() {
                    link.options.set_keep_alive(Duration::from_secs(30));
                }
            }
        }
        Ok(())
    }

    /// The next of the events that are here already, taken at `at`.
    pub(super) fn pop(&mut self, at: Mono) -> Option<Heard> {
        match self {
            Link::V4(link) => link.state.events.pop_front().map(|event| heard_v4(event, at)),
            Link::V5(link) => link.state.events.pop_front().map(|event| heard_v5(event, at)),
        }
    }
}

impl Heard {
    /// It came from the broker.
    pub(super) fn is_incoming(&self) -> bool {
        !matches!(self, Heard::Subscribing(_) | Heard::Left | Heard::Sent)
    }
}

fn heard_v4(event: v4::Event, at: Mono) -> Heard {
    match event {
        v4::Event::Incoming(v4::Packet::Publish(publish)) => Heard::Message(Inbound {
            topic: Bytes::from(publish.topic),
            payload: publish.payload,
            qos: publish.qos as u8,
            retain: publish.retain,
            dup: publish.dup,
            pkid: publish.pkid,
            response_topic: None,
            correlation: None,
            user_properties: Vec::new(),
            at,
        }),
        v4::Event::Incoming(v4::Packet::ConnAck(ack)) => {
            Heard::ConnAck { resumed: ack.session_present, keeps: None }
        }
        v4::Event::Incoming(v4::Packet::SubAck(ack)) => {
            Heard::SubAck(ack.pkid, ack.return_codes.into_iter().map(fate::suback_v4).collect())
        }
        v4::Event::Incoming(v4::Packet::UnsubAck(_)) => Heard::UnsubAck,
        v4::Event::Incoming(_) => Heard::Packet,
        v4::Event::Outgoing(outgoing) => heard_outgoing(&outgoing),
    }
}

fn heard_v5(event: v5::Event, at: Mono) -> Heard {
    match event {
        v5::Event::Incoming(v5::mqttbytes::v5::Packet::Publish(publish)) => {
            let said = publish.properties.unwrap_or_default();
            Heard::Message(Inbound {
                topic: publish.topic,
                payload: publish.payload,
                qos: publish.qos as u8,
                retain: publish.retain,
                dup: publish.dup,
                pkid: publish.pkid,
                response_topic: said.response_topic.map(Bytes::from),
                correlation: said.correlation_data,
                user_properties: said.user_properties,
                at,
            })
        }
        v5::Event::Incoming(v5::mqttbytes::v5::Packet::ConnAck(ack)) => Heard::ConnAck {
            resumed: ack.session_present,
            keeps: ack.properties.and_then(|properties| properties.session_expiry_interval),
        },
        v5::Event::Incoming(v5::mqttbytes::v5::Packet::SubAck(ack)) => {
            Heard::SubAck(ack.pkid, ack.return_codes.into_iter().map(fate::suback_v5).collect())
        }
        v5::Event::Incoming(v5::mqttbytes::v5::Packet::UnsubAck(_)) => Heard::UnsubAck,
        v5::Event::Incoming(_) => Heard::Packet,
        v5::Event::Outgoing(outgoing) => heard_outgoing(&outgoing),
    }
}

fn heard_outgoing(outgoing: &v4::Outgoing) -> Heard {
    match outgoing {
        v4::Outgoing::Subscribe(id) => Heard::Subscribing(*id),
        v4::Outgoing::Disconnect => Heard::Left,
        _ => Heard::Sent,
    }
}

impl Sender {
    /// One SUBSCRIBE with all filters; at least one is needed. False: not sent, the queue is full or a filter
    /// is not valid.
    pub(super) fn subscribe(&self, filters: &[String], qos: u8) -> bool {
        match self {
            Sender::V4(client) => {
                let qos = if qos == 0 { v4::QoS::AtMostOnce } else { v4::QoS::AtLeastOnce };
                let filters = filters.iter().map(|path| v4::SubscribeFilter::new(path.clone(), qos));
                client.try_subscribe_many(filters).is_ok()
            }
            Sender::V5(client) => {
                use v5::mqttbytes::{QoS, v5::Filter, v5::RetainForwardRule};
                let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
                let filters = filters.iter().map(|path| Filter {
                    path: path.clone(),
                    qos,
                    nolocal: false,
                    preserve_retain: false,
                    // A verification must not bring every retained message once more.
                    retain_forward_rule: RetainForwardRule::OnNewSubscribe,
                });
                client.try_subscribe_many(filters).is_ok()
            }
        }
    }

    /// One UNSUBSCRIBE.
    pub(super) fn unsubscribe(&self, filter: &str) -> bool {
        match self {
            Sender::V4(client) => client.try_unsubscribe(filter).is_ok(),
            Sender::V5(client) => client.try_unsubscribe(filter).is_ok(),
        }
    }

    /// PUBACK, or what the higher quality of service has in its place. False: the queue is full.
    pub(super) fn ack(&self, delivery: Delivery) -> bool {
        match self {
            Sender::V4(client) => {
                let qos = if delivery.qos == 2 { v4::QoS::ExactlyOnce } else { v4::QoS::AtLeastOnce };
                let mut publish = v4::Publish::new("", qos, []);
                publish.pkid = delivery.pkid;
                client.try_ack(&publish).is_ok()
            }
            Sender::V5(client) => {
                use v5::mqttbytes::QoS;
                let qos = if delivery.qos == 2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
                let mut publish = v5::mqttbytes::v5::Publish::new("", qos, Bytes::new(), None);
                publish.pkid = delivery.pkid;
                client.try_ack(&publish).is_ok()
            }
        }
    }

    /// DISCONNECT.
    pub(super) fn disconnect(&self) -> bool {
        match self {
            Sender::V4(client) => client.try_disconnect().is_ok(),
            Sender::V5(client) => client.try_disconnect().is_ok(),
        }
    }
}
