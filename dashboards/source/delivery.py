"""Delivery and commands: does what is sent arrive, and is what is asked answered in time?"""

from . import model as m
from .model import BROKER, failing, graph, heatmap, in_range, quantile, rate, row, series, stat, table, total


def worst(name):
    return f"topk(20, sum by (broker, device) ({in_range(name, BROKER)}) > 0)"


PANELS = [
    stat("Lost", "Messages missing in the sequences of all devices, in the time shown.",
         total(in_range("mqtt_messages_lost_total", BROKER)), decimals=0, thresholds=m.WARN_ABOVE_0),
    stat("Missed by us", "Messages missing from times when we were not listening: nobody's loss.",
         total(in_range("mqtt_messages_missed_total", BROKER)), decimals=0, thresholds=m.WARN_ABOVE_0),
    stat("Lost share", "Lost messages over all that have numbers, now.", failing("publish", BROKER), "percentunit", m.share(0.001, 0.01),
         noValue="no numbers"),
    stat("Commands", "Commands that were sent, in the time shown.", total(in_range("mqtt_commands_total", BROKER)), decimals=0,
         noValue="none"),
    stat("Waiting", "Commands that wait for an answer.", total(series("mqtt_commands_pending", BROKER)),
         thresholds=m.share(50, 100)),
    stat("Timed out", "Commands without an answer in time, in the time shown.",
         total(in_range("mqtt_command_timeouts_total", BROKER)), decimals=0, thresholds=m.WARN_ABOVE_0, noValue="none"),
    stat("p95 of answers", "95 of 100 commands are answered within this time.",
         quantile(0.95, "mqtt_command_response_seconds", BROKER), "s", m.share(0.5, 1), noValue="no answers"),
    stat("Promises broken", "Promises of commands.sla and probe.sla that are broken now.", total(series("mqtt_sla_broken", BROKER)),
         thresholds=m.BAD_ABOVE_0, noValue="none made"),

    row("Operations"),
    graph("Operations", "Messages with numbers (publish), commands, checked messages (validation) and our own connections.",
          [(total(rate("mqtt_operations_total", BROKER), "operation"), "{{operation}}")], "ops"),
    graph("Failures", "Lost messages, commands refused or timed out, bad messages, connections that failed.",
          [(total(rate("mqtt_operation_failures_total", BROKER), "operation"), "{{operation}}")], "ops"),
    graph("Share of failures", "In the window of [errors], by type; 5 % is the default threshold.",
          [(f'max by (operation) ({series("mqtt_operation_failure_ratio", BROKER)})', "{{operation}}")], "percentunit",
          m.share(0.05, 0.25), max=1),

    row("Delivery"),
    graph("Lost and missed", "Lost by somebody, or missed by us while we were away.",
          [(total(rate("mqtt_messages_lost_total", BROKER)), "lost"),
           (total(rate("mqtt_messages_missed_total", BROKER)), "missed by us")], "mps"),
    graph("Repeated, out of order, new beginnings", "Of the devices with series of their own.",
          [(total(rate("mqtt_device_messages_duplicated_total", BROKER)), "again"),
           (total(rate("mqtt_device_messages_reordered_total", BROKER)), "out of order"),
           (total(rate("mqtt_device_sequence_resets_total", BROKER)), "began anew")], "mps"),
    table("Who loses the most", "Messages lost by device, in the time shown.", worst("mqtt_device_messages_lost_total"), "Lost",
          decimals=0, thresholds=m.WARN_ABOVE_0),

    row("Commands"),
    graph("Commands by name", "Commands that were sent; a request that comes twice is one.",
          [(total(rate("mqtt_commands_total", BROKER), "command"), "{{command}}")], "ops", stack=True),
    graph("Answers by status", "Answers that belong to a command, late ones included.",
          [(total(rate("mqtt_command_responses_total", BROKER), "status"), "{{status}}")], "ops", stack=True),
    graph("Time from command to answer", "By their arrival, of all commands.",
          [(quantile(q, "mqtt_command_response_seconds", BROKER), f"p{round(100 * q)}") for q in (0.5, 0.95, 0.99)], "s"),
    graph("Time by command", "95 of 100 answers to this command come within this time.",
          [(quantile(0.95, "mqtt_command_response_seconds", BROKER, "command"), "{{command}}")], "s"),
    graph("Time the devices say", "What the devices say that their commands took; the rest was on the way.",
          [(quantile(q, "mqtt_command_device_seconds", BROKER), f"p{round(100 * q)}") for q in (0.5, 0.95)], "s"),
    heatmap("Answers over time", "How many answers after which time.",
            total("increase(" + series("mqtt_command_response_seconds_bucket", BROKER) + "[$__rate_interval])", "le"), "s"),
    graph("Waiting for an answer", "All, and those of them whose device is offline.",
          [(total(series("mqtt_commands_pending", BROKER)), "waiting"),
           (total(series("mqtt_commands_waiting", BROKER)), "for a device that is offline")]),
    table("Who is waited for", "Devices with commands without an answer.",
          f'topk(20, sum by (broker, device) ({series("mqtt_device_commands_pending", BROKER)}) > 0)', "Waiting"),
    graph("Time-outs by command", "Commands without an answer in time.",
          [(total(rate("mqtt_command_timeouts_total", BROKER), "command"), "{{command}}")], "ops", stack=True),
    graph("Promises", "The percentile that each promise of commands.sla and probe.sla is about, over its window.",
          [(f'max by (sla) ({series("mqtt_sla_seconds", BROKER)})', "{{sla}}")], "s"),
    graph("Promises that were broken", "Times a promise was broken, in the time shown.",
          [(total(in_range("mqtt_sla_violations_total", BROKER), "sla"), "{{sla}}")], "short"),
    graph("Commands at quality of service 0", "They can be lost and nobody is told.",
          [(total(rate("mqtt_commands_qos0_total", BROKER), "command"), "{{command}}")], "ops"),
    graph("Answers that are odd", "Of no command, after the time-out, or to what had its answer.",
          [(total(rate(f"mqtt_command_{name}_total", BROKER)), legend) for name, legend in
           (("orphan_responses", "of no command"), ("late_responses", "late"), ("repeated_responses", "again"))], "ops"),
    graph("Requests that are odd", "Sent twice, with the id of another that waits, or given up because too many wait.",
          [(total(rate("mqtt_command_repeated_requests_total", BROKER)), "again"),
           (total(rate("mqtt_command_reused_ids_total", BROKER)), "id of another"),
           (total(rate("watchkeeper_commands_dropped_total", BROKER)), "given up")], "ops"),
    graph("Requests and answers that break a rule", "By direction and cause; nothing is drawn where none did.",
          [(total(rate("mqtt_command_faults_total", BROKER), "direction, cause"), "{{direction}}: {{cause}}")], "ops", stack=True),
]

DASHBOARD = m.dashboard(
    "watchkeeper-delivery", "Delivery and commands", "Does what is sent arrive, and is what is asked answered in time?",
    [m.JOBS, m.BROKERS], PANELS)
