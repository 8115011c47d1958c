#!/usr/bin/env python3
"""The rules of Grafana's dashboard linter, and some of ours, for dashboards/*.json. Says every breach, then fails.

Deviations from that linter, with the reason: the value for All is `.*` and not `.+`, because series of ours that belong
to no broker (the queue of the log) have no such label; a range may be $__range where a panel counts what happened in
the time shown; either of `instance` and `broker` is enough, because a fleet is seen by its broker.
"""

import json
import re
import sys

sys.dont_write_bytecode = True
from known_metrics import NAME, ROOT, SELECTOR, coming, kind, known, without_strings, written  # noqa: E402

METRICS = known()
# Words of Grafana; it takes any other word for a suffix and scales nothing.
UNITS = {"short", "s", "mps", "ops", "pps", "Bps", "bytes", "percentunit", "bool_on_off"}
RANGES = {"$__rate_interval", "$__range"}
COUNTED = re.compile(r"\b(?:rate|increase|irate|changes|resets)\(\s*$")
breaches = []


def breach(where, what):
    breaches.append(f"{where}: {what}")


def expression(where, text):
    for match in SELECTOR.finditer(text):
        name, braces, span = match[1], match[2] or "", match[3]
        if not NAME.fullmatch(without_strings(text)[match.start(1):match.end(1)]):
            continue
        what = kind(name, METRICS)
        if what is None:
            breach(where, f"{name} is in neither docs/metrics.md nor docs/metrics-own.md")
        if 'job=~"$job"' not in braces:
            breach(where, f"{name} does not ask for $job")
        if 'broker=~"$broker"' not in braces and 'instance=~"$instance"' not in braces:
            breach(where, f"{name} asks for neither $broker nor $instance")
        under = COUNTED.search(text[: match.start()]) is not None
        averaged = name.endswith(("_sum", "_count")) and f"{name[:-len(name.rpartition('_')[2])]}count" in text
        if what in ("counter", "bucket") and not under and not averaged:
            breach(where, f"the counter {name} is not under rate or increase")
        if what == "gauge" and under and "process_start_time" not in name:
            breach(where, f"{name} is a gauge and under a rate")
        if span and span.strip("[]") not in RANGES:
            breach(where, f"{name}{span} is neither of {', '.join(sorted(RANGES))}")
    if text.count("(") != text.count(")"):
        breach(where, "brackets do not match")


def panel(where, one, variables):
    for key in ("title", "description"):
        if not one.get(key):
            breach(where, f"no {key}")
    if one.get("datasource", {}).get("uid") != "${datasource}":
        breach(where, "its data source is not $datasource")
    if one.get("fieldConfig", {}).get("defaults", {}).get("unit") not in UNITS:
        breach(where, "no unit")
    if not one["description"].endswith("."):
        breach(where, "the description is no sentence")
    if not one.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps"):
        breach(where, "no thresholds")
    if not one.get("targets"):
        breach(where, "no targets")
    ids = [target["refId"] for target in one["targets"]]
    if len(set(ids)) != len(ids):
        breach(where, "two targets with one refId")
    for target in one["targets"]:
        if target.get("datasource", {}).get("uid") != "${datasource}":
            breach(where, "a target's data source is not $datasource")
        expression(where, target["expr"])
        for used in re.findall(r"\$(?!__)\{?(\w+)", target["expr"]):
            if used not in variables:
                breach(where, f"there is no variable ${used}")


def overlaps(panels):
    taken = {}
    for one in panels:
        place = one["gridPos"]
        if place["x"] + place["w"] > 24:
            yield one["title"], "the edge"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield one["title"], taken[x, y]
                taken[x, y] = one["title"]


def variable(where, one):
    where = f"{where}, variable {one['name']}"
    if one["type"] == "datasource":
        if (one["name"], one["label"], one["query"]) != ("datasource", "Data source", "prometheus"):
            breach(where, "the data source is called datasource, Data source, prometheus")
        return
    if one["datasource"]["uid"] != "${datasource}":
        breach(where, "its data source is not $datasource")
    if one["label"] != one["name"].capitalize():
        breach(where, f"its label is {one['label']}")
    if one["refresh"] != 2:
        breach(where, "it is not asked again when the time range changes")
    if one["name"] != "device" and not (one["multi"] and one["includeAll"] and one["allValue"] == ".*"):
        breach(where, "it is not multi, with all as .*")
    query = one["query"]["query"]
    match = re.fullmatch(r"label_values\((\w+)(\{[^}]*\})?, \w+\)", query)
    if not match or kind(match[1], METRICS) is None:
        breach(where, f"{query} is no label_values of a metric that exists")


def dashboard(name, board):
    for key, wanted in (("id", None), ("editable", False), ("graphTooltip", 1)):
        if board[key] != wanted:
            breach(name, f"{key} is {board[key]}")
    variables = {one["name"] for one in board["templating"]["list"]}
    for one in board["templating"]["list"]:
        variable(name, one)
    if not {"datasource", "job"} < variables or not variables & {"instance", "broker"}:
        breach(name, f"its variables are {sorted(variables)}")
    if not any(link["type"] == "dashboards" and set(link["tags"]) <= set(board["tags"]) for link in board["links"]):
        breach(name, "no link to the other dashboards")
    panels = board["panels"]
    for what in ("id", "title"):
        seen = [one[what] for one in panels if what == "id" or one["type"] != "row"]
        for twice in {one for one in seen if seen.count(one) > 1}:
            breach(name, f"two panels with the {what} {twice}")
    for one in panels:
        if one["type"] != "row":
            panel(f"{name}, «{one.get('title')}»", one, variables)
    for title, other in overlaps(panels):
        breach(name, f"«{title}» lies over {other}")
    for url in re.findall(r'/d/([\w-]+)', json.dumps(board)):
        if url not in uids:
            breach(name, f"it links to /d/{url}, which does not exist")


files = sorted((ROOT / "dashboards").glob("*.json"))
boards = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in files}
uids = [board["uid"] for board in boards.values()]
if len(set(uids)) != len(uids) or not boards:
    breach("dashboards", f"uids: {uids}")
for name, board in boards.items():
    dashboard(name, board)
shown = "".join(json.dumps(board) for board in boards.values())
for name in sorted(METRICS):
    if not re.search(rf"\b{name}(_bucket|_sum|_count)?\b", shown):
        breach("dashboards", f"nobody shows {name}")
for name in sorted(set(coming()) & set(written())):
    print(f"note: {name} exists now; take it out of tests/coming-metrics.txt")
for line in breaches:
    print("breach:", line)
if breaches:
    sys.exit(1)
print(f"{len(boards)} dashboards, {sum(len(board['panels']) for board in boards.values())} panels: every rule is kept")
