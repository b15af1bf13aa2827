#!/usr/bin/env bash
# Segmind on one machine. Works from any folder, as root or as an ordinary user.
#
#   ./run.sh [--events N] [--no-demo]   everything: database, demo shop, web and scheduler
#   ./run.sh backend | frontend | scheduler   one part alone
#   ./run.sh test [pytest options]      lint, types, floors and tests
#   ./run.sh python ...                 the project's Python
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="$root/.venv"

find_python() {
  local name
  for name in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  echo "Segmind needs Python 3.11 or newer with the venv module (or set PYTHON=/path/to/python)." >&2
  return 1
}

# Installs only when requirements.txt changed since the last complete installation.
install() {
  local wanted have python
  wanted="$(cksum <"$root/requirements.txt")"
  have="$(cat "$venv/installed" 2>/dev/null || true)"
  [ "$wanted" = "$have" ] && return
  echo "Installing the pinned requirements into .venv ..." >&2
  if [ ! -x "$venv/bin/python" ]; then
    python="$(find_python)"
    "$python" -m venv "$venv"
  fi
  # uv installs in seconds what pip takes a minute for; pip does it where uv is not to be had.
  if "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==0.13.9" >&2 2>/dev/null; then
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" -r "$root/requirements.txt" >&2
  else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$root/requirements.txt" >&2
  fi
  echo "$wanted" >"$venv/installed"
}

check() {
  local types checker tests=0 typed=0
  cd "$root"
  "$venv/bin/ruff" check .
  "$venv/bin/ruff" format --check .
  "$venv/bin/lint-imports"
  # Types are checked beside the tests, which leave a part of two cores free, and told in the end.
  types="$(mktemp)"
  "$venv/bin/mypy" >"$types" 2>&1 &
  checker=$!
  trap "kill $checker 2>/dev/null || true; rm -f '$types'" EXIT
  # Whole files to one worker, in the order of tests/conftest.py: each worker has a database server
  # of its own. Three workers for two cores, since tests of processes mostly wait.
  "$venv/bin/python" -m pytest -n "${TEST_WORKERS:-3}" --dist loadfile --no-loadscope-reorder "$@" ||
    tests=$?
  wait "$checker" || typed=$?
  cat "$types"
  return $((tests > typed ? tests : typed))
}

install
export PYTHONPATH="$root"
# Images of containers often forbid kept bytecode: then each process compiles all modules that it
# imports, those of the libraries too, at each start.
unset PYTHONDONTWRITEBYTECODE
# glibc keeps freed arrays of up to 32 MB for itself unless told otherwise: at 67.5 million events the
# web process then takes 2.4 GB instead of 1.7.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-8388608}"
# What is freed at the end of the heap is kept up to this size: else arrays of a few MB, of which each
# question makes dozens, are given back and faulted in again, a third of the question's time.
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-67108864}"
case "${1:-}" in
  test) shift; check "$@" ;;
  python)
    shift
    # A script of the project is found from any folder; the files that it is given are the caller's.
    if [ -n "${1:-}" ] && [ ! -e "$1" ] && [ -f "$root/$1" ]; then
      set -- "$root/$1" "${@:2}"
    fi
    exec "$venv/bin/python" "$@"
    ;;
  *) cd "$root" && exec "$venv/bin/python" "$root/scripts/start.py" "$@" ;;
esac
