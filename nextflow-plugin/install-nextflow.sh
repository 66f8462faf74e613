#!/usr/bin/env bash
# Installs Nextflow 25.04.4 from Maven Central, for machines that cannot or
# should not run the vendor's installer, and prints the launcher's path.
#
# Usage: install-nextflow.sh [--dir DIR] [--force]
# Stdout carries nothing but the path; talk goes to stderr. Running it again
# is cheap: a complete installation is found and left alone.
#
# Two dependencies of the published artifact are not on Maven Central in the
# version it names: nf-lang 25.04.4 (25.04.0 is, and fits) and lib-trace,
# which only the web log needs. Both are repaired in the POM below.
set -euo pipefail

readonly version=25.04.4
readonly nf_lang=25.04.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/genosched"
dir=""
force=0

say() { printf 'install-nextflow: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

usage() {
    cat >&2 <<USAGE
Usage: install-nextflow.sh [--dir DIR] [--force]
  --dir DIR   where to install (default: $cache/nextflow-$version)
  --force     install again even if it is complete
USAGE
}

while [ $# -gt 0 ]; do
    case "$1" in
    --dir)
        [ $# -ge 2 ] || { usage; die "--dir needs a folder"; }
        dir="$2"
        shift 2
        ;;
    --force) force=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage; die "unknown option '$1'" ;;
    esac
done
dir="${dir:-$cache/nextflow-$version}"

# The major version of the Java on PATH, or 0.
java_major() {
    command -v java >/dev/null || { echo 0; return; }
    java -version 2>&1 |
        sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1
}

need_packages() {
    local missing=()
    local major
    major="$(java_major)"
    if [ "${major:-0}" -lt 17 ] || ! command -v javac >/dev/null; then
        missing+=(openjdk-17-jdk-headless)
    fi
    command -v mvn >/dev/null || missing+=(maven)
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        die "needs ${missing[*]}: only root on Debian or Ubuntu can have" \
            "them installed here. Install them (for example with" \
            "'sudo apt-get install ${missing[*]}') and run this again."
    fi
    say "installing ${missing[*]}"
    {
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
            --no-install-recommends "${missing[@]}"
    } >&2 || die "apt-get could not install ${missing[*]} (see above)"
}

write_pom() {
    cat >"$1" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
 <modelVersion>4.0.0</modelVersion>
 <groupId>io.genosched</groupId>
 <artifactId>nextflow-runtime</artifactId>
 <version>1</version>
 <packaging>pom</packaging>
 <dependencies>
  <dependency>
   <groupId>io.nextflow</groupId><artifactId>nextflow</artifactId>
   <version>$version</version>
   <exclusions>
    <exclusion>
     <groupId>io.nextflow</groupId><artifactId>nf-lang</artifactId>
    </exclusion>
    <exclusion>
     <groupId>io.seqera</groupId><artifactId>lib-trace</artifactId>
    </exclusion>
   </exclusions>
  </dependency>
  <dependency>
   <groupId>io.nextflow</groupId><artifactId>nf-lang</artifactId>
   <version>$nf_lang</version>
  </dependency>
 </dependencies>
</project>
POM
}

write_launcher() {
    cat >"$1" <<'LAUNCHER'
#!/usr/bin/env bash
# Nextflow from the jars beside this file.
set -eu
here="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)"
export NXF_HOME="${NXF_HOME:-$HOME/.nextflow}"
export NXF_OFFLINE="${NXF_OFFLINE:-true}"
export NXF_DISABLE_CHECK_LATEST="${NXF_DISABLE_CHECK_LATEST:-true}"
export NXF_ANSI_LOG="${NXF_ANSI_LOG:-false}"
export NXF_CLI="nextflow $*"
opens=()
for name in java.lang java.io java.nio java.net java.util \
    java.util.concurrent.locks java.util.concurrent.atomic java.util.regex \
    sun.nio.ch sun.nio.fs sun.net.www.protocol.http \
    sun.net.www.protocol.https sun.net.www.protocol.ftp \
    sun.net.www.protocol.file jdk.internal.misc jdk.internal.vm; do
    opens+=("--add-opens=java.base/$name=ALL-UNNAMED")
done
java="java"
[ -z "${JAVA_HOME:-}" ] || java="$JAVA_HOME/bin/java"
# NXF_OPTS and NXF_JVM_ARGS hold several options each: split on purpose.
# shellcheck disable=SC2086
exec "$java" -Dfile.encoding=UTF-8 -XX:+TieredCompilation \
    "${opens[@]}" ${NXF_OPTS:-} ${NXF_JVM_ARGS:-} \
    -cp "$here/lib/*" nextflow.cli.Launcher "$@"
LAUNCHER
    chmod 755 "$1"
}

# Complete: the launcher, the marker written last, and every jar it lists.
complete() {
    [ -x "$dir/nextflow" ] && [ -s "$dir/.complete" ] || return 1
    local jar
    while read -r jar; do
        [ -s "$dir/lib/$jar" ] || return 1
    done <"$dir/.complete"
}

install_into() {
    local stage="$1" jars
    mkdir -p "$stage/lib"
    write_pom "$stage/pom.xml"
    local goal=(org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies
        -f "$stage/pom.xml" -DincludeScope=runtime
        "-DoutputDirectory=$stage/lib")
    if ! mvn -B -q -o "${goal[@]}" >"$stage/mvn.log" 2>&1; then
        say "fetching Nextflow $version and its libraries from Maven Central"
        if ! mvn -B -q "${goal[@]}" >"$stage/mvn.log" 2>&1; then
            tail -n 20 "$stage/mvn.log" >&2
            die "Maven could not fetch Nextflow $version (its last lines are" \
                "above). Check that Maven Central can be reached, or set a" \
                "mirror in ~/.m2/settings.xml, and run this again."
        fi
    fi
    write_launcher "$stage/nextflow"
    rm -f "$stage/mvn.log"
    jars="$(cd "$stage/lib" && printf '%s\n' *.jar)"
    case "$jars" in
    *nextflow-$version.jar*) ;;
    *) die "Maven ended well but nextflow-$version.jar is not in $stage/lib" ;;
    esac
    printf '%s\n' "$jars" >"$stage/.complete"
}

main() {
    need_packages
    mkdir -p "$(dirname "$dir")" || die "cannot create $(dirname "$dir")"
    exec 9>"$dir.lock"
    flock 9
    if [ "$force" -eq 0 ] && complete; then
        printf '%s\n' "$dir/nextflow"
        return
    fi
    stage="$(mktemp -d "$dir.new.XXXXXX")"
    trap 'rm -rf "$stage"' EXIT
    install_into "$stage"
    chmod 755 "$stage"
    rm -rf "$dir"
    mv "$stage" "$dir"
    say "Nextflow $version is in $dir"
    printf '%s\n' "$dir/nextflow"
}

main
