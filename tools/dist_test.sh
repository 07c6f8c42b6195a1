#!/usr/bin/env bash
# Evaluate with several processes: on GPUs, or over gloo where there is none.
#   tools/dist_test.sh CONFIG CHECKPOINT NUM_PROCESSES [options of test.py]
# Over several machines, also set NNODES, NODE_RANK, MASTER_ADDR and PORT.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
exec "$(dirname "$0")/dist_run.sh" test.py "$1" "$3" "$2" "${@:4}"
