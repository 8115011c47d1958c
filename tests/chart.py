#!/usr/bin/env python3
"""Lints and renders deploy/helm/watchkeeper with each of its ci/*-values.yaml and with the defaults, into a folder, one file a
case. Needs helm_python of the package helm-python-sdk, which is Helm's own Go SDK.

    tests/chart.py FOLDER
"""

import pathlib
import sys

import helm_python

CHART = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "helm" / "watchkeeper"

found = [one for one in helm_python.lint(str(CHART))["messages"] if one["severity"] > 1]
if found:
    sys.exit(f"lint: {found}")
cases = {"defaults": {}}
for path in sorted(CHART.glob("ci/*-values.yaml")):
    cases[path.stem] = helm_python.values_from_yaml(path.read_text(encoding="utf-8"))
for name, values in cases.items():
    made = helm_python.Chart.load(str(CHART)).render(values, name="watch", namespace="plant")
    texts = [text for path, text in sorted(made.items()) if path.endswith(".yaml") and text.strip()]
    (pathlib.Path(sys.argv[1]) / f"{name}.yaml").write_text("\n---\n".join(texts), encoding="utf-8")
    print(f"{name}: {len(texts)} files")
try:
    helm_python.Chart.load(str(CHART)).render({"confg": "x"}, name="watch", namespace="plant")
    sys.exit("a misspelt value was taken")
except helm_python.HelmError as error:
    if "confg" not in str(error):
        raise
