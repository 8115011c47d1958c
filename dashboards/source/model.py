"""Grafana's classic dashboard model: what every dashboard and panel here has in common.

Nothing here may know a metric. Panels are laid out in the order in which they are written, in 24 columns.
"""

JOB = 'job=~"$job"'
BROKER = JOB + ',broker=~"$broker"'
DEVICE = BROKER + ',device="$device"'
OWN = JOB + ',instance=~"$instance"'
TAG = "watchkeeper"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Steps of thresholds: what is above the value has the colour.
NEUTRAL = [(None, "text")]
BAD_ABOVE_0 = [(None, "green"), (1e-9, "red")]
WARN_ABOVE_0 = [(None, "green"), (1e-9, "orange")]
GOOD_AT_1 = [(None, "red"), (1, "green")]


def share(warn, bad):
    """Green, orange from `warn`, red from `bad`."""
    return [(None, "green"), (warn, "orange"), (bad, "red")]


def steps(thresholds):
    return {"mode": "absolute", "steps": [{"color": c, "value": v} for v, c in thresholds]}


def words(**texts):
    """What is shown for a number: `words(_0="offline", _1="online")`."""
    options = {key[1:]: {"text": text, "index": n} for n, (key, text) in enumerate(texts.items())}
    return [{"type": "value", "options": options}]


def panel(kind, title, description, targets, unit="short", width=8, height=7, thresholds=NEUTRAL, **more):
    """`targets`: (expression, legend) pairs. `more`: max, min, decimals, mappings, stack, links, exists."""
    defaults = {"unit": unit, "thresholds": steps(thresholds), "color": {"mode": "thresholds"}}
    for key in ("min", "max", "decimals", "mappings", "links", "noValue"):
        if more.get(key) is not None:
            defaults[key] = more[key]
    made = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": more.get("overrides", [])},
        "targets": [target(n, *one) for n, one in enumerate(targets)],
        "gridPos": {"w": width, "h": height},
    }
    return made


def target(number, expression, legend, **more):
    return {
        "refId": chr(ord("A") + number),
        "datasource": SOURCE,
        "expr": expression,
        "legendFormat": legend,
        "editorMode": "code",
        "range": True,
        "instant": False,
        **more,
    }


def stat(title, description, expression, unit="short", thresholds=NEUTRAL, legend="", width=3, **more):
    """One number, as it is now."""
    made = panel("stat", title, description, [(expression, legend)], unit, width, 4, thresholds, **more)
    made["targets"][0].update(instant=True, range=False)
    made["options"] = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": more.get("text", "auto"),
        "wideLayout": True,
    }
    return made


def graph(title, description, targets, unit="short", thresholds=None, **more):
    """Lines over time, from 0 on unless `min=None`; `stack=True` lays them upon one another. Thresholds are drawn as lines."""
    made = panel("timeseries", title, description, targets, unit, thresholds=thresholds or NEUTRAL, **more)
    defaults = made["fieldConfig"]["defaults"]
    defaults["color"] = {"mode": "palette-classic"}
    if "min" not in more:
        defaults["min"] = 0
    defaults["custom"] = {
        "drawStyle": "line",
        "lineInterpolation": more.get("line", "linear"),
        "lineWidth": 1,
        "fillOpacity": 30 if more.get("stack") else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if more.get("stack") else "none", "group": "A"},
        "thresholdsStyle": {"mode": "line" if thresholds else "off"},
    }
    made["options"] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return made


def table(title, description, expression, value, unit="short", thresholds=NEUTRAL, hide=(), **more):
    """The series of an instant query as rows; `value` is the heading of their number, which sorts them."""
    made = panel("table", title, description, [(expression, "")], unit, thresholds=thresholds, **more)
    made["targets"][0].update(instant=True, range=False, format="table")
    hidden = {name: True for name in ("Time", "job", "instance", "pod", "__name__", *hide)}
    made["transformations"] = [
        {"id": "organize", "options": {"excludeByName": hidden, "renameByName": {"Value": value}, "indexByName": {}}}
    ]
    made["options"] = {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": value, "desc": True}]}
    to_device = {"title": "The device ${__data.fields.device}", "url": device_url()}
    made["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": "device"}, "properties": [{"id": "links", "value": [to_device]}]}
    ]
    return made


