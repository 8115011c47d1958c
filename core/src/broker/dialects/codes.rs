//! Reason codes of MQTT as causes. Codes that say nothing of a cause are `other`; nothing here may be more exact than the
//! code is.

use crate::broker::clients::Cause;

/// The code of a CONNACK that refuses: of MQTT 3.1.1 below 6, of MQTT 5 from 0x80 on.
pub(super) fn refusal(code: u32) -> Cause {
    match code {
        1 | 0x81 | 0x82 | 0x84 => Cause::ProtocolError,
        2 | 0x85 => Cause::BadClientId,
        3 | 0x83 | 0x88 | 0x89 => Cause::Unavailable,
        4 | 0x86 => Cause::BadCredentials,
        5 | 0x87 => Cause::NotAuthorized,
        0x8a => Cause::Banned,
        0x8c => Cause::BadAuthMethod,
        _ => Cause::Other,
    }
}

/// The code of a DISCONNECT, whoever sent it.
pub(super) fn farewell(code: u32) -> Cause {
    match code {
        0 | 4 => Cause::ByClient,
        0x81 | 0x82 | 0x90 | 0x94 | 0x99 => Cause::ProtocolError,
        0x87 => Cause::NotAuthorized,
        0x89 | 0x8b | 0x9c | 0x9d => Cause::Unavailable,
        0x8d => Cause::KeepAlive,
        0x8e => Cause::TakenOver,
        0x93 | 0x96 | 0x97 | 0x9f => Cause::Quota,
        0x95 => Cause::Oversize,
        0x98 => Cause::Administrative,
        0x9a | 0x9b | 0x9e | 0xa1 | 0xa2 => Cause::NotSupported,
        _ => Cause::Other,
    }
}
