#!/usr/bin/env bash
# The demo, told as a story: an ImageShare is applied, changed and deleted with kubectl, and the share
# in SWR follows. `make demo` runs it.
#
# It starts a control plane, a simulator of SWR and the operator, and stops them at the end, however
# that comes. With KUBECONFIG_UNDER_TEST=<file> it uses that cluster, and takes away what it brought.
# The story goes to standard output, what went wrong to standard error. It ends with 0, with 1 and the
# place of the logs, or with 128 + the signal that interrupted it.
set -Eeuo pipefail

# As in deploy/samples/.
namespace=platform
object=busybox-for-demo
region=eu-west-101
repository=group/tools/busybox
account=demo
access_key=demo-access-key=demo-secret-key # whose signatures the simulator checks
deadline=2030-03-31
# As in deploy/install.yaml.
operator_namespace='imageshare-system'
operator_account='imageshare-operator'

later=2031-12-31 # the deadline that the story changes to
bound=30         # seconds that one thing may take to come about
starting=60      # seconds that a server may take to start

foreign=${KUBECONFIG_UNDER_TEST:-} # the kubeconfig of somebody's cluster, if it shall be that one
[[ -z $foreign || $foreign == /* ]] || foreign=$PWD/$foreign
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=       # a temporary folder: kubeconfigs, logs, what is applied to a foreign cluster
servers=()  # process ids, in the order of their start
job=        # the process id of the command that runs right now
kubectl=()  # the kubectl to use, with the options that nobody needs to see
answer=     # what the last question brought
brought=()  # what is to be taken away from a foreign cluster: object, operator, namespace
reason=     # why it failed
leftovers=  # what could not be taken away
interrupted=
steps=0

# --- telling -------------------------------------------------------------------------------------

step() {
    steps=$((steps + 1))
    printf '\n%2d. %s\n' "$steps" "$1"
    shift
    (($# == 0)) || printf '%s\n' "$@" | indent
}
indent() { sed 's/^/    /'; }
die() { reason=$1; exit 1; }

# as_typed COMMAND...: the command as a person would type it, with quotes where they are needed.
as_typed() {
    local word typed=
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=@,-]+$ ]] || word=${word@Q}
        typed+=" $word"
    done
    printf '    $%s\n' "$typed"
}

# --- running -------------------------------------------------------------------------------------

# Every child gets a process group of its own: Ctrl-C then reaches this script alone, which ends its
# children in the right order, each with its own children. And bash acts on a signal at once while it
# waits for a child in the background, not so for one in the foreground.
launch() {
    set -m
    "$@" </dev/null 8>&- 9>&- &
    launched=$!
    set +m
}

run() {
    local status=0
    launch "$@"
    job=$launched
    wait "$job" || status=$?
    job=
    return "$status"
}

# ask ARGUMENTS...: kubectl without telling; what it says is in $answer.
ask() {
    local status=0
    run "${kubectl[@]}" "$@" >"$work/answer" 2>&1 || status=$?
    answer=$(<"$work/answer")
    return "$status"
}

# show ARGUMENTS...: the kubectl command, and what came back.
show() {
    local status=0
    as_typed kubectl "$@"
    ask "$@" || status=$?
    indent <<<"$answer"
    ((status == 0)) || die "this kubectl command failed: $*"
}

# serve NAME COMMAND...: starts a server that ends with this script, even if that is killed by SIGKILL.
serve() {
    local name=$1 tie=()
    shift
    if setpriv --pdeathsig TERM true 2>/dev/null; then tie=(setpriv --pdeathsig TERM --); fi
    launch "${tie[@]}" "$@" >"$work/logs/$name.log" 2>&1
    servers+=("$launched")
}

# await NAME PATTERN: until the server just started has printed a line that begins with the pattern;
# the rest of that line is in $answer.
await() {
    local log=$work/logs/$1.log end=$((SECONDS + starting))
    until answer=$(sed -n "s|^$2||p" "$log") && [[ -n $answer ]]; do
        kill -0 "$launched" 2>/dev/null || die "the $1 ended at its start: $(tail -n 1 "$log")"
        ((SECONDS < end)) || die "the $1 did not start within $starting s"
        sleep 0.1
    done
}

# fetch URL: by curl, or by bash itself where there is none.
fetch() {
    local rest=${1#http://} line=
    if command -v curl >/dev/null; then
        curl -qsSf --max-time 10 "$1"
        return
    fi
    local host=${rest%%/*}
    exec 3<>"/dev/tcp/${host%:*}/${host##*:}" || return
    printf 'GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "${rest#*/}" "$host" >&3
    read -r -t 10 line <&3 && [[ $line == *' 200 '* ]] || return
    until [[ $line == $'\r' ]]; do read -r -t 10 line <&3 || return; done
    while read -r -t 10 line <&3; do printf '%s\n' "$line"; done
    printf '%s\n' "$line"
    exec 3>&-
}

