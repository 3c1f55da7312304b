#!/bin/sh
# Make .venv beside the Makefile and install beenhere into it: "run" for use, "dev" with what tests
# need. Does nothing when that has been done for these very pins and this very place.
set -eu
what=${1:?run or dev}
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/.venv

fail() {
    printf 'beenhere: %s\n' "$*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON is not there; give the path of a Python >= 3.11"
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON is $("$PYTHON" -V 2>&1); expected Python >= 3.11"
        echo "$PYTHON"
        return
    fi
    for python in python3 python3.13 python3.12 python3.11; do
        if command -v "$python" >/dev/null && new_enough "$python"; then
            echo "$python"
            return
        fi
    done
    fail "Python >= 3.11 is missing (python3 is $(python3 -V 2>&1 || echo not there));" \
        "on Debian 12 or Ubuntu 24.04: sudo apt install python3 python3-venv"
}

# The pins, the place (a virtual environment cannot be moved) and the kind of install.
wanted=$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum | tr ' ' -)@$root
stamp=$venv/installed-$what
for done in "$stamp" "$venv/installed-dev"; do
    if [ -f "$done" ] && [ "$(cat "$done")" = "$wanted" ] && [ -x "$venv/bin/python" ]; then
        exit 0
    fi
done

if ! "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.prefix != sys.argv[1])' "$venv" 2>/dev/null; then
    python=$(find_python) || exit 1
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv; on Debian or Ubuntu: sudo apt install python3-venv"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "'$python -m venv $venv' failed, see above"
fi

echo "Installing into $venv (torch with its CUDA parts: 5.5 GB on disk, a minute or two) ..." >&2
export PIP_DISABLE_PIP_VERSION_CHECK=1
pip_install() {
    "$venv/bin/python" -m pip install --quiet --constraint "$root/constraints.txt" "$@" ||
        fail "the installation failed, see above. Is a Python package index reachable, and 6 GB of disk free? Then run make again: it goes on where it stopped"
}
pip_install --upgrade 'pip>=25.1'
if [ "$what" = dev ]; then
    cd "$root"
    pip_install --editable "$root" --group "$root/pyproject.toml:dev"
else
    pip_install --editable "$root"
fi
printf '%s' "$wanted" >"$stamp"
