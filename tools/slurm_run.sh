#!/usr/bin/env bash
# Shared by slurm_train.sh and slurm_test.sh:
#   slurm_run.sh SCRIPT PARTITION JOB_NAME CONFIG [further arguments of SCRIPT]
# GPUS, GPUS_PER_NODE and CPUS_PER_TASK set the size, SRUN_ARGS adds options.
# The processes meet at the first machine of the job, at PORT.
set -euo pipefail
needs="PARTITION JOB_NAME CONFIG" least=4
if [ "$1" = test.py ]; then needs="$needs CHECKPOINT" least=5; fi
if [ $# -lt $least ]; then
    echo "usage: GPUS=8 tools/slurm_${1%.py}.sh $needs [options]" >&2
    exit 2
fi
folder=$(cd "$(dirname "$0")" && pwd)
script=$1 partition=$2 job_name=$3
shift 3
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
# Jobs may share a machine; srun hands the variable to all processes.
export MASTER_PORT=${PORT:-${MASTER_PORT:-$((20000 + RANDOM % 10000))}}
export PYTHONPATH="$folder/..${PYTHONPATH:+:$PYTHONPATH}"
# shellcheck disable=SC2086  # SRUN_ARGS holds several words
exec srun -p "$partition" --job-name="$job_name" --gres="gpu:$per_node" \
    --ntasks="$gpus" --ntasks-per-node="$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-8}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$folder/$script" "$@" --launcher slurm
