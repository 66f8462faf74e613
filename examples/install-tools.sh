#!/usr/bin/env bash
# Installs what the example runs: bcftools, tabix, plink2 and Beagle from
# Debian, and a Python environment with the simulator that makes the cohort.
# May be run again at any time: what is there already is left alone.
# stdout: the path of the simulator's Python environment, nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./lib.sh

MSPRIME=1.4.4
NUMPY=2.4.6
VENV="$CACHE/cohort-venv"

apt_install bcftools tabix plink2 beagle openjdk-17-jre-headless \
    python3 python3-venv

for tool in bcftools tabix bgzip plink2 beagle java python3; do
    command -v "$tool" >/dev/null || fail "the program '$tool' is not there" \
        "its Debian package is installed, but it is not on PATH ($PATH)" \
        "put /usr/bin on PATH, then run this again"
done

# The stamp is written last: a half-made environment is made anew.
stamp="$VENV/.genosched-msprime-$MSPRIME-numpy-$NUMPY"
if [ ! -e "$stamp" ]; then
    say "    Python environment with msprime $MSPRIME in $VENV"
    rm -rf "$VENV"
    mkdir -p "$CACHE"
    /usr/bin/python3 -m venv "$VENV"
    "$VENV/bin/pip" --quiet --disable-pip-version-check install \
        "msprime==$MSPRIME" "numpy==$NUMPY" >&2 ||
        fail "pip could not install msprime $MSPRIME and numpy $NUMPY" \
            "see the lines above" \
            "check that this machine reaches the Python package index, then run this again"
    touch "$stamp"
fi
printf '%s\n' "$VENV"
