#!/usr/bin/env bash
# Builds the control plane once and prints the path of the binary, alone, on standard output.
#
# The binary lies in target/control-plane/<hash>/, where <hash> covers everything it is made from
# (go.mod, go.sum, the Go files, this script, the Go version), so that an unchanged one is found at
# once and a changed one is never mistaken for it. Beside it lies a `kubectl`, the same program under
# another name. Progress and errors go to standard error. Two callers at a time are safe: the second
# waits for the first.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
store=$(cd "$here/../.." && pwd)/target/control-plane

say() { printf 'control-plane: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- what it needs -------------------------------------------------------------------------------

for tool in go flock sha256sum; do
    command -v "$tool" >/dev/null || case $tool in
        go) die "Go is missing: install Go $(awk '$1 == "go" { print $2 }' "$here/go.mod") or newer (https://go.dev/dl) and have it in PATH" ;;
        flock) die "flock is missing: install util-linux" ;;
        *) die "$tool is missing: install coreutils" ;;
    esac
done

export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 # no other toolchain, no workspace, no C compiler
cd "$here"

wanted=$(awk '$1 == "go" { print $2 }' go.mod)
go_version=$(go version) # "go version go1.26.8 linux/amd64"
have=${go_version#go version go}
have=${have%% *}
[[ $(printf '%s\n' "$wanted" "$have" | sort -V | head -n 1) == "$wanted" ]] ||
    die "Go $have at $(command -v go) is too old: Go $wanted or newer is needed"

hash=$({ printf '%s\n' "$go_version"; sha256sum go.mod go.sum ./*.go build.sh; } | sha256sum | cut -c 1-16)
binary=$store/$hash/control-plane

if [[ -x $binary ]]; then
    echo "$binary"
    exit
fi

# --- one builder at a time -----------------------------------------------------------------------

mkdir -p "$store"
exec 9>"$store/.lock"
if ! flock --nonblock 9; then
    say "somebody else is building it; waiting for them"
    flock 9
fi
if [[ -x $binary ]]; then
    echo "$binary"
    exit
fi

# --- the build, told as it goes ------------------------------------------------------------------

log=$store/build.log
: >"$log"
packages_list=$store/packages
work=
clean_up() { # go and its compile steps are a process group; on SIGINT go removes its temporary files
    if [[ -n $work ]]; then kill -INT -- "-$work" 2>/dev/null && wait "$work" || true; fi
    rm -f "$packages_list"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# watched PROGRESS COMMAND...: runs the command and prints what PROGRESS says every 15 seconds.
watched() {
    local progress=$1 next=$((SECONDS + 15))
    shift
    set -m # a process group of its own
    "$@" 2>>"$log" </dev/null &
    work=$!
    set +m
    while kill -0 "$work" 2>/dev/null; do
        sleep 0.5
        if ((SECONDS >= next)); then
            say "$((SECONDS / 60))m$((SECONDS % 60))s: $($progress)"
            next=$((SECONDS + 15))
        fi
    done
    if ! wait "$work"; then
        work=
        tail -n 20 "$log" >&2
        die "the build failed after $SECONDS s; its whole log: $log"
    fi
    work=
}

count() { grep -c "$1" "$log" || true; }
fetching() { echo "fetching modules, $(count '^go: downloading') so far"; }
compiling() { # go build -v names each package as it starts on it; cached ones are not named
    if grep -q "^$module\$" "$log"; then
        echo "$(count '^[^: ]*$') packages compiled, now linking"
    else
        echo "$(count '^[^: ]*$') packages compiled so far (of $packages at most)"
    fi
}

module=$(awk '$1 == "module" { print $2 }' go.mod)
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
IFS=. read -r major minor _ <<<"${kubernetes#v}"

# Without these, clients would see version v0.0.0.
ldflags="-s -w -X main.kubernetesVersion=$kubernetes"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    ldflags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
done

# A compile step takes up to 2.4 GB: no more of them at once than cores, nor than memory holds.
cores=$(nproc)
fitting=$(awk '/^MemAvailable:/ { print int($2 / 2500000) }' /proc/meminfo)
steps=$((fitting < cores ? fitting : cores))
steps=$((steps > 0 ? steps : 1))

say "building Kubernetes $kubernetes with Go $have, $steps packages at a time; 5 to 15 minutes the first time, seconds later"
watched fetching go list -mod=readonly -deps . >"$packages_list"
packages=$(wc -l <"$packages_list")
watched compiling go build -mod=readonly -buildvcs=false -trimpath -v -p "$steps" -ldflags "$ldflags" -o "$store/new/control-plane" .
ln -sf control-plane "$store/new/kubectl"

# --- put in place, older ones removed ------------------------------------------------------------

find "$store" -mindepth 1 -maxdepth 1 -type d ! -name new -exec rm -rf {} +
mv "$store/new" "$store/$hash"
say "built in $((SECONDS / 60))m$((SECONDS % 60))s: $binary"
echo "$binary"
