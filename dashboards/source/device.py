"""Device: everything that is known of one device. Only devices with series of their own can be chosen; of the others
the API knows as much."""

from . import model as m
from .model import DEVICE, graph, in_range, rate, row, series, stat, table, total

PANELS = [
    stat("State", "Whether the device speaks; no value: not known yet. It keeps its value while we are away.",
         f'max({series("mqtt_device_up", DEVICE)})', thresholds=m.GOOD_AT_1, mappings=m.words(_0="offline", _1="online"),
         noValue="unknown"),
    stat("Silent for", "Time since the last message of the device.",
         f'min({m.age("mqtt_device_last_message_timestamp_seconds", DEVICE)})', "s", decimals=0),
    stat("Bad messages", "Share of bad messages in the sliding window.", f'max({series("mqtt_device_error_ratio", DEVICE)})',
         "percentunit", m.share(0.05, 0.25)),
    stat("Points", "Points of the device.", f'max({series("mqtt_device_points", DEVICE)})'),
    stat("Stuck points", "Points whose value stands still.", f'max({series("mqtt_device_points_stuck", DEVICE)})',
         thresholds=m.WARN_ABOVE_0),
    stat("Commands waiting", "Commands that wait for an answer of the device.",
         f'max({series("mqtt_device_commands_pending", DEVICE)})', thresholds=m.share(10, 100)),
    stat("Clock", "How far the clock of the device is ahead of ours; negative: behind, or the shortest delay.",
         f'max({series("mqtt_device_clock_skew_seconds", DEVICE)})', "s", noValue="not known"),
    stat("Muted", "Whether an operator has muted the device: alerts and health leave it out.",
         f'max({series("mqtt_device_muted", DEVICE)}) or 0 * max({series("mqtt_device_last_message_timestamp_seconds", DEVICE)})',
         thresholds=m.WARN_ABOVE_0, mappings=m.words(_0="no", _1="muted")),

    row("Presence"),
    graph("Online and offline", "1 while the device speaks.", [(series("mqtt_device_up", DEVICE), "{{broker}}")],
          "bool_on_off", line="stepAfter", max=1),
    graph("Comings and goings", "Times the device came, went, was nearly called offline (flap), or started anew.",
          [(total(in_range(f"mqtt_device_{what}_total", DEVICE)), what)
           for what in ("connects", "disconnects", "flaps", "restarts")], "short"),
    table("What the topics say", "The captures named in fleet.labels.", series("mqtt_device_info", DEVICE), "Known"),

    row("Regularity"),
    graph("Messages by stream", "Live messages of the device.",
          [(total(rate("mqtt_device_messages_total", DEVICE), "stream"), "{{stream}}")], "mps"),
    graph("Interval and what is expected", "Mean time between two messages, beside the time that was learned or configured.",
          [(series("mqtt_device_interval_seconds", DEVICE), "{{stream}}"),
           (series("mqtt_device_interval_expected_seconds", DEVICE), "expected {{stream}}")], "s"),
    graph("Early and late messages", "Messages outside the tolerance around the expected interval.",
          [(total(rate("mqtt_device_interval_deviations_total", DEVICE), "stream, direction"), "{{direction}} {{stream}}")],
          "mps"),

    row("What it says"),
    graph("Bad messages by reason", "Messages of the device with an error; nothing is drawn for a device that never had one.",
          [(total(rate("mqtt_device_errors_total", DEVICE), "reason"), "{{reason}}")], "mps", stack=True),
    table("Stuck points and since when", "Points that stand still now, and for how long they have.",
          m.age("mqtt_point_stuck_since_timestamp_seconds", DEVICE), "Stuck for", "s"),
    graph("Values of points", "The last value of each point; only with metrics.values = true.",
          [(series("mqtt_point_value", DEVICE), "{{stream}} {{point}}")], "short", min=None),
    graph("Health of the device", "What the device says of its own health: heap, fragmentation, boot count.",
          [(series("mqtt_device_system_value", DEVICE), "{{field}}")], "short", min=None),

    row("Delivery"),
    graph("Lost and missed", "Lost: missing in the sequence of the device. Missed: missing from times when we were not listening.",
          [(total(rate("mqtt_device_messages_lost_total", DEVICE)), "lost"),
           (total(rate("mqtt_device_messages_missed_total", DEVICE)), "missed by us")], "mps"),
    graph("Repeated and out of order", "Messages that came again, or after later ones.",
          [(total(rate("mqtt_device_messages_duplicated_total", DEVICE)), "again"),
           (total(rate("mqtt_device_messages_reordered_total", DEVICE)), "out of order")], "mps"),
    graph("Gaps and new beginnings", "Gaps that were not filled within the window, and sequences that began anew, in the time shown.",
          [(total(in_range("mqtt_device_sequence_gaps_total", DEVICE)), "gaps"),
           (total(in_range("mqtt_device_sequence_resets_total", DEVICE)), "new beginnings")], "short"),
]

DASHBOARD = m.dashboard(
    "watchkeeper-device", "Device", "Everything that is known of one device.", [m.JOBS, m.BROKERS, m.DEVICES], PANELS)
