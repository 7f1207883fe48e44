#!/usr/bin/env bash
# The local cluster behind make's targets: `hack/cluster.sh up | mesh | images | load | prepare | deploy | down`.
# KIND_CLUSTER, HTTP_PORT, HTTPS_PORT, MESH and the pins of versions.env come from make. What belongs to a cluster is in
# .kind/<cluster>/: its kubeconfig, its secrets, the output of the last run of each step. The user's kubeconfig is never
# read or written.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

readonly state=$PWD/.kind/$KIND_CLUSTER
readonly kubeconfig=$state/kubeconfig context=kind-$KIND_CLUSTER
readonly services_in=tradewind data_in=tradewind-data
readonly python=$PWD/.venv/bin/python
export DOCKER_BUILDKIT=1 BUILDX_NO_DEFAULT_ATTESTATIONS=1

say() { printf '%s\n' "$*"; }

fail() {
  say "$*" >&2
  exit 1
}

step() { # run a command, its output into a file; say what was done and how long it took, or how it failed
  local what=$1 began=$SECONDS log=$state/log/${1// /-}.log status=0
  shift
  # Not as part of a condition: there a function would go on after an error.
  set +e
  (set -e; "$@") >"$log" 2>&1
  status=$?
  set -e
  if [ $status -ne 0 ]; then
    say "  ✗ $what: failed after $((SECONDS - began)) s; the end of $log:" >&2
    tail -n 30 "$log" >&2
    exit $status
  fi
  say "  ✓ $what ($((SECONDS - began)) s)"
}

together() { # wait for the given processes, all of them, and fail if any did
  local failed=
  for each in "$@"; do wait "$each" || failed=1; done
  [ -z "$failed" ]
}

need() { # the programs that a verb uses
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "There is no $program on PATH: \`make doctor\` says what is missing."
  done
  docker info >/dev/null 2>&1 || fail "Docker does not answer: \`make doctor\` says more."
}

kube() { kubectl --kubeconfig "$kubeconfig" --context "$context" "$@"; }

render() { # a file with its ${VARIABLES} filled in from the environment
  local text name
  text=$(<"$1")
  for name in KIND_CLUSTER HTTP_PORT HTTPS_PORT METRICS_SERVER_IMAGE; do text=${text//"\${$name}"/${!name}}; done
  printf '%s\n' "$text"
}

services() { for each in services/*/service.yaml; do basename "$(dirname "$each")"; done; }

tag() { # by the image's content: what has not changed is not rolled out again. A letter first, or YAML sees a number.
  local id
  [ -s "$state/image/$1" ] || fail "There is no image of $1 for this cluster: run \`make images\`."
  id=$(<"$state/image/$1")
  printf 'id-%.12s' "${id#sha256:}"
}

exists() { kind get clusters 2>/dev/null | grep -qx "$KIND_CLUSTER"; }

need_port() { # a cluster keeps the ports of this machine that it was made with: `need_port <variable> <port of the node>`
  local mapped
  mapped=$(docker port "$KIND_CLUSTER-worker" "$2" 2>/dev/null) || true
  [ "${mapped##*:}" = "${!1}" ] ||
    fail "Cluster $KIND_CLUSTER answers on ${mapped:-no port}, not on port ${!1}: set $1=${mapped##*:}, or \`make kind-down\` first."
}

need_cluster() {
  exists || fail "There is no cluster $KIND_CLUSTER: run \`make kind-up\`."
  [ -s "$kubeconfig" ] || kind export kubeconfig --name "$KIND_CLUSTER" --kubeconfig "$kubeconfig" 2>/dev/null
  need_port HTTP_PORT 30080
  need_port HTTPS_PORT 30443
  # The edge and the gateway take the same port of the nodes, each in its mode: no release can hand it to the other.
  local made=$MESH
  [ ! -e "$state/mesh" ] || made=$(<"$state/mesh")
  [ "$made" = "$MESH" ] ||
    fail "Cluster $KIND_CLUSTER was made with MESH=$made, not $MESH: say MESH=$made, or \`make kind-down\` first."
}

create() {
  kind create cluster --config <(render kind-config.yaml) --image "$KIND_NODE_IMAGE" --kubeconfig "$kubeconfig" --wait 120s
}

metrics_server() {
  give control-plane "$METRICS_SERVER_IMAGE"
  render hack/metrics-server.yaml | kube apply --server-side -f -
}

volumes() { # some node images lack the account under which their own provisioner prepares a volume
  kube apply --server-side -f - <<'YAML'
apiVersion: v1
kind: ServiceAccount
metadata: {name: local-path-provisioner-service-account, namespace: local-path-storage}
YAML
}

gateway_api() { kube apply --server-side -f "$GATEWAY_API_CRDS"; }

mesh_objects() { # what the whole mesh has once, besides what the installer makes
  for each in mesh/istio/*.yaml; do
    [ "$each" = mesh/istio/install.yaml ] || kube apply --server-side -f "$each"
  done
}

istio() {
  give . "$ISTIO_HUB"/{pilot,proxyv2,install-cni}:"$ISTIO_VERSION"
  istioctl install -y --kubeconfig "$kubeconfig" --context "$context" -f mesh/istio/install.yaml \
    --set "hub=$ISTIO_HUB" --set "tag=$ISTIO_VERSION" --set meshConfig.defaultConfig.tracing.sampling=100
  mesh_objects
}

give() { # those of the given images that this machine has, to the nodes whose names match; they pull the rest
  local images=() image nodes
  nodes=$(kind get nodes --name "$KIND_CLUSTER" | grep -- "$1" | paste -sd,)
  for image in "${@:2}"; do
    ! docker image inspect "$image" >/dev/null 2>&1 || images+=("$image")
  done
  [ ${#images[@]} -eq 0 ] || kind load docker-image --name "$KIND_CLUSTER" --nodes "$nodes" "${images[@]}"
}

build() {
  local version
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' "services/$1/pyproject.toml")
  docker build --progress plain -f services/Dockerfile -t "$1:dev" --iidfile "$state/image/$1" \
    --build-arg "SERVICE=$1" --build-arg "VERSION=$version" --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE" .
  docker tag "$(<"$state/image/$1")" "$1:$(tag "$1")"
}

give_data() { give worker "$POSTGRES_IMAGE" "$NATS_IMAGE" "$VALKEY_IMAGE" "$PROMETHEUS_IMAGE" "$JAEGER_IMAGE"; }

give_services() {
  local images=() service
  for service in $(services); do images+=("$service:$(tag "$service")"); done
  give worker "${images[@]}"
}

namespaces() { # server-side, so that a label that is left out here goes away
  local injection= none=
  [ "$MESH" != istio ] || injection="istio-injection: enabled" none="istio-injection: disabled"
  kube apply --server-side -f - <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: $services_in, labels: {pod-security.kubernetes.io/enforce: restricted, $injection}}
---
apiVersion: v1
kind: Namespace
metadata: {name: $data_in, labels: {pod-security.kubernetes.io/enforce: restricted, $none}}
YAML
}

secrets() { "$python" hack/credentials.py cluster --state "$state" --kubeconfig "$kubeconfig" --context "$context"; }

install() { # a chart as a release of its own name: `install <chart> <namespace> [flags of helm]`
  local chart=$1 namespace=$2 given=$state/values.yaml
  shift 2
  [ "$chart" != gateway ] || given=$state/gateway.yaml
  helm upgrade --install "$chart" "charts/$chart" --kubeconfig "$kubeconfig" --kube-context "$context" \
    --namespace "$namespace" -f "charts/$chart/ci/kind-values.yaml" -f "charts/$chart/ci/${MESH/#none/plain}-values.yaml" \
    -f "$given" --wait --timeout 5m "$@"
}

values() { # what only this cluster can tell; skaffold reads the same two files
  local global="global: {issuer: \"http://127.0.0.1:$HTTP_PORT\"}" cidrs=
  printf '%s\n' "$global" >"$state/values.yaml"
  # Whence calls to a node's port arrive: from a node where it passes them on to another, else from the caller itself,
  # and that is this machine's address in the nodes' network.
  cidrs=$(kube get nodes -o jsonpath='{range .items[*]}{.status.addresses[?(@.type=="InternalIP")].address}/32,{end}')
  cidrs+=$(docker network inspect kind -f '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' | sed -n '/\./s#$#/32#p')
  printf '%s\nmesh: {nodeCidrs: [%s]}\n' "$global" "${cidrs%,}" >"$state/gateway.yaml"
}

first_admin() { # by the password that `prepare` made; where there is one already, nothing changes
  # shellcheck source=/dev/null
  . "$state/admin.env"
  kube -n "$services_in" exec -i deploy/auth -c app -- \
    python -m chassis admin create --email "$ADMIN_EMAIL" --password-stdin <<<"$ADMIN_PASSWORD"
}

up() {
  need kind kubectl
  if exists; then
    need_cluster
    say "Cluster $KIND_CLUSTER is there already."
  else
    say "Making cluster $KIND_CLUSTER on http://127.0.0.1:$HTTP_PORT"
    step "three nodes" create
    printf '%s\n' "$MESH" >"$state/mesh"
  fi
  step "volumes" volumes
  step "Gateway API" gateway_api
  step "metrics-server" metrics_server
  [ "$MESH" = none ] || mesh
}

mesh() {
  case $MESH in
    none) say "MESH=none: there is no mesh to install." ;;
    istio)
      need kind kubectl istioctl
      need_cluster
      step "istio $ISTIO_VERSION" istio
      ;;
    *) fail "MESH is none or istio, not $MESH. Other meshes are a chart's value: docs/mesh.md." ;;
  esac
}

images() {
  need docker
  say "Building images"
  local started=() service
  for service in $(services); do
    step "$service" build "$service" &
    started+=($!)
  done
  together "${started[@]}"
}

load() {
  need kind
  need_cluster
  step "images on the nodes" give_services
}

prepare() {
  need kubectl
  need_cluster
  step "namespaces" namespaces
  step "secrets" secrets
  step "values" values
  step "images of the servers" give_data
}

release() { # services alone, with the images that were built last
  need helm
  local started=() service
  for service; do
    step "$service" install "$service" "$services_in" --set-string "image.tag=$(tag "$service")" &
    started+=($!)
  done
  together "${started[@]}"
}

deploy() {
  need helm
  say "Installing into cluster $KIND_CLUSTER, MESH=$MESH"
  prepare
  step "dev-infra" install dev-infra "$data_in" --set "postgres.image=$POSTGRES_IMAGE" --set "nats.image=$NATS_IMAGE" \
    --set "valkey.image=$VALKEY_IMAGE" --set "prometheus.image=$PROMETHEUS_IMAGE" --set "jaeger.image=$JAEGER_IMAGE"
  step "platform" install platform "$services_in"
  # shellcheck disable=SC2046
  release $(services)
  step "first admin" first_admin
  say "The system is at http://127.0.0.1:$HTTP_PORT"
  [ "$MESH" = none ] || say "and, with the certificate $state/edge.crt, at https://localhost:$HTTPS_PORT"
}

down() {
  need kind
  ! exists || step "cluster $KIND_CLUSTER removed" kind delete cluster --name "$KIND_CLUSTER" --kubeconfig "$kubeconfig"
  rm -rf "$state"
}

(umask 077 && mkdir -p "$state"/{image,log})
case ${1:-} in
  up | mesh | images | load | prepare | deploy | down) "$1" ;;
  release) "$@" ;;
  *) fail "usage: hack/cluster.sh up | mesh | images | load | prepare | deploy | release <service>... | down" ;;
esac
