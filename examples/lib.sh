# shellcheck shell=bash
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
            -o DPkg::Lock::Timeout=600 -q -y --no-remove \
            --no-install-recommends install "${missing[@]}"; } </dev/null >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "apt-get could not install: ${missing[*]}" \
            "see the lines above; the whole log is $log" \
            "mend it (network, sources.list, free disk), then run this again"
    fi
    rm -f "$log"
}

# install_nf_plugin TOP: builds and installs the Nextflow plugin of the
# checkout TOP, unless that has been done for the very same sources.
install_nf_plugin() {
    local top="$1" sum stamp="$CACHE/nf-genosched.installed" folder
    sum="$(cd "$top/nextflow-plugin" &&
        find pom.xml build.sh src -type f -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum | sha256sum | cut -d' ' -f1)"
    if [ -s "$stamp" ] && read -r folder <"$stamp" && [ -d "$folder" ] &&
        [ "$(sed -n 2p "$stamp")" = "$sum" ] &&
        [ "$(dirname "$folder")" = "$(nf_plugins_dir)" ]; then
        return
    fi
    folder="$("$top/nextflow-plugin/build.sh" --skip-tests)"
    printf '%s\n%s\n' "$folder" "$sum" >"$stamp"
}

nf_plugins_dir() {
    printf '%s\n' "${NXF_PLUGINS_DIR:-${NXF_HOME:-$HOME/.nextflow}/plugins}"
}

# run_nextflow LAUNCHER EXAMPLE DIR COHORT [OPTION…]: the example's pipeline,
# through genosched, in the folder DIR; what a run before has finished is kept.
run_nextflow() {
    local launcher="$1" example="$2" dir="$3" cohort="$4"
    shift 4
    mkdir -p "$dir"
    (cd "$dir" && exec "$launcher" run "$example/main.nf" -resume \
        -profile genosched --cohort "$cohort" "$@")
}

# run_snakemake PROGRAM EXAMPLE DIR COHORT [OPTION…]: the same as a workflow.
run_snakemake() {
    local program="$1" example="$2" dir="$3" cohort="$4"
    shift 4
    mkdir -p "$dir"
    (cd "$dir" && exec "$program" --snakefile "$example/Snakefile" \
        --profile "$example/profiles/genosched" \
        --config cohort="$cohort" "$@")
}

# nextflow_run_id DIR: the run's id of the newest run of Nextflow in DIR.
nextflow_run_id() {
    tail -n 1 "$1/.nextflow/history" | cut -f 6
}
