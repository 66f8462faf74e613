#!/usr/bin/env bash
# The local backend's unit tests on cgroup v2, in a small virtual machine:
# Debian's cloud kernel, an initramfs with the test programs of a build tree.
#
#   test/local-v2/run.sh [BUILD_DIR]
#
# BUILD_DIR (default: build/asan) must have been configured with -DGS_TESTS=ON
# and built. Downloads (kernel) are kept in the cache. Runs once as root with
# the root cgroup, once as a plain user in a delegated cgroup. Ends with
# "N passed, M failed"; exit code 0 only if nothing failed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${1:-$top/build/asan}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/genosched/kernel
seconds=${GENOSCHED_VM_SECONDS:-900}
programs=(test_local test_local_find test_local_pool test_local_full
    test_ledger test_cgroup)
as_user=(test_cgroup test_local_pool)

say() { echo "local-v2: $*" >&2; }
die() { say "$*"; exit 1; }

need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null && return
    say "installing $2"
    [ "$(id -u)" = 0 ] || die "$1 is missing; install the package $2"
    apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends \
        "$2" >&2
}

kernel() { # prints the path of a kernel image
    mkdir -p "$cache"
    if ! ls "$cache"/boot/vmlinuz-* >/dev/null 2>&1; then
        local package
        package=$(apt-cache depends linux-image-cloud-amd64 |
            awk '/Depends: linux-image/ {print $2; exit}')
        [ -n "$package" ] || die "no linux-image-cloud-amd64 in apt's lists;" \
            "run apt-get update"
        say "fetching $package"
        (cd "$cache" && apt-get download "$package" >&2 &&
            dpkg-deb -x "$package"_*.deb . && rm -rf "$package"_*.deb lib usr)
    fi
    ls "$cache"/boot/vmlinuz-* | tail -1
}

find_program() { # NAME: in the build tree
    find "$build" -type f -name "$1" -perm -u+x | head -1
}

put() { # ROOT FILE TARGET: with the shared libraries it needs
    local root=$1 file=$2 lib
    mkdir -p "$root$(dirname "$3")"
    cp -L "$file" "$root$3"
    for lib in $(ldd "$file" 2>/dev/null | grep -o '/[^ )]*'); do
        [ -e "$root$lib" ] && continue
        mkdir -p "$root$(dirname "$lib")"
        cp -L "$lib" "$root$lib"
    done
}

initramfs() { # ROOT
    local root=$1 name path
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,run/lock,tests,root,etc}
    chmod 1777 "$root/tmp" "$root/run/lock"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    put "$root" "$(type -P busybox)" /bin/busybox
    for name in sh sleep cat dd touch mv ls readlink true grep rm setsid setpriv \
        seq; do
        path=$(readlink -f "$(type -P "$name")")
        put "$root" "$path" "/bin/$name"
    done
    for name in genosched-shim "${programs[@]}"; do
        path=$(find_program "$name")
        [ -n "$path" ] || die "$name is not in $build; build it with" \
            "-DGS_TESTS=ON"
        put "$root" "$path" "/tests/$name"
    done
    printf '%s\n' "${as_user[@]}" >"$root/tests/as-user"
    cp "$here/init" "$root/init"
    chmod 755 "$root/init"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1)
}

need qemu-system-x86_64 qemu-system-x86
need busybox busybox-static
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
image=$(kernel)
initramfs "$scratch/root" >"$scratch/initrd"

# KVM inside a virtual machine may hang without a word: only when asked for.
accel=(-accel tcg)
[ -z "${GENOSCHED_VM_KVM:-}" ] || accel=(-accel kvm -cpu host)
say "starting $(basename "$image")"
timeout --foreground "$seconds" qemu-system-x86_64 "${accel[@]}" -m 3072 -smp 2 \
    -nodefaults -display none -no-reboot -serial stdio \
    -kernel "$image" -initrd "$scratch/initrd" \
    -append "console=ttyS0 quiet panic=-1" </dev/null |
    sed -u 's/\r$//' | tee "$scratch/log"

passed=$(grep -c '^\[       OK \]' "$scratch/log" || true)
failed=$(awk '/^ *[0-9]+ FAILED TEST/ {n += $1} END {print n + 0}' \
    "$scratch/log")
ran=$(grep -c 'test(s) run\.$' "$scratch/log" || true)
expected=$((${#programs[@]} + ${#as_user[@]}))
[ "$ran" = "$expected" ] ||
    { say "$ran of $expected programs came to their end"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
