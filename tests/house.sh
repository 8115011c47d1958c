#!/usr/bin/env bash
# The rules of the house that no lint knows. Says every breach, then fails.
# shellcheck disable=SC2016 # The backticks are those of the manuals.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

breaches=0
breach() {
    echo "breach: $*"
    breaches=$((breaches + 1))
}

sources() { find . \( -name target -o -name .git \) -prune -o -name '*.rs' -print | sed 's|^\./||' | sort; }
pages() { find . \( -name target -o -name .git \) -prune -o -name '*.md' -print | sed 's|^\./||' | sort; }

# Size: more than 300 lines are looked at again, more than 500 refused.
# Each file opens with what it is and what it must never do.
while read -r file; do
    lines=$(wc -l < "$file")
    if [ "$lines" -gt 500 ]; then
        breach "$file has $lines lines; 500 is the limit"
    elif [ "$lines" -gt 300 ]; then
        echo "look again: $file has $lines lines"
    fi
    [ "$(head -c 3 "$file")" = '//!' ] || breach "$file does not open with //!"
done < <(sources)

# The core is told the time and touches nothing: no runtime, file, socket, thread or clock, comments aside.
impure='tokio|std::(fs|net|thread|process)|Instant::now|SystemTime::now|env::var\('
while read -r line; do
    breach "the core is not pure: $line"
done < <(grep -rnE "$impure" core/src | grep -vE '^[^:]+:[0-9]+: *//' || true)
while read -r line; do
    breach "core/Cargo.toml brings a runtime or a socket: $line"
done < <(sed -n '/^\[dependencies\]/,/^\[dev-dependencies\]/p' core/Cargo.toml |
    grep -E '^(tokio|async|mio|socket2|rumqttc|axum|tracing|log)' || true)

# The log knows files and threads, and no network.
while read -r line; do
    breach "the audit log knows a network: $line"
done < <(grep -rnE '\b(std::net::[A-Z]*[a-z]*(Stream|Listener|Socket)|(Tcp|Udp)(Stream|Listener|Socket)|Unix(Stream|Listener|Datagram)|tokio|hyper|rumqttc)\b' audit/src | grep -vE '^[^:]+:[0-9]+: *//' || true)
while read -r line; do
    breach "audit/Cargo.toml brings a runtime or a socket: $line"
done < <(sed -n '/^\[dependencies\]/,/^\[dev-dependencies\]/p' audit/Cargo.toml |
    grep -E '^(tokio|async|mio|socket2|rumqttc|axum|hyper|reqwest)' || true)

# One file reads the clocks.
while read -r line; do
    breach "src/clock.rs is the only reader of the calendar: $line"
done < <(grep -rnE 'SystemTime::now' src | grep -v '^src/clock\.rs:' || true)

# Links in the manuals lead somewhere.
while read -r page; do
    while read -r link; do
        target=$(dirname "$page")/${link%%#*}
        [ -e "$target" ] || breach "$page links to $link, which does not exist"
    done < <(grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//' | grep -vE '^(https?:|mailto:|#)' || true)
done < <(pages)

# The tests that ARCHITECTURE.md names exist.
while read -r name; do
    grep -rqE "fn $name\(" src core audit tests || grep -q "^$name = " Cargo.toml || breach "ARCHITECTURE.md names the test $name, which does not exist"
done < <(grep -oE '`[a-z0-9]+(_[a-z0-9]+){3,}`' ARCHITECTURE.md | tr -d '`' | sort -u)

# The metrics that manuals, rules and examples name exist.
known=$(cat docs/metrics.md docs/metrics-own.md | grep -oE '^\| `[a-z_]+`' | tr -d '|` '
    grep -oE '^[a-z_]+' tests/coming-metrics.txt || true)
while read -r name; do
    family=$(sed -E 's/_(bucket|sum|count)$//' <<< "$name")
    grep -qxE "$name|$family" <<< "$known" || breach "a manual or rule names the metric $name, which does not exist"
done < <(grep -ohP '(?<![:\w])(mqtt|watchkeeper|process)_[a-z_]+[a-z](?![:\w])' README.md docs/runbook.md dashboards/README.md deploy/README.md | sort -u)

if [ "$breaches" -gt 0 ]; then
    echo "$breaches breaches of the house rules"
    exit 1
fi
echo "the house is in order: $(sources | wc -l) files of source, $(pages | wc -l) manuals"
