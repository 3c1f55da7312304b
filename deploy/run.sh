#!/bin/sh
# The steps of the image, which run outside of one just as well:
#     run.sh install SOURCE VENV    a virtual environment with beenhere and what serve needs
#     run.sh serve [OPTION ...]     serve every index of the folder $INDEXES
#     run.sh health                 whether it answers
set -eu
INDEXES=${INDEXES:-/indexes}
PORT=${PORT:-8000}
HOST=${HOST:-0.0.0.0}
SECRET=${SECRET:-/run/secrets/beenhere_token}

fail() {
    printf 'beenhere: %s\n' "$*" >&2
    exit 2
}

case ${1:-serve} in
    install)
        source=${2:?the folder of the sources} venv=${3:?the folder of the virtual environment}
        "${PYTHON:-python3}" -m venv "$venv"
        # TORCH_INDEX: where wheels of torch without CUDA are, which are a fifth as large.
        if [ -n "${TORCH_INDEX:-}" ]; then
            "$venv/bin/python" -m pip install --no-cache-dir --constraint "$source/constraints.txt" \
                --index-url "$TORCH_INDEX" torch torchvision
        fi
        "$venv/bin/python" -m pip install --no-cache-dir --constraint "$source/constraints.txt" \
            "$source[serve]"
        ;;
    serve)
        [ $# -eq 0 ] || shift
        set -- --host "$HOST" --port "$PORT" "$@"
        # A secret that is mounted, else the variable BEENHERE_TOKEN, else serve says what it needs.
        if [ -r "$SECRET" ]; then
            set -- --token-file "$SECRET" "$@"
        fi
        found=
        for manifest in "$INDEXES"/*/index.yaml; do
            if [ -f "$manifest" ]; then
                found=yes
                set -- "$@" "$(dirname "$manifest")"
            fi
        done
        [ -n "$found" ] || fail "$INDEXES holds no index; mount a folder of folders that" \
            "beenhere index build has made"
        exec beenhere serve "$@"
        ;;
    health)
        exec python3 -c "
import sys, urllib.request
address = f'http://127.0.0.1:{sys.argv[1]}/health'
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5)
" "$PORT"
        ;;
    *) fail "there is no step $1; there are install, serve and health" ;;
esac
