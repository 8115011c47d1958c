#!/usr/bin/env bash
# The archives of a release: static programs for x86-64 and arm64, with manual pages, completions, unit and manuals, and
# their SHA-256. Works from any directory; writes below target/release-files.
#
#   deploy/release.sh                     both
#   deploy/release.sh x86_64              one; x86_64 or aarch64
#   deploy/release.sh --deb x86_64        also a Debian package, with cargo-deb
#
# Needs rustup's target and a linker for musl: cargo-zigbuild with zig for both, else musl-gcc for this machine's own.
# The same program gives the same archive: names, times and owners in it are fixed by SOURCE_DATE_EPOCH, the commit's time.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

deb=no
if [ "${1:-}" = --deb ]; then deb=yes; shift; fi
machines=("$@")
[ $# -gt 0 ] || machines=(x86_64 aarch64)
for machine in "${machines[@]}"; do
    case $machine in
        x86_64 | aarch64) ;;
        *) echo "usage: deploy/release.sh [--deb] [x86_64] [aarch64]" >&2; exit 2 ;;
    esac
done

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
out=target/release-files
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
WATCHKEEPER_REVISION=${WATCHKEEPER_REVISION:-$(git rev-parse --short HEAD)}
export SOURCE_DATE_EPOCH WATCHKEEPER_REVISION
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "there are changes that are not committed; a release is made of a commit" >&2
    exit 1
fi
rm -rf "$out"
mkdir -p "$out"

# build MACHINE: the program for it, with whichever linker there is.
build() {
    local target=$1-unknown-linux-musl
    if command -v cargo-zigbuild > /dev/null 2>&1; then
        cargo zigbuild --release --locked --bin watchkeeper --target "$target"
    elif [ "$1" = "$(uname -m)" ] && command -v musl-gcc > /dev/null 2>&1; then
        CC=musl-gcc cargo build --release --locked --bin watchkeeper --target "$target"
    else
        echo "no linker for $target: cargo install cargo-zigbuild, and zig; or apt-get install musl-tools on $1" >&2
        return 1
    fi
}

# is_static FILE: it asks for no interpreter and no library.
is_static() {
    local headers
    headers=$(readelf --program-headers --dynamic "$1") || return 1
    ! grep -qE 'INTERP|\(NEEDED\)' <<< "$headers"
}

# The program of this machine writes its own manual pages and completions; all others take them from it.
papers() {
    local program=$1 shell
    mkdir -p target/man target/completions
    "$program" man target/man
    for shell in bash zsh fish; do "$program" completions "$shell" > "target/completions/watchkeeper.$shell"; done
}

archive() {
    local name=watchkeeper-$version-$1-linux program=target/$1-unknown-linux-musl/release/watchkeeper stage
    if ! is_static "$program"; then
        echo "$program is not static" >&2
        return 1
    fi
    stage=$(mktemp -d)
    mkdir -p "$stage/$name"
    cp -r "$program" README.md CHANGELOG.md LICENSE target/man target/completions docs dashboards examples/config \
        deploy/watchkeeper.service deploy/prometheus "$stage/$name/"
    tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go+rX,go-w \
        --directory "$stage" "$name" | gzip --no-name --best > "$out/$name.tar.gz"
    rm -r "$stage"
}

for machine in "${machines[@]}"; do build "$machine"; done
own=target/$(uname -m)-unknown-linux-musl/release/watchkeeper
if [ ! -x "$own" ]; then
    echo "manual pages come from the program of this machine: build $(uname -m) as well" >&2
    exit 1
fi
papers "$own"
for machine in "${machines[@]}"; do
    archive "$machine"
    if [ "$deb" = yes ]; then
        cargo deb --no-build --no-strip --target "$machine-unknown-linux-musl" --output "$out/"
    fi
done
(cd "$out" && find . -maxdepth 1 \( -name '*.tar.gz' -o -name '*.deb' \) -printf '%P\n' | sort | xargs sha256sum) > target/SHA256SUMS
mv target/SHA256SUMS "$out/"
cat "$out/SHA256SUMS"
