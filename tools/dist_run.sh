#!/usr/bin/env bash
# Shared by dist_train.sh and dist_test.sh:
#   dist_run.sh SCRIPT CONFIG NUM_PROCESSES [further arguments of SCRIPT]
set -euo pipefail
needs="CONFIG NUM_PROCESSES"
if [ "$1" = test.py ]; then needs="CONFIG CHECKPOINT NUM_PROCESSES"; fi
if [ $# -lt 3 ] || ! [[ $3 =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: tools/dist_${1%.py}.sh $needs [options]" >&2
    echo "NUM_PROCESSES must be a number above 0, but got '${3:-}'" >&2
    exit 2
fi
folder=$(cd "$(dirname "$0")" && pwd)
script=$1 config=$2 processes=$3
shift 3
# Threads of several processes on the same cores wait for each other.
cores=$(nproc)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores > processes ? cores / processes : 1))}
export PYTHONPATH="$folder/..${PYTHONPATH:+:$PYTHONPATH}"
# Without PORT a free one is chosen, so that two runs can share a machine.
rendezvous=(--standalone)
if [ -n "${PORT:-}" ] || [ "${NNODES:-1}" -gt 1 ]; then
    rendezvous=(--node_rank "${NODE_RANK:-0}"
        --master_addr "${MASTER_ADDR:-127.0.0.1}"
        --master_port "${PORT:-29500}")
fi
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes "${NNODES:-1}" --nproc_per_node "$processes" "${rendezvous[@]}" \
    "$folder/$script" "$config" "$@" --launcher pytorch
