# Shell functions that the scripts of this folder share; to be sourced, not run.
# Nothing here prints on stdout but what a caller asks for: talk goes to stderr.

# Downloads, tools and simulated data live here, outside of the checkout.
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/genosched"

say() { printf '%s\n' "$*" >&2; }

# fail WHAT WHY DO: ends the script with an error that says what to do.
fail() {
    printf 'error: %s\n  why: %s\n  do:  %s\n' "$1" "$2" "$3" >&2
    exit 1
}

# as_root COMMAND…: runs it as root, through sudo where there is need to.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "cannot run '$*' as root" \
            "you are user $(id -un) and there is no sudo" \
            "run that command as root, then start this script again"
    fi
}

# installed PACKAGE: is this Debian package there, whole?
installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# apt_install PACKAGE…: installs those that are missing; silent if none is.
apt_install() {
    local package missing=()
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail \
        "these packages are missing: ${missing[*]}" \
        "this machine has no apt-get to install them with" \
        "install them by hand, or use Debian 12"
    say "    apt-get install ${missing[*]}"
    local log
    log="$(mktemp)"
    if ! { as_root apt-get -o DPkg::Lock::Timeout=600 -q update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get \
            -o DPkg::Lock::Timeout=600 -q -y --no-install-recommends \
            install "${missing[@]}"; } </dev/null >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "apt-get could not install: ${missing[*]}" \
            "see the lines above; the whole log is $log" \
            "mend it (network, sources.list, free disk), then run this again"
    fi
    rm -f "$log"
}
