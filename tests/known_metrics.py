"""The metrics that there are, by the references that are rendered from the code; and how they are found in PromQL."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.M)
NAME = re.compile(r"(?<![\w:$])((?:mqtt|watchkeeper|process)_\w+|up)(?![\w(:])")
SELECTOR = re.compile(NAME.pattern + r"(\{[^}]*\})?(\[[^\]]*\])?")
RECORDED = re.compile(r"(?<![\w$])(\w+:\w+:\w+)(\{[^}]*\})?")


def written():
    """Name to type: gauge, counter, histogram."""
    found = {"up": "gauge"}
    for page in ("metrics.md", "metrics-own.md"):
        found.update(ROW.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    return found


def coming():
    lines = (ROOT / "tests" / "coming-metrics.txt").read_text(encoding="utf-8").splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if line and not line.startswith("#")}


def known():
    return {**coming(), **written()}


def kind(name, metrics):
    """The type of a series: counter, gauge, bucket (only under a rate), or None where nobody knows it."""
    if name in metrics:
        return metrics[name]
    family, _, part = name.rpartition("_")
    if metrics.get(family) == "histogram":
        return {"bucket": "bucket", "sum": "counter", "count": "counter"}.get(part)
    return None


def without_strings(expression):
    """The expression with what stands in quotes, in braces and in by/on/without lists blanked: only names of series and
    functions are left, each at its old place."""

    def blank(match):
        return " " * len(match[0])

    expression = re.sub(r"\{[^}]*\}", blank, expression)
    return re.sub(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", blank, expression)
