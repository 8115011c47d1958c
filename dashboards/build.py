#!/usr/bin/env python3
"""Writes the dashboards anew from source/, or with --check fails where a file is not what the source says.

    dashboards/build.py
    dashboards/build.py --check
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from source import broker, delivery, device, fleet, own  # noqa: E402

FILES = {
    "fleet-overview.json": fleet,
    "device.json": device,
    "broker-and-queues.json": broker,
    "delivery-and-commands.json": delivery,
    "watchkeeper.json": own,
}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    stale = []
    for name, module in FILES.items():
        text = json.dumps(module.DASHBOARD, indent=2, ensure_ascii=False) + "\n"
        path = HERE / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    strangers = sorted(path.name for path in HERE.glob("*.json") if path.name not in FILES)
    for name in stale:
        print(f"dashboards/{name} is not what dashboards/source says: run dashboards/build.py")
    for name in strangers:
        print(f"dashboards/{name} is written by nobody")
    if stale or strangers:
        sys.exit(1)
    print(f"{len(FILES)} dashboards, {sum(len(one.DASHBOARD['panels']) for one in FILES.values())} panels")


if __name__ == "__main__":
    main()
