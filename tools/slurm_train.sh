#!/usr/bin/env bash
# Train on a Slurm cluster:
#   GPUS=16 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of train.py]
exec "$(dirname "$0")/slurm_run.sh" train.py "$@"
