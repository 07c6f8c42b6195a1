#!/usr/bin/env bash
# Evaluate on a Slurm cluster:
#   GPUS=8 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options]
exec "$(dirname "$0")/slurm_run.sh" test.py "$@"