def heatmap(title, description, expression, unit, **more):
    """A histogram over time; the expression gives the increase by `le`."""
    made = panel("heatmap", title, description, [(expression, "{{le}}")], unit, **more)
    made["targets"][0]["format"] = "heatmap"
    made["options"] = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange"},
        "cellGap": 1,
        "yAxis": {"axisPlacement": "left", "unit": unit},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
    }
    return made


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}


def device_url():
    kept = "${datasource:queryparam}&${job:queryparam}&var-broker=${__data.fields.broker:percentencode}&${__url_time_range}"
    return "/d/watchkeeper-device?var-device=${__data.fields.device:percentencode}&" + kept


def variable(name, label, query, multi=True):
    made = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": multi,
        "includeAll": multi,
        "hide": 0,
        "regex": "",
        "options": [],
    }
    if multi:
        made["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
        # Series of ours that belong to no broker have no such label; `.*` takes them as well.
        made["allValue"] = ".*"
    return made


DATASOURCE = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
    "regex": "",
    "hide": 0,
    "refresh": 1,
    "multi": False,
    "includeAll": False,
    "options": [],
    "current": {"selected": True, "text": "default", "value": "default"},
}
JOBS = variable("job", "Job", "label_values(watchkeeper_build_info, job)")
INSTANCES = variable("instance", "Instance", f"label_values(watchkeeper_build_info{{{JOB}}}, instance)")
BROKERS = variable("broker", "Broker", f"label_values(watchkeeper_connected{{{JOB}}}, broker)")
DEVICES = variable("device", "Device", f"label_values(mqtt_device_last_message_timestamp_seconds{{{BROKER}}}, device)", multi=False)


def annotations():
    started = {
        "name": "Watchkeeper started",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"changes(process_start_time_seconds{{{JOB}}}[$__rate_interval]) > 0",
        "titleFormat": "{{instance}} started",
        "step": "60s",
    }
    builtin = {
        "builtIn": 1,
        "name": "Annotations & Alerts",
        "type": "dashboard",
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
    }
    return {"list": [builtin, started]}


def laid_out(panels):
    """Numbers the panels and gives each its place, left to right, a new line where the width is used up."""
    x = y = line = 0
    for number, one in enumerate(panels, 1):
        place = one["gridPos"]
        if x + place["w"] > 24 or one["type"] == "row":
            x, y, line = 0, y + line, 0
        one["id"] = number
        one["gridPos"] = {"x": x, "y": y, **place}
        x, line = x + place["w"], max(line, place["h"])
    return panels


def dashboard(uid, title, description, variables, panels):
    link = {
        "type": "dashboards",
        "title": "Watchkeeper",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    return {
        "id": None,
        "uid": uid,
        "title": f"Watchkeeper / {title}",
        "description": description,
        "tags": [TAG, "mqtt"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "liveNow": False,
        "links": [link],
        "annotations": annotations(),
        "templating": {"list": [DATASOURCE, *variables]},
        "panels": laid_out(panels),
    }


# Expressions. `more` are further matchers.
def series(name, scope, *more):
    return f"{name}{{{','.join([scope, *more])}}}"


def rate(name, scope, *more):
    return f"rate({series(name, scope, *more)}[$__rate_interval])"


def in_range(name, scope, *more):
    """How much a counter rose in the time that is shown."""
    return f"increase({series(name, scope, *more)}[$__range])"


def total(expression, by=""):
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def quantile(share, histogram, scope, by=""):
    keep = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({keep}) ({rate(histogram + '_bucket', scope)}))"


def age(name, scope):
    return f"time() - {series(name, scope)}"


def failing(operation, scope):
    """The share of the operations of a type that fail; nothing where there are none."""
    what = f'operation="{operation}"'
    failures, all_of_them = (total(rate(name, scope, what)) for name in ("mqtt_operation_failures_total", "mqtt_operations_total"))
    return f"{failures} / ({all_of_them} > 0)"
