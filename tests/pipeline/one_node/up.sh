#!/usr/bin/env bash
# Starts a Slurm of one node on this machine, as the calling user, without systemd, cgroups, munge or a database: for tests
# only, it trusts every local user. The node has as many processors as the machine and one card (/dev/null).
#
#   up.sh DIRECTORY PORT    the controller listens on PORT, the node on PORT + 1
set -euo pipefail
directory=$1 port=$2
host=$(hostname -s) user=$(id -un)
# a node that registers with less memory than it was declared with is drained
memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
mkdir -p "$directory"/{state,spool,log,run}
cat >"$directory/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$directory/state
SlurmdSpoolDir=$directory/spool
SlurmctldPidFile=$directory/run/slurmctld.pid
SlurmdPidFile=$directory/run/slurmd.pid
SlurmctldLogFile=$directory/log/slurmctld.log
SlurmdLogFile=$directory/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
MailProg=/bin/true
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=256
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
MinJobAge=300
KillWait=5
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc) RealMemory=$memory Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes=$host Default=YES MaxTime=08:00:00 State=UP
PartitionName=gpu Nodes=$host MaxTime=08:00:00 State=UP
CONF
echo "NodeName=$host Name=gpu File=/dev/null" >"$directory/gres.conf"
export SLURM_CONF=$directory/slurm.conf
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF" -N "$host"
for _ in $(seq 120); do
    [[ $(timeout 5 sinfo -h -N -o %T 2>/dev/null | head -1) != idle ]] || exit 0
    sleep 0.5
done
echo "the node did not become idle" >&2
tail -n 20 "$directory"/log/*.log >&2
exit 1
