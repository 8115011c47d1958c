//! What the code of a refused filter means, and what to do about it. Pure tables.

/// What a SUBACK code of a refused filter means, in either protocol version.
pub(crate) fn suback_meaning(code: u8) -> &'static str {
    match code {
        0x80 => "refused without a reason",
        0x83 => "refused by a rule of this broker",
        0x87 => "not authorized",
        0x8f => "the filter is not valid here",
        0x91 => "packet id in use",
        0x97 => "over a quota",
        0x9e => "no shared subscriptions",
        0xa1 => "no subscription identifiers",
        0xa2 => "no wildcards",
        _ => "refused with an unknown code",
    }
}

/// What to do about a refused filter.
pub(crate) fn suback_cure(filter: &str, code: u8) -> String {
    match code {
        0x8f | 0xa2 if filter.contains(['#', '+']) => {
            format!("the broker takes no such wildcard: replace `{filter}` by narrower filters")
        }
        0x97 => format!("raise the broker's quota of subscriptions, or drop `{filter}`"),
        0x9e => format!(
            "the broker has no shared subscriptions: subscribe without `$share` instead of `{filter}`"
        ),
        // Several brokers deny exactly these to everybody by default.
        _ if filter == "#" || filter == "+/#" => {
            format!(
                "allow `{filter}` for this user in the broker's access rules, or configure narrower filters"
            )
        }
        _ => format!("allow this user to subscribe to `{filter}` in the broker's access rules"),
    }
}
