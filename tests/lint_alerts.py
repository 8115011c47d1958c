#!/usr/bin/env python3
"""What promtool does not ask of deploy/prometheus/*.rules.yml: every alert has a severity, a time, texts and a chapter of
docs/runbook.md, is tested to be silent, to fire and to be over, and names metrics that exist. Says every breach, then
fails. It reads the files line by line, as they are written here, and needs nothing but Python."""

import re
import sys

sys.dont_write_bytecode = True
from known_metrics import NAME, RECORDED, ROOT, coming, kind, known, without_strings, written  # noqa: E402

METRICS = known()
FOLDER = ROOT / "deploy" / "prometheus"
URL = "https://github.com/watchkeeper/watchkeeper/blob/main/docs/runbook.md#"
breaches = []


def breach(where, what):
    breaches.append(f"{where}: {what}")


def blocks(path):
    """(kind, name, text) of each rule of a file."""
    parts = re.split(r"^      - (alert|record): (\S+)\n", path.read_text(encoding="utf-8"), flags=re.M)
    return list(zip(parts[1::3], parts[2::3], parts[3::3]))


def expression(text):
    match = re.search(r"^        expr: (?:>-\n((?:          .*\n)+)|(.*)\n)", text, re.M)
    return re.sub(r"\s+", " ", match[1] or match[2]) if match else ""


def field(text, name):
    match = re.search(rf"^ +{name}: (.+)$", text, re.M)
    return match[1].strip('"') if match else ""


def metrics_of(where, text, recorded):
    names = expression(text)
    if not names:
        breach(where, "no expression was found")
    for match in RECORDED.finditer(names):
        if match[1] not in recorded:
            breach(where, f"nobody records {match[1]}")
    for match in NAME.finditer(without_strings(RECORDED.sub(lambda found: " " * len(found[0]), names))):
        what = kind(match[1], METRICS)
        if what is None:
            breach(where, f"{match[1]} is in neither docs/metrics.md nor docs/metrics-own.md")
        under = re.search(r"\b(?:rate|increase)\($", names[: match.start()]) is not None
        if (what in ("counter", "bucket")) != under:
            breach(where, f"{match[1]} is a {what}, and {'' if under else 'not '}under a rate")


def alert(where, name, text, chapters):
    if not re.fullmatch(r"(Mqtt|Watchkeeper)[A-Za-z]+", name):
        breach(where, "its name begins with neither Mqtt nor Watchkeeper")
    if not re.search(r"^        labels: \{severity: (critical|warning|info)\}$", text, re.M):
        breach(where, "no severity")
    if not re.fullmatch(r"\d+[mh]", field(text, "for")):
        breach(where, "no time after which it fires")
    summary, description = field(text, "summary"), field(text, "description")
    if not summary or "{{" in summary or summary.endswith("."):
        breach(where, "its summary is one sentence without values and full stop")
    if not description.endswith("."):
        breach(where, "no description")
    if field(text, "runbook_url") != URL + name.lower():
        breach(where, f"its runbook_url is not {URL}{name.lower()}")
    if name not in chapters:
        breach(where, "docs/runbook.md has no chapter about it")


def tests(name, text):
    """An alert must be silent, then fire, then be silent again."""
    case = re.search(rf"^  - name: {name}\n(.*?)(?=^  - name:|\Z)", text, re.M | re.S)
    if not case:
        return "there is no test of it"
    if re.findall(r"alertname: (\w+)\n        exp_alerts:( \[\])?", case[1]) != [(name, " []"), (name, ""), (name, " []")]:
        return "its test is not: silent, firing, over"
    return None


rules = {path: blocks(path) for path in sorted(FOLDER.glob("*.rules.yml"))}
recorded = {name for found in rules.values() for what, name, _ in found if what == "record"}
runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
chapters = re.findall(r"^### (\w+)$", runbook, re.M)
alerts = []
for path, found in rules.items():
    written_in_all = len(re.findall(r"- (?:alert|record):", path.read_text(encoding="utf-8")))
    if written_in_all != len(found) or not found:
        breach(path.name, f"{written_in_all} rules, and {len(found)} could be read")
    tested = FOLDER / "tests" / path.name.replace(".rules", "")
    cases = tested.read_text(encoding="utf-8") if tested.exists() else ""
    for what, name, text in found:
        where = f"{path.name}, {name}"
        metrics_of(where, text, recorded)
        if what == "alert":
            alerts.append(name)
            alert(where, name, text, chapters)
            wrong = tests(name, cases)
            if wrong:
                breach(where, wrong)
for name in {one for one in alerts if alerts.count(one) > 1}:
    breach(name, "two alerts have this name")
for name in chapters:
    if name not in alerts:
        breach("docs/runbook.md", f"there is no alert {name}")
    chapter = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", runbook, re.M | re.S)[1]
    for part in ("**Means.**", "**See.**", "**Do.**"):
        if part not in chapter:
            breach(f"docs/runbook.md, {name}", f"no {part}")
for name in re.findall(r"alertname=~?\"([^\"]+)\"", (FOLDER / "alertmanager.yml").read_text(encoding="utf-8")):
    for one in name.split("|"):
        if one not in alerts:
            breach("alertmanager.yml", f"there is no alert {one}")
for line in breaches:
    print("breach:", line)
if breaches:
    sys.exit(1)
print(f"{len(alerts)} alerts and {len(recorded)} recorded series: every rule is kept")
