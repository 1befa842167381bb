#!/usr/bin/env bash
# manifests.sh [FOLDER]: writes all that is made from the chart (deploy/*.yaml, deploy/kustomize/, the table in
# the chart's README) and from the binary (the CRD, in crds/ and in the chart), into the checkout or another FOLDER.
# `make manifests` runs it; a test compares what it writes with what the checkout has.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

to=${1:-.}
helm=$(tests/tools/build.sh helm)/helm
mkdir -p "$to"/crds "$to"/deploy/chart/files "$to"/deploy/kustomize/{base,watch-secrets,service-accounts}

imageshare=(${IMAGESHARE:-cargo run --locked --quiet --bin imageshare --})
"${imageshare[@]}" crd >"$to/crds/imageshares.yaml.new"
mv "$to/crds/imageshares.yaml.new" "$to/crds/imageshares.yaml"
cp "$to/crds/imageshares.yaml" "$to/deploy/chart/files/imageshares.yaml"

# render OPTIONS...: the chart as plain manifests, as who has no Helm applies them.
render() {
    "$helm" template imageshare-operator deploy/chart --namespace imageshare-system --set crds.enabled=false "$@" |
        sed -e '/^# Source: /d' -e '/^ *helm.sh\/chart: /d' -e '/^ *app.kubernetes.io\/managed-by: /d' -e '/^$/d' |
        sed -e '1{/^---$/d}'
}
# only TEMPLATE OPTIONS...
only() { render --show-only "templates/$1.yaml" "${@:2}"; }

# written FILE LINE...: the file of standard input, with what it is for at its head.
written() {
    { printf '# %s\n' "${@:2}" '' 'Made from deploy/chart by `make manifests`. Do not edit.' | sed 's/ $//'; cat; } >"$to/deploy/$1"
}

render --set namespace.create=true | written install.yaml \
    'The operator: namespace, service account, its rights, and the Deployment.' \
    'kubectl apply -f crds/imageshares.yaml -f deploy/install.yaml'
only watch-secrets --set watchSecrets=true | written watch-secrets.yaml \
    'The further rights that --watch-secrets needs.'
only service-accounts --set allowServiceAccounts=true | written service-accounts.yaml \
    'The further rights that --allow-service-accounts needs.'
# Without the namespace, which kubectl gives.
only roles --set 'namespaces={platform}' | sed '/^  namespace: platform$/d' | written namespaced.yaml \
    "The operator's rights in one namespace, with Roles alone: instead of the ClusterRoleBindings" \
    'imageshare-operator and imageshare-operator-secrets. Name the namespaces in --namespace.' \
    'kubectl apply -n platform -f deploy/namespaced.yaml'

# --- Kustomize: a base, and a component for each further right -------------------------------------

cp "$to/crds/imageshares.yaml" "$to/deploy/kustomize/base/crd.yaml"
cp "$to/deploy/install.yaml" "$to/deploy/kustomize/base/install.yaml"
written kustomize/base/kustomization.yaml 'kubectl apply -k deploy/kustomize/base' <<'END'
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [crd.yaml, install.yaml]
END
# component NAME VARIABLE: the rights, and the variable that makes use of them.
component() {
    cp "$to/deploy/$1.yaml" "$to/deploy/kustomize/$1/rights.yaml"
    written "kustomize/$1/kustomization.yaml" "A component: components: [.../kustomize/$1] beside the base." <<END
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [rights.yaml]
patches:
  - target:
      kind: Deployment
      name: imageshare-operator
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/env/-
        value:
          name: $2
          value: "true"
END
}
component watch-secrets IMAGESHARE_WATCH_SECRETS
component service-accounts IMAGESHARE_ALLOW_SERVICE_ACCOUNTS

# --- the table of values in the chart's README ----------------------------------------------------

# Each value stands on one line, below its comment.
values() {
    awk '
        /^ *# / { sub(/^ *# /, ""); comment = comment (comment == "" ? "" : " ") $0; next }
        /^$/ { comment = ""; next }
        {
            match($0, /^ */); depth = RLENGTH / 2
            key = $0; sub(/^ */, "", key); value = key
            sub(/:.*/, "", key); sub(/^[^:]*: ?/, "", value)
            path[depth] = key
            name = path[0]; for (d = 1; d <= depth; d++) name = name "." path[d]
            if (value == "") { comment = ""; next }
            if (comment == "") { print "values.yaml: no comment above " name > "/dev/stderr"; exit 1 }
            print "| `" name "` | `" value "` | " comment " |"
            comment = ""
        }' deploy/chart/values.yaml
}
table=$(echo '| value | default | meaning |'; echo '|---|---|---|'; values)
awk -v begin='<!-- values: made by `make manifests` -->' -v end='<!-- end -->' '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == begin { inside = 1; while ((getline line < "/dev/stdin") > 0) print line }
' deploy/chart/README.md <<<"$table" >"$to/deploy/chart/README.md.new"
mv "$to/deploy/chart/README.md.new" "$to/deploy/chart/README.md"
