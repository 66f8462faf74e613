#!/usr/bin/env bash
# Snakemake's own regression tests of cluster execution, from the source
# distribution of the version that is installed, run through genosched.
# Called by run.sh; takes the program from $GENOSCHED.  Arguments go to pytest.
set -euo pipefail

snakemake_version=9.27.1
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/genosched
source=$cache/snakemake-$snakemake_version-source
: "${GENOSCHED:?names the genosched program; run.sh sets it}"

venv=$("$here/../../../snakemake-plugin/install-snakemake.sh" --test)

# The source distribution, because the installed package has no tests.
if [ ! -d "$source/tests" ]; then
    download=$(mktemp -d -p "$cache")
    "$venv/bin/python" -m pip download -q --no-deps --no-binary snakemake \
        -d "$download" "snakemake==$snakemake_version" >&2
    mkdir -p -- "$download/x"
    tar -xzf "$download/snakemake-$snakemake_version.tar.gz" -C "$download/x"
    rm -rf -- "$source"
    mv -- "$download/x/snakemake-$snakemake_version" "$source"
    rm -rf -- "$download"
fi

# The storage plugin "fs" copies with rsync.
if ! command -v rsync >/dev/null 2>&1; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        { apt-get update -q && apt-get install -y -q rsync; } >&2
    else
        echo "regression.sh: rsync is missing; install it (Debian: rsync)" >&2
        exit 1
    fi
fi

# The tests start `python` and `snakemake` by name.
export PATH="$venv/bin:$PATH"
export PYTHONPATH="$here:$here/../../../snakemake-plugin/src"
export AWS_DEFAULT_REGION=us-east-1
cd -- "$source"
# The sources beside the tests must not hide the installed package.
"$venv/bin/python" -m pytest -q -p cluster_as_genosched -p no:cacheprovider \
    --timeout 300 "$@" tests/tests.py
