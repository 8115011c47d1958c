//! Translates what the client library reports into our own causes and codes, for both protocol versions.
//! Nothing here may format the library's options or packets: they hold passwords and payloads.

use super::reasons::Cause;
use rumqttc::{self as v4, v5};
use v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, SubscribeReasonCode};

/// Why a 3.1.1 connection ended.
pub(super) fn of_v4(error: &v4::ConnectionError) -> Cause {
    use v4::ConnectReturnCode as Code;
    use v4::ConnectionError as E;
    match error {
        E::Io(error) => Cause::io(error),
        E::NetworkTimeout => Cause::ConnectTimeout,
        E::FlushTimeout => Cause::Frozen,
        E::ConnectionRefused(code) => match code {
            Code::RefusedProtocolVersion => Cause::Version,
            Code::BadClientId => Cause::ClientId,
            Code::BadUserNamePassword => Cause::Credentials,
            Code::NotAuthorized => Cause::NotAuthorized,
            Code::ServiceUnavailable | Code::Success => Cause::Unavailable(format!("{code:?}")),
        },
        E::NotConnAck(_) => Cause::Protocol("a packet came before CONNACK".to_owned()),
        E::MqttState(state) => state_v4(state),
        E::RequestsDone => Cause::Closed,
    }
}

fn state_v4(state: &v4::StateError) -> Cause {
    use v4::StateError as E;
    match state {
        E::Io(error) | E::Deserialization(v4::Error::Io(error)) => Cause::io(error),
        E::ConnectionAborted => Cause::Closed,
        E::AwaitPingResp | E::CollisionTimeout => Cause::KeepAlive,
        E::WrongPacket => Cause::Protocol("a packet that only clients send".to_owned()),
        other => Cause::Protocol(other.to_string()),
    }
}

/// Why an MQTT 5 connection ended.
pub(super) fn of_v5(error: &v5::ConnectionError) -> Cause {
    use v5::ConnectionError as E;
    match error {
        E::Io(error) => Cause::io(error),
        E::Timeout(_) => Cause::ConnectTimeout,
        E::ConnectionRefused(code) => refused_v5(*code),
        E::NotConnAck(_) => Cause::Protocol("a packet came before CONNACK".to_owned()),
        E::MqttState(state) => state_v5(state),
        E::RequestsDone => Cause::Closed,
    }
}

fn refused_v5(code: ConnectReturnCode) -> Cause {
    use ConnectReturnCode as Code;
    match code {
        Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => Cause::Version,
        Code::BadClientId | Code::ClientIdentifierNotValid => Cause::ClientId,
        Code::BadUserNamePassword | Code::BadAuthenticationMethod => Cause::Credentials,
        Code::NotAuthorized | Code::Banned => Cause::NotAuthorized,
        Code::MalformedPacket | Code::ProtocolError => Cause::Protocol(format!("CONNACK {code:?}")),
        _ => Cause::Unavailable(format!("{code:?}")),
    }
}

fn state_v5(state: &v5::StateError) -> Cause {
    use v5::StateError as E;
    match state {
        E::Io(error) | E::Deserialization(v5::mqttbytes::Error::Io(error)) => Cause::io(error),
        E::ConnectionAborted => Cause::Closed,
        E::AwaitPingResp | E::CollisionTimeout => Cause::KeepAlive,
        E::WrongPacket => Cause::Protocol("a packet that only clients send".to_owned()),
        E::ConnFail { reason } => refused_v5(*reason),
        E::ServerDisconnect { reason_code, .. } => disconnected(*reason_code),
        E::OutgoingPacketTooLarge { pkt_size, max } => too_large(*pkt_size, *max),
        E::Deserialization(v5::mqttbytes::Error::OutgoingPacketTooLarge { pkt_size, max }) => {
            too_large(*pkt_size, *max)
        }
        other => Cause::Protocol(other.to_string()),
    }
}

/// We send nothing of any size but SUBSCRIBE.
fn too_large(ours: u32, most: u32) -> Cause {
    Cause::PacketTooLarge(ours as usize, most as usize)
}

/// The broker's reason string is left out: it is the broker's to choose and would go into our log as it is.
fn disconnected(code: DisconnectReasonCode) -> Cause {
    use DisconnectReasonCode as Code;
    match code {
        Code::SessionTakenOver => Cause::TakenOver,
        Code::NotAuthorized => Cause::NotAuthorized,
        Code::KeepAliveTimeout => Cause::KeepAlive,
        Code::ServerBusy
        | Code::ServerShuttingDown
        | Code::QuotaExceeded
        | Code::ConnectionRateExceeded
        | Code::UseAnotherServer
        | Code::ServerMoved => Cause::Unavailable(format!("{code:?}")),
        other => Cause::HungUp(format!("{other:?}")),
    }
}

/// The code of one filter, 3.1.1.
pub(super) fn suback_v4(code: v4::SubscribeReasonCode) -> Result<u8, u8> {
    match code {
        v4::SubscribeReasonCode::Success(qos) => Ok(qos as u8),
        v4::SubscribeReasonCode::Failure => Err(0x80),
    }
}

/// The code of one filter, MQTT 5.
pub(super) fn suback_v5(code: SubscribeReasonCode) -> Result<u8, u8> {
    use SubscribeReasonCode as Code;
    Err(match code {
        Code::Success(qos) => return Ok(qos as u8),
        Code::Failure | Code::Unspecified => 0x80,
        Code::ImplementationSpecific => 0x83,
        Code::NotAuthorized => 0x87,
        Code::TopicFilterInvalid => 0x8f,
        Code::PkidInUse => 0x91,
        Code::QuotaExceeded => 0x97,
        Code::SharedSubscriptionsNotSupported => 0x9e,
        Code::SubscriptionIdNotSupported => 0xa1,
        Code::WildcardSubscriptionsNotSupported => 0xa2,
    })
}