# show_shares TEXT: what the simulator holds, which must contain the text.
show_shares() {
    if command -v curl >/dev/null; then
        as_typed curl -s "$simulator/_sim/shares"
    else
        printf '    GET %s\n' "$simulator/_sim/shares"
    fi
    answer=$(fetch "$simulator/_sim/shares") || die "the simulator did not answer"
    indent <<<"$answer"
    [[ $answer == *"$1"* ]] || die "the simulator's shares are not what they should be: $1"
}

# --- the end, whichever way it comes --------------------------------------------------------------

end() { # a child with its children: asked first, then forced
    local tries=50
    kill -TERM -- "-$1" 2>/dev/null
    while kill -0 "$1" 2>/dev/null && ((tries-- > 0)); do sleep 0.1; done
    kill -KILL -- "-$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# take_away: from a foreign cluster what the demo brought, with the operator still running, as it must
# let go of the object. The namespace goes last: while it is there, no other demo starts. (Within a
# trap, "return" alone would give the status from before the trap.)
take_away() {
    local failed=0 thing
    [[ -n $foreign ]] || return 0 # the demo's own goes as a whole
    for thing in object operator namespace; do
        [[ " ${brought[*]} " != *" $thing "* ]] || "take_away_$thing" || failed=1
    done
    return "$failed"
}
take_away_object() {
    local one=("imageshare/$object" -n "$namespace")
    if ask delete "${one[@]}" --ignore-not-found --timeout=20s; then return 0; fi
    # The operator does not do its part, perhaps it was never up. The share is only in the simulator.
    ask patch "${one[@]}" --type=merge -p '{"metadata":{"finalizers":null}}'
    ask delete "${one[@]}" --ignore-not-found --timeout=20s || left "the ImageShare $namespace/$object"
}
take_away_operator() {
    # With the CRD every object of the kind would go, and somebody might have made one by now.
    if ask get imageshares -A -o name && [[ $answer == imageshare* ]]; then
        left "the CRD and the operator's rights, as somebody else has ImageShares by now"
        return 1
    fi
    ask delete -f "$work/bring" --ignore-not-found --timeout=60s ||
        left "what deploy/install.yaml and crds/ hold, or some of it"
}
take_away_namespace() {
    ask delete namespace "$namespace" --ignore-not-found --timeout=60s || left "the namespace $namespace"
}
left() {
    leftovers+="demo: left in the cluster: $1 ($(tail -n 1 <<<"$answer"))"$'\n'
    return 1
}

stop_everything() {
    local index
    [[ -z $job ]] || end "$job"
    take_away || return_code=1
    for ((index = ${#servers[@]} - 1; index >= 0; index--)); do end "${servers[index]}"; done
}

on_exit() {
    return_code=$?
    set +e
    ((return_code != 141)) || interrupted=yes # a child found that nobody reads on
    exec >&8 2>&9 # a signal may have come within a redirection
    trap '' INT TERM HUP PIPE
    trap - ERR
    [[ -z $interrupted ]] || printf '\ndemo: interrupted, cleaning up\n' >&2
    stop_everything
    if ((return_code == 0)); then
        printf '    Done. Next: README.md, and a cluster of your own.\n'
    elif [[ -z $interrupted ]]; then
        printf '\ndemo: failed: %s\n' "${reason:-not everything could be taken away}" >&2
    fi
    printf '%s' "$leftovers" >&2
    [[ -z $work ]] || clean_up
    exit "$return_code"
}

clean_up() { # the logs stay when somebody may want to read them
    if [[ -z $interrupted && $return_code != 0 && -n $(ls "$work/logs") ]]; then
        mv "$work/logs" "$work-logs" && printf 'demo: the logs lie in %s\n' "$work-logs" >&2
    fi
    rm -rf "$work"
}

exec 8>&1 9>&2
trap on_exit EXIT
trap 'reason=${reason:-"line $LINENO: $BASH_COMMAND"}' ERR
trap 'interrupted=yes; exit 130' INT
trap 'interrupted=yes; exit 143' TERM
trap 'interrupted=yes; exit 129' HUP
trap 'interrupted=yes; exit 141' PIPE

# --- the parts -----------------------------------------------------------------------------------

check_tools() {
    command -v cargo >/dev/null || die "cargo is missing: install Rust (https://rustup.rs) and have it in PATH"
    command -v cc >/dev/null || die "cc is missing: install a C compiler (Debian: apt-get install gcc libc6-dev)"
    [[ -z $foreign || -r $foreign ]] || die "KUBECONFIG_UNDER_TEST: cannot read $foreign"
}

# What children inherit: no settings that are meant for another operator, no proxy before loopback.
set_environment() {
    unset "${!IMAGESHARE_@}"
    export no_proxy=127.0.0.1,localhost,${no_proxy:-${NO_PROXY:-}}
    export NO_PROXY=$no_proxy
    export KUBECONFIG=${foreign:-$work/admin.kubeconfig}
}

build() {
    local own=(env TMPDIR="$work/tmp") # what an interrupted compiler leaves behind goes with the rest
    run "${own[@]}" cargo build --locked --bin imageshare || die "cargo could not build the operator, see above"
    imageshare=${CARGO_TARGET_DIR:-target}/debug/imageshare
    kubectl=(kubectl)
    if ! ask version --client; then kubectl=(); fi
    if [[ -z $foreign || -z ${kubectl[*]} ]]; then
        run "${own[@]}" tests/control-plane/build.sh >"$work/binary" || die "the control plane could not be built, see above"
        control_plane=$(<"$work/binary")
        [[ -n ${kubectl[*]} ]] || kubectl=("$(dirname "$control_plane")/kubectl")
    fi
    # Its cache would otherwise grow in the home directory with every run's port.
    kubectl+=("--cache-dir=$work/cache" "--request-timeout=${bound}s")
}

start_control_plane() {
    step "Kubernetes starts: a real API server, its controllers and etcd, alone on 127.0.0.1."
    serve control-plane "$control_plane" serve --exit-with-parent \
        --dir "$work/logs/control-plane" --kubeconfig-out "$KUBECONFIG"
    await control-plane 'READY '
    show get --raw /readyz
}

# What must not happen in somebody's cluster: that the demo's operator takes care of real objects, or
# a real operator of the demo's. Of two demos the first one goes on: it has the namespace.
enter_cluster() {
    namespace='imageshare-demo' # not one that somebody might use
    local taken="the namespace $namespace is there: another demo is running, or was killed (then: kubectl delete namespace $namespace)"
    step "Kubernetes is the cluster of KUBECONFIG_UNDER_TEST; the demo stays in a namespace of its own."
    show config view --minify -o 'jsonpath={.clusters[0].cluster.server}'
    if ask get namespace "$namespace" -o name; then die "$taken"; fi
    brought+=(namespace)
    as_typed kubectl create namespace "$namespace"
    if ! ask create namespace "$namespace"; then
        brought=()
        [[ $answer != *AlreadyExists* ]] || die "$taken"
        die "the namespace could not be made: $answer"
    fi
    indent <<<"$answer"

    ask get deployments -A -l "app.kubernetes.io/name=$operator_account" \
        -o 'jsonpath={.items[?(@.status.readyReplicas)].metadata.namespace}' || die "cannot see the Deployments: $answer"
    [[ -z $answer ]] || die "an operator runs in this cluster already, in the namespace $answer: it would meddle with the demo"
    ask get crd imageshares.imageshare.dev --ignore-not-found -o name || die "cannot see the CRDs: $answer"
    [[ -n $answer ]] || return 0
    ask get imageshares -A -o name || die "cannot see the ImageShares: $answer"
    [[ -z $answer ]] || die "this cluster has ImageShares already, and the demo's operator would meddle with them"
}

start_simulator() {
    step "A simulator of SWR starts, with one repository and one account, and nothing shared yet."
    serve simulator "$imageshare" simulator --listen 127.0.0.1:0 --access-key "$access_key" --repository "$repository" --account "$account"
    await simulator 'READY url='
    simulator=$answer
    show_shares '[]'
}

install_operator() {
    step "The kind ImageShare is installed, and a service account that may do no more than it must." \
        "(The Deployment gets no pod, as here are no nodes: the operator will be a process.)"
    show apply -f crds/imageshares.yaml -f deploy/install.yaml
}

# Like install_operator, but what is there already is neither changed nor, at the end, taken away.
bring_operator() {
    local part there=()
    step "The kind ImageShare is installed, and a service account that may do no more than it must." \
        "(All of deploy/install.yaml but the Deployment, whose image nobody has pushed: the operator" \
        "will be a process.)"
    mkdir "$work/bring"
    cp crds/imageshares.yaml "$work/bring/00.yaml"
    split_manifest deploy/install.yaml "$work/bring"
    for part in "$work/bring"/*; do
        ask get -f "$part" --ignore-not-found -o name || die "cannot see what the cluster has: $answer"
        [[ -z $answer ]] || { there+=("$answer"); rm "$part"; }
    done
    ((${#there[@]} == 0)) || printf '%s\n' "There before, and left as it is:" "${there[@]/#/  }" | indent
    [[ -n $(ls "$work/bring") ]] || return 0
    brought+=(operator)
    show apply -f "$work/bring"
}

# split_manifest FILE FOLDER: a file for each object but the Deployment.
split_manifest() {
    awk -v folder="$2" '
        /^---$/ { part++; next }
        { text[part] = text[part] $0 "\n" }
        END {
            for (p in text)
                if (text[p] !~ /\nkind: Deployment\n/)
                    printf "%s", text[p] > sprintf("%s/%02d.yaml", folder, p)
        }' part=1 "$1"
}

# The operator's kubeconfig: this cluster, its own service account, and no trace of the administrator.
write_operator_kubeconfig() {
    local cluster
    as_typed kubectl create token "$operator_account" -n "$operator_namespace"
    ask create token "$operator_account" -n "$operator_namespace" || die "no token for the operator: $answer"
    printf '    (a token, good for an hour)\n'
    cluster=$("${kubectl[@]}" config view --minify --flatten --raw -o 'jsonpath={.clusters[0].cluster}')
    (
        umask 077
        cat >"$work/operator.kubeconfig" <<END
{apiVersion: v1, kind: Config, current-context: demo,
 clusters: [{name: demo, cluster: $cluster}],
 users: [{name: operator, user: {token: $answer}}],
 contexts: [{name: demo, context: {cluster: demo, user: operator, namespace: $operator_namespace}}]}
END
    )
    rm "$work/answer"
}

start_operator() {
    step "The operator starts, as its own service account and with no rights but these."
    ask wait --for=condition=Established crd/imageshares.imageshare.dev "--timeout=${bound}s" || die "the CRD: $answer"
    write_operator_kubeconfig
    as_typed imageshare run --endpoint "$region=$simulator"
    serve operator env KUBECONFIG="$work/operator.kubeconfig" \
        "$imageshare" run --log-level debug --admin-listen 127.0.0.1:0 --endpoint "$region=$simulator"
    await operator '.*admin endpoint on '
    local admin=$answer end=$((SECONDS + bound))
    until fetch "$admin/readyz" >/dev/null 2>&1; do
        if ! kill -0 "$launched" 2>/dev/null || ((SECONDS >= end)); then
            die "the operator cannot work: $(tail -n 1 "$work/logs/operator.log")"
        fi
        sleep 0.1
    done
    grep -m 1 started "$work/logs/operator.log" | indent
}

# --- the story -----------------------------------------------------------------------------------

# wait_for ARGUMENTS...: kubectl wait for the object; when that fails, the object itself says why.
wait_for() {
    local status=0
    as_typed kubectl wait "imageshare/$object" -n "$namespace" "$@"
    ask wait "imageshare/$object" -n "$namespace" "$@" "--timeout=${bound}s" || status=$?
    indent <<<"$answer"
    ((status == 0)) && return
    ask get imageshare "$object" -n "$namespace" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].message}' || true
    die "the object did not get there within $bound s; it says: ${answer:-nothing}"
}

declare_share() {
    local samples=deploy/samples file
    step "Somebody wants the account \"$account\" to pull $repository, and writes that down:" \
        "$(sed -n '/^spec:/,$p' deploy/samples/imageshare.yaml)" \
        "and, in the Secret, an access key, with which each request is signed:" \
        "$(sed -n '/^stringData:/,$p' deploy/samples/secret.yaml)"
    if [[ -z $foreign ]]; then
        show create namespace "$namespace"
    else
        samples=$work/samples
        mkdir "$samples"
        for file in deploy/samples/*.yaml; do
            sed "s/^  namespace: platform$/  namespace: $namespace/" "$file" >"$samples/${file##*/}"
        done
        brought+=(object)
    fi
    show apply -f "$samples"
}

tell() {
    declare_share

    step "The operator makes the share in SWR, and says so in the object's status."
    wait_for --for=condition=Ready
    show get imageshares -n "$namespace"

    step "This is the share as SWR (here, the simulator) holds it."
    show_shares "\"$deadline"

    step "The project lasts longer: the object gets a later deadline, and the share follows."
    show patch imageshare "$object" -n "$namespace" --type=merge -p "{\"spec\":{\"deadline\":\"$later\"}}"
    wait_for "--for=jsonpath={.status.share.deadline}=${later}T23:59:59Z" # a date means its whole day
    show_shares "\"$later"

    step "The object is deleted, and kubectl waits until the share is gone from SWR too."
    show delete imageshare "$object" -n "$namespace" "--timeout=${bound}s"
    show_shares '[]'
}

main() {
    check_tools
    work=$(mktemp -d "${TMPDIR:-/tmp}/imageshare-demo.XXXXXX")
    mkdir "$work/logs" "$work/tmp"
    set_environment

    printf 'A share of a private image, declared as a Kubernetes object.\n'
    if [[ -z $foreign ]]; then
        step "What this needs is built: the operator (Rust) and a control plane (Kubernetes itself, in Go)."
    else
        step "What this needs is built: the operator (Rust)."
    fi
    build
    if [[ -z $foreign ]]; then start_control_plane; else enter_cluster; fi
    start_simulator
    if [[ -z $foreign ]]; then install_operator; else bring_operator; fi
    start_operator
    tell
    step "Everything that was started is stopped${foreign:+, and all that the demo brought leaves the cluster}."
}

main
