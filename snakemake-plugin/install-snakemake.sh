#!/usr/bin/env bash
# Installs Snakemake 9.27.1 and this plugin into a virtual environment of their
# own and prints its path.  Quick when there is nothing to do.
#   install-snakemake.sh          what a run needs
#   install-snakemake.sh --test   and what the tests need
# The folder is ${XDG_CACHE_HOME:-$HOME/.cache}/genosched/snakemake-9.27.1-venv.
set -euo pipefail

snakemake_version=9.27.1
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/genosched
venv=$cache/snakemake-$snakemake_version-venv
kind=run

say() { printf '%s\n' "install-snakemake: $*" >&2; }
fail() { say "$*"; exit 1; }

case ${1-} in
    '') ;;
    --test) kind=test ;;
    *) fail "unknown option '$1': only --test is known. Leave it out." ;;
esac

# The first Python of at least 3.11 that there is.
find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 \
        /usr/bin/python3; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c \
            'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

apt_install() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        return 1
    fi
    say "installing $* with apt-get"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "$@"; } >&2
}

# What was installed, in one line: when it changes, it is installed again.
fingerprint() {
    { printf '%s\n' "$snakemake_version" "$here" "$kind"
        cat -- "$here/pyproject.toml" "$here/install-snakemake.sh" \
            "$here/tests/requirements.txt"
    } | sha256sum | cut -d' ' -f1
}

done_already() {
    [ -x "$venv/bin/snakemake" ] && "$venv/bin/python" -c '' 2>/dev/null || return 1
    [ "$(cat "$venv/.genosched-$kind" 2>/dev/null)" = "$(fingerprint)" ]
}

make_venv() {
    local python
    if ! python=$(find_python); then
        apt_install python3 python3-venv || true
        python=$(find_python) || fail "no Python of version 3.11 or later was found" \
            "(tried \$PYTHON, python3, python3.11 to python3.13). Install one," \
            "on Debian 12: apt-get install python3 python3-venv."
    fi
    if [ -d "$venv" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        return
    fi
    rm -rf -- "$venv"
    if ! "$python" -m venv "$venv" >&2; then
        rm -rf -- "$venv"
        apt_install python3-venv || fail "$python cannot make a virtual environment." \
            "Install its venv module, on Debian: apt-get install python3-venv."
        "$python" -m venv "$venv" >&2 || fail "$python -m venv $venv failed, see above."
    fi
}

install() {
    mkdir -p -- "$cache"
    exec 9>"$cache/snakemake-venv.lock"
    flock 9 # two scripts at once wait for each other
    if done_already; then return; fi
    make_venv
    local pip=("$venv/bin/python" -m pip --disable-pip-version-check)
    say "installing snakemake $snakemake_version into $venv"
    "${pip[@]}" install -q "snakemake==$snakemake_version" -e "$here" >&2 ||
        fail "pip could not install Snakemake, see above. Check the network and" \
            "the package index that pip uses, then run this again."
    if [ "$kind" = test ]; then
        "${pip[@]}" install -q -r "$here/tests/requirements.txt" >&2 ||
            fail "pip could not install what the tests need, see above."
    fi
    fingerprint >"$venv/.genosched-$kind"
}

if ! done_already; then install; fi
printf '%s\n' "$venv"
