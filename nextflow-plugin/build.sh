#!/usr/bin/env bash
# Builds the plugin nf-genosched and installs it where Nextflow looks.
# Prints the installed folder on stdout; talk goes to stderr.
# See README.md, "Build", for the options.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
plugins="${NXF_PLUGINS_DIR:-${NXF_HOME:-$HOME/.nextflow}/plugins}"
target="$here/target"
bundle=""
tests=1
install=1

say() { printf 'nf-genosched build: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

usage() {
    cat >&2 <<USAGE
Usage: build.sh [--plugins-dir DIR] [--bundle DIR] [--target DIR]
                [--no-install] [--skip-tests]
  --plugins-dir DIR  where to install (default: \$NXF_PLUGINS_DIR, else
                     \$NXF_HOME/plugins, else ~/.nextflow/plugins)
  --bundle DIR       put DIR/genosched and DIR/genosched-shim into the plugin
  --target DIR       where to build (default: $here/target)
  --no-install       only build the zip; prints its path
  --skip-tests       do not run the unit tests
USAGE
}

while [ $# -gt 0 ]; do
    case "$1" in
    --plugins-dir | --bundle | --target)
        [ $# -ge 2 ] || { usage; die "$1 needs a folder"; }
        case "$1" in
        --plugins-dir) plugins="$2" ;;
        --bundle) bundle="$2" ;;
        --target) target="$2" ;;
        esac
        shift 2
        ;;
    --no-install) install=0; shift ;;
    --skip-tests) tests=0; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage; die "unknown option '$1'" ;;
    esac
done

command -v mvn >/dev/null && command -v javac >/dev/null ||
    die "needs Maven and a JDK of at least 17. install-nextflow.sh in this" \
        "folder installs both on Debian and Ubuntu (as root), or use" \
        "'apt-get install maven openjdk-17-jdk-headless'."
command -v unzip >/dev/null || command -v jar >/dev/null ||
    die "needs 'unzip' (apt-get install unzip) to install the plugin"

mkdir -p "$target"
target="$(cd "$target" && pwd)"
exec 9>"$target/.lock"
flock 9

version="$(sed -n 's:^  <version>\(.*\)</version>$:\1:p' "$here/pom.xml")"
[ -n "$version" ] || die "no version found in $here/pom.xml"

args=(-B -q -f "$here/pom.xml" "-Dgenosched.target=$target")
[ "$tests" -eq 1 ] || args+=(-Dmaven.test.skip=true)
if [ -n "$bundle" ]; then
    [ -x "$bundle/genosched" ] && [ -x "$bundle/genosched-shim" ] ||
        die "--bundle $bundle: no genosched and genosched-shim there. Build" \
            "them first, and name the folder that holds both."
    stage="$target/bundle/$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"
    rm -rf "$target/bundle"
    mkdir -p "$stage"
    cp "$bundle/genosched" "$bundle/genosched-shim" "$stage/"
    args+=("-Dgenosched.bundle=$target/bundle")
fi

zip="$target/nf-genosched-$version.zip"
rm -f "$zip"
if ! mvn -o "${args[@]}" package >"$target/mvn.log" 2>&1; then
    # A missing library is worth going online for, a failed test is not.
    if grep -q 'in offline mode' "$target/mvn.log"; then
        say "fetching build tools and libraries from Maven Central"
        mvn "${args[@]}" package >"$target/mvn.log" 2>&1 || failed=1
    else
        failed=1
    fi
fi
if [ "${failed:-0}" -eq 1 ] || [ ! -s "$zip" ]; then
    tail -n 60 "$target/mvn.log" >&2
    die "Maven could not build the plugin (see above; all of it is in" \
        "$target/mvn.log)"
fi
say "built $zip"
if [ "$install" -eq 0 ]; then
    printf '%s\n' "$zip"
    exit 0
fi

mkdir -p "$plugins"
plugins="$(cd "$plugins" && pwd)"
dest="$plugins/nf-genosched-$version"
stage="$(mktemp -d "$plugins/.nf-genosched.XXXXXX")"
trap 'rm -rf "$stage"' EXIT
if command -v unzip >/dev/null; then
    unzip -q "$zip" -d "$stage"
else
    (cd "$stage" && jar xf "$zip")
fi
chmod 755 "$stage"
[ ! -d "$stage/bin" ] || find "$stage/bin" -type f -exec chmod 755 {} +
rm -rf "$dest"
mv "$stage" "$dest"
say "installed $dest"
printf '%s\n' "$dest"
