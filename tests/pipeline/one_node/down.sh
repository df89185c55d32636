#!/usr/bin/env bash
# Ends what up.sh has started.   down.sh DIRECTORY
export SLURM_CONF=$1/slurm.conf
# jobs first: the step daemon of a running job outlives the node's
scancel -u "$(id -un)" 2>/dev/null
for _ in $(seq 40); do
    [[ -n $(squeue -h -t RUNNING,COMPLETING 2>/dev/null) ]] || break
    sleep 0.5
done
for file in "$1"/run/slurmd.pid "$1"/run/slurmctld.pid; do
    [[ ! -s $file ]] || kill "$(cat "$file")" 2>/dev/null
done
exit 0
