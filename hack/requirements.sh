#!/usr/bin/env bash
# Compiles the hashed requirements from the pyprojects; needs uv. One resolution for all: dev.txt constrains the rest.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never

compile() { # name, then inputs and options
  local out=requirements/$1.txt
  shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-package tradewind-chassis "$@" -o "$out"
  echo "wrote $out"
}

services=()
for manifest in services/*/service.yaml; do services+=("$(basename "$(dirname "$manifest")")"); done
run=(local/pyproject.toml)
for service in "${services[@]}"; do run+=("services/$service/pyproject.toml"); done

compile dev --group pyproject.toml:dev --group pyproject.toml:build "${run[@]}"
compile run --group pyproject.toml:build "${run[@]}" -c requirements/dev.txt
compile build --group pyproject.toml:build -c requirements/dev.txt
for service in "${services[@]}"; do
  compile "$service" "services/$service/pyproject.toml" -c requirements/dev.txt
done
