#!/usr/bin/env bash
# Formats the code, fixes what can be fixed, and then runs every lint check. The checks are listed
# here and nowhere else: the lint session of noxfile.py runs this script with --no-venv --check.
#
#   ./format_code.sh              with the tools in .venv, which is created if missing
#   ./format_code.sh --no-venv    with the tools on PATH
#   ./format_code.sh --check      change nothing, only check
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

venv=yes fix=yes
for argument in "$@"; do
    case $argument in
        --no-venv) venv=no ;;
        --check) fix=no ;;
        *) echo "usage: ./format_code.sh [--no-venv] [--check]" >&2; exit 2 ;;
    esac
done

if [[ $venv == yes ]]; then
    [[ -x .venv/bin/python ]] || python3 -m venv .venv
    .venv/bin/python -m pip install --quiet 'pip>=25.1'  # the first that knows dependency groups
    .venv/bin/python -m pip install --quiet --group lint
    PATH="$PWD/.venv/bin:$PATH"
fi

for tool in ruff lint-imports codespell vulture; do
    if ! command -v "$tool" >/dev/null; then
        echo "format_code.sh: $tool is not on PATH. Install the lint tools, with pip 25.1 or newer:" >&2
        echo "    python3 -m pip install --group lint" >&2
        echo "or leave --no-venv out, and they are installed into .venv." >&2
        exit 1
    fi
done

if [[ $fix == yes ]]; then
    ruff format --quiet
    ruff check --quiet --fix-only
    ruff format --quiet  # a fix may leave lines to format
fi

status=0
check() {
    echo "> $*"
    "$@" || status=1
}
no_conflict_markers() {
    ! git grep -nIE '^(<{7}|[|]{7}|>{7})( |$)'  # =======, alone on a line, may underline a heading
}
check no_conflict_markers
check ruff check
check ruff format --check
check env PYTHONPATH=backend:tests lint-imports --no-logo
check codespell
check vulture
exit $status
