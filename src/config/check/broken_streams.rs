//! Tests: one broken `[[stream]]` per kind of mistake. Nothing here may be accepted.

use super::broken::{Case, check};

const A_STREAM: &[Case] = &[
    ("[[broker]]\n[[stream]]\nname = 'a'\n", 2, "stream[0]", "filter ="),
    ("[[broker]]\n[[stream]]\ntopic = 'a'\nfilter = 'b'\n", 3, "stream[0].topic", "«filter»"),
    ("[[broker]]\n[[stream]]\nfilter = 'a/#/b'\n", 3, "stream[0].filter", "+ and #"),
    ("[[broker]]\n[[stream]]\nfilter = '{a...}/{b...}'\n", 3, "stream[0].filter", "+ and #"),
    ("[[broker]]\n[[stream]]\nfilter = '$SYS/#'\n", 3, "stream[0].filter", "+ and #"),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\nname = 'x'\n[[stream]]\nfilter = 'b'\nname = 'x'\n",
        7,
        "stream[1].name",
        "of its own",
    ),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a/{b}'\n[[stream]]\nfilter = 'a/+'\n",
        5,
        "stream[1].filter",
        "one stream",
    ),
    (
        "presets = ['plant']\n[[broker]]\n[[stream]]\nname = 'alarm'\nfilter = 'a'\n",
        4,
        "stream[0].name",
        "remove \"plant\"",
    ),
    (
        "presets = ['plant']\n[[broker]]\n[[stream]]\nfilter = '{x...}/{y}/alarm/+'\n",
        4,
        "stream[0].filter",
        "remove \"plant\"",
    ),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nkind = 'telemetri'\n", 4, "stream[0].kind", "«telemetry»"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nformat = 'xml'\n", 4, "stream[0].format", "json"),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a/{device}'\ndevice = '{devise}'\n",
        4,
        "stream[0].device",
        "captures of the filter",
    ),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\ndevice = '$.*'\n", 4, "stream[0].device", "$.device_id"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\ntimestamp = 'a.b'\n", 4, "stream[0].timestamp", "$.points.*"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nsequence = '$.*'\n", 4, "stream[0].sequence", "without *"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nmax_age = '60s'\n", 4, "stream[0].max_age", "timestamp ="),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\nsequence = '$.s'\nsequence_modulus = -1\n",
        5,
        "stream[0].sequence_modulus",
        "from 0",
    ),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\nsequence = '$.s'\nsequence_modulus = 1\n",
        5,
        "stream[0].sequence_modulus",
        "65536",
    ),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\nreorder_window = '2s'\n",
        4,
        "stream[0].reorder_window",
        "sequence =",
    ),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nexpect_every = '0'\n", 4, "stream[0].expect_every", "learn"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nexpect_every = 'lern'\n", 4, "stream[0].expect_every", "learn"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\ntolerance = 1.0\n", 4, "stream[0].tolerance", "10%"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\ntolerance = '0%'\n", 4, "stream[0].tolerance", "10%"),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\noffline_after = '0s'\n",
        4,
        "stream[0].offline_after",
        "more than nothing",
    ),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\npoints = '$.*.*'\n", 4, "stream[0].points", "$.points.*"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\npoint_value = 'v'\n", 4, "stream[0].point_value", "points ="),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\npoint_min = 4\n", 4, "stream[0].point_min", "points ="),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nstatuses = ['OK']\n", 4, "stream[0].statuses", "point_status ="),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nrange = [2, 1]\n", 4, "stream[0].range", "[MIN, MAX]"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nrange = [1]\n", 4, "stream[0].range", "[MIN, MAX]"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nrange = [nan, 1]\n", 4, "stream[0].range", "number"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nstuck_after = -1\n", 4, "stream[0].stuck_after", "such as 10"),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\nstuck_after = '10'\n", 4, "stream[0].stuck_after", "such as 10"),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\nstuck_tolerance = -0.1\n",
        4,
        "stream[0].stuck_tolerance",
        "0.05",
    ),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\ncross_check = { a = 'count()' }\n",
        4,
        "stream[0].cross_check",
        "points =",
    ),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\npoints = '$.*'\ncross_check = { a = 'avg(value)' }\n",
        5,
        "stream[0].cross_check.a",
        "sum(value)",
    ),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\npoints = '$.*'\ncross_check = { '$a' = 'count()' }\n",
        5,
        "stream[0].cross_check.$a",
        "$.points.*",
    ),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\npoints = '$.*'\ncross_check.a = \"count(status == 'OK')\"\n",
        5,
        "stream[0].cross_check.a",
        "point_status =",
    ),
    ("[[broker]]\n[[stream]]\nfilter = 'a'\naudit = 'yes'\n", 4, "stream[0].audit", "true or false"),
    (
        "[[broker]]\n[[stream]]\nfilter = 'a'\naudit_payload = true\n",
        4,
        "stream[0].audit_payload",
        "audit = true",
    ),
];

#[test]
fn mistakes_of_a_stream() {
    check(A_STREAM);
}
