#!/usr/bin/env bash
# Train with several processes: on GPUs, or over gloo where there is none.
#   tools/dist_train.sh CONFIG NUM_PROCESSES [options of tools/train.py]
# Over several machines, also set NNODES, NODE_RANK, MASTER_ADDR and PORT.
exec "$(dirname "$0")/dist_run.sh" train.py "$@"
