"""Fleet overview: is the fleet there, does it speak, is what it says good? Nothing here is about one device alone,
but for the lists of the worst, which lead to the dashboard of a device."""

from . import model as m
from .model import BROKER, failing, graph, heatmap, in_range, quantile, rate, row, series, stat, table, total


def devices(state):
    return total(series("mqtt_devices", BROKER, f'state=~"{state}"'))


def worst(name, *more):
    """The twenty devices with the largest value above 0; the muted ones are among them."""
    return f"topk(20, sum by (broker, device) ({series(name, BROKER, *more)}) > 0)"


PANELS = [
    stat("Online", "Devices that speak.", devices("online"), thresholds=[(None, "green")]),
    stat("Offline", "Devices that were there and are silent for longer than offline_after.", devices("offline"),
         thresholds=m.BAD_ABOVE_0),
    stat("Offline share", "Offline devices over those that are online or offline.",
         f"{devices('offline')} / ({devices('online|offline')} > 0)",
         "percentunit", m.share(0.1, 0.5), max=1, min=0, noValue="no devices"),
    stat("Never seen", "Devices that fleet.expected names and that nobody has heard of.", devices("never_seen"),
         thresholds=m.WARN_ABOVE_0),
    stat("Messages", "Messages of all streams, a second.", total(rate("mqtt_messages_received_total", BROKER)), "mps"),
    stat("Bad messages", "Share of the messages that fail a check.",
         failing("validation", BROKER), "percentunit", m.share(0.01, 0.05), noValue="no messages"),
    stat("Lost", "Messages missing in the sequences of all devices, in the time shown.",
         total(in_range("mqtt_messages_lost_total", BROKER)), decimals=0, thresholds=m.WARN_ABOVE_0),
    stat("Stuck points", "Points whose value stands still although their device speaks.",
         total(series("mqtt_points_stuck", BROKER)), thresholds=m.WARN_ABOVE_0),

    row("Who is there"),
    graph("Devices by state", "Unknown: heard of before a restart of ours and not since, or of a habit not yet known.",
          [(total(series("mqtt_devices", BROKER), "state"), "{{state}}")], stack=True, width=12, height=8),
    table("Offline the longest", "Devices that are offline, with the time since their last message; only those with series of their own.",
          f'topk(20, max by (broker, device) (time() - {series("mqtt_device_last_message_timestamp_seconds", BROKER)})'
          f' and on (broker, device) {series("mqtt_device_up", BROKER)} == 0)',
          "Silent for", "s", width=12, height=8),
    graph("Comings and goings", "Times a device came, went, or was nearly called offline (flap); of the devices with series of their own.",
          [(total(rate(f"mqtt_device_{what}_total", BROKER)), what) for what in ("connects", "disconnects", "flaps")],
          "ops", width=12),
    graph("Muted devices", "Devices that an operator has muted, by state: alerts and health leave them out. Nothing is drawn where nobody is muted.",
          [(total(series("mqtt_devices_muted", BROKER), "state"), "{{state}}")], stack=True, width=12),

    row("What they say"),
    graph("Messages by stream", "Messages received, retained ones included.",
          [(total(rate("mqtt_messages_received_total", BROKER), "stream"), "{{stream}}")], "mps", stack=True),
    graph("Bytes by stream", "Bytes of the payloads received.",
          [(total(rate("mqtt_message_bytes_total", BROKER), "stream"), "{{stream}}")], "Bps", stack=True),
    graph("Events by name", "Events, by the words of the payload or of the topic.",
          [(total(rate("mqtt_events_total", BROKER), "event"), "{{event}}")], "ops", stack=True),
    graph("Interval between messages", "Time between two messages of one device: half of the intervals are shorter than p50, one in twenty is longer than p95.",
          [(quantile(0.5, "mqtt_publish_interval_seconds", BROKER, "stream"), "p50 {{stream}}"),
           (quantile(0.95, "mqtt_publish_interval_seconds", BROKER, "stream"), "p95 {{stream}}")], "s"),
    heatmap("Intervals over time", "How many intervals of which length. A second band is a second habit; a smear is a fleet that lost its beat.",
            total("increase(" + series("mqtt_publish_interval_seconds_bucket", BROKER) + "[$__rate_interval])", "le"), "s"),
    graph("Age of messages on arrival", "By their own timestamp: what is old comes late, or from a clock that is behind.",
          [(quantile(0.5, "mqtt_message_age_seconds", BROKER, "stream"), "p50 {{stream}}"),
           (quantile(0.95, "mqtt_message_age_seconds", BROKER, "stream"), "p95 {{stream}}")], "s"),

    row("Is it good"),
    graph("Bad messages by reason", "A message counts once per reason.",
          [(total(rate("mqtt_errors_total", BROKER), "reason") + " > 0", "{{reason}}")], "mps", stack=True),
    table("Worst by bad messages", "Share of bad messages in the sliding window, of the twenty worst devices.",
          worst("mqtt_device_error_ratio"), "Bad", "percentunit", m.share(0.05, 0.25)),
    table("Most stuck points", "Devices with points that stand still.", worst("mqtt_device_points_stuck"), "Stuck",
          thresholds=m.WARN_ABOVE_0),
    graph("Stuck points over time", "Points whose value stands still, of all devices.",
          [(total(series("mqtt_points_stuck", BROKER), "broker"), "{{broker}}")]),
    graph("Active alarms", "Alarms of the devices that are active, by type and priority.",
          [(total(series("mqtt_alarms_active", BROKER), "type, priority"), "{{type}} {{priority}}")], stack=True),
    graph("Alarms nobody has acknowledged", "Those of the active alarms that wait for somebody.",
          [(total(series("mqtt_alarms_unacknowledged", BROKER), "type, priority"), "{{type}} {{priority}}")], stack=True),
    graph("Transitions of alarms", "Alarms that were raised, changed, acknowledged or cleared.",
          [(total(rate("mqtt_alarm_transitions_total", BROKER), "transition"), "{{transition}}")], "ops"),
    graph("Messages that are no device's", "Retained messages are no sign of life; topics that no stream takes, or that are not UTF-8, belong to nobody.",
          [(total(rate("mqtt_retained_ignored_total", BROKER)), "retained"),
           (total(rate("mqtt_topics_unmatched_total", BROKER)), "no stream"),
           (total(rate("mqtt_topics_invalid_total", BROKER)), "not UTF-8")], "mps"),
    graph("Clocks that are off", "The five largest differences between the clock of a device and ours, either way; Device has the sign.",
          [(f'topk(5, abs({series("mqtt_device_clock_skew_seconds", BROKER)}))', "{{device}}")], "s"),
]

DASHBOARD = m.dashboard(
    "watchkeeper-fleet", "Fleet overview", "Is the fleet there, does it speak, and is what it says good?",
    [m.JOBS, m.BROKERS], PANELS)
