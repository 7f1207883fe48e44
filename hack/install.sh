#!/usr/bin/env bash
# Makes .venv what requirements/<set>.txt and the pyprojects say: `hack/install.sh run` or `hack/install.sh dev`.
# A stamp holds the hash of all that decides the result, so that a second call costs nothing. uv is used where it
# is on PATH; pip does the same without it. PYTHON names the interpreter, PYTHON_MINIMUM the oldest one that will do.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly set=${1:?which set: run or dev}
readonly minimum=${PYTHON_MINIMUM:-3.11}
readonly log=.venv/install.log
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_REQUIRE_VIRTUALENV=1 # Never into the machine's own Python, whatever .venv has become.

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

wanted() { # the hash of everything that decides what .venv holds; an editable install also holds the folder's path
  {
    printf '%s\n%s\n' "$PWD" "${PYTHON:-$(cat .venv/tradewind-python 2>/dev/null)}"
    cat "requirements/$1.txt" hack/install.sh services/*/pyproject.toml local/pyproject.toml
  } | if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi # Linux; macOS
}

version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }

new_enough() { "$1" -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$minimum'.split('.'))))"; }

find_python() { # PYTHON if it is given, else the first one on PATH that is new enough
  local candidates=(python3 python3.14 python3.13 python3.12 python3.11) version seen=""
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    version=$(version_of "$candidate") || continue
    if new_enough "$candidate"; then
      echo "$candidate"
      return
    fi
    seen+=" ($candidate is $version)"
  done
  fail "Tradewind needs Python $minimum or newer, and none of ${candidates[*]} is$seen: install one, or name one with PYTHON=/path/to/python3."
}

have_uv() { command -v uv >/dev/null; }

make_venv() {
  local python
  python=$(find_python)
  say "Making .venv with Python $(version_of "$python")"
  if have_uv && uv venv --quiet --clear --python "$(command -v "$python")" .venv; then return; fi
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments: install the package that adds venv to it (python3-venv on Debian and Ubuntu), or uv."
  "$python" -m venv --clear .venv
}

usable_venv() { # it runs, is one, and was made by the Python that is asked for, if one is
  .venv/bin/python -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null || return 1
  [ -z "${PYTHON:-}" ] || [ "$PYTHON" = "$(cat .venv/tradewind-python 2>/dev/null)" ]
}

counted() { # turn pip's lines into one moving line, or into few lines where nobody watches
  local total count=0 line
  total=$(grep -c '^[a-z].*==' "requirements/$set.txt")
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    case $line in
      Collecting*) count=$((count + 1)) && line=${line#Collecting } && line=${line%% *} ;;
      Installing\ collected*) line="unpacking" ;;
      *) continue ;;
    esac
    if [ -t 2 ]; then
      printf '\r\033[K  %d of up to %d: %s' "$count" "$total" "$line" >&2
    elif [ $((count % 20)) -eq 0 ] || [ "$line" = unpacking ]; then
      say "  $count of up to $total: $line"
    fi
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
}

without_list() { # uv's own progress, less the list of everything that was installed
  local line
  while IFS= read -r line; do
    case $line in " + "* | " - "* | " ~ "*) ;; *) say "  $line" ;; esac
  done
}

install_with_uv() { # requirements by hash, then what is here, without asking a registry
  uv pip install --python .venv/bin/python --compile-bytecode --require-hashes -r "requirements/$set.txt" 2>&1 | without_list &&
    uv pip install --quiet --python .venv/bin/python --no-index --no-build-isolation "$@"
}

install_with_pip() {
  : >"$log"
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    .venv/bin/python -m ensurepip >>"$log" 2>&1 || return 1
  fi
  .venv/bin/python -m pip install --require-hashes -r "requirements/$set.txt" 2>>"$log" | counted &&
    .venv/bin/python -m pip install --no-index --no-build-isolation "$@" >>"$log" 2>&1
}

install() {
  export PATH="$PWD/.venv/bin:$PATH" # where uv_build looks for its program
  local editable=()
  for project in services/*/pyproject.toml local/pyproject.toml; do editable+=(-e "$(dirname "$project")"); done
  if have_uv; then
    install_with_uv "${editable[@]}" && return
    say "uv could not install; pip, which has a configuration of its own, is tried instead."
  fi
  install_with_pip "${editable[@]}" && return
  grep -E '^(ERROR|WARNING)' "$log" >&2 || tail -n 5 "$log" >&2
  fail "Installing requirements/$set.txt failed; $log has it all."
}

if [ -x .venv/bin/python ] && [ "$(cat ".venv/$set.stamp" 2>/dev/null)" = "$(wanted "$set")" ]; then exit 0; fi

started=$SECONDS
if ! usable_venv; then
  make_venv
  printf '%s' "${PYTHON:-}" >.venv/tradewind-python
fi
say "Installing requirements/$set.txt into .venv"
install
# The development set holds the other one.
for done in run "$set"; do wanted "$done" >".venv/$done.stamp"; done
say "Installed in $((SECONDS - started)) s."
