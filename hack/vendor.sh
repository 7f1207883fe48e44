#!/usr/bin/env bash
# Copies each chart's dependencies that are in this repository into its charts/ folder, which git ignores.
# Helm reads a copy as it is; one that is stale would render yesterday's templates without a word, so every run starts
# anew. Needs neither helm nor a network.
set -euo pipefail
cd "$(dirname "$0")/../charts"

# A chart that others hold is filled before them: the library first, the umbrella last.
sources() { sed -n 's#.*file://\.\./\([a-z-]*\).*#\1#p' "$1/Chart.yaml"; }

vendor() {
  local chart=$1 each
  rm -rf "$chart/charts"
  for each in $(sources "$chart"); do
    [ -d "$each/charts" ] || [ -z "$(sources "$each")" ] || vendor "$each"
    mkdir -p "$chart/charts"
    cp -r "$each" "$chart/charts/$each"
  done
}

for chart in */Chart.yaml; do rm -rf "${chart%/*}/charts"; done
for chart in */Chart.yaml; do vendor "${chart%/*}"; done
