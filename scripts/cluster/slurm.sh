#!/usr/bin/env bash
# A Slurm of two nodes on this machine (network namespaces), and cluster/slurm.sbatch on it: a sweep over word
# vectors; the job is requeued in the middle, as a preempted one is, and must end with the bytes of an
# undisturbed run; then a job of two parts (hetjob), a node each. Needs root and: apt-get install slurmctld slurmd slurm-client munge
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
for tool in slurmctld slurmd sbatch munged ip nsenter unshare; do
    command -v "$tool" > /dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }

root=$(mktemp -d /tmp/d2bslurm.XXXX)
mkdir -p "$root"/{state,spool.n1,spool.n2,log,shared}
export SLURM_CONF=$root/slurm.conf
started=()
finish() {
    for pid in "${started[@]}"; do kill -9 -- "-$pid" "$pid" 2> /dev/null || true; done
    for node in n1 n2; do
        ip netns pids "d2b$node" 2> /dev/null | xargs -r kill -9 || true
        ip netns del "d2b$node" 2> /dev/null || true
    done
    for link in d2bv1 d2bv2 d2bbr; do ip link del "$link" 2> /dev/null || true; done
    if [ "${KEEP:-}" ]; then echo "kept: $root"; else rm -rf "$root"; fi
}
trap finish EXIT
begin() { setsid "$@" > /dev/null 2>&1 & started+=($!); }

ip link add d2bbr type bridge
ip addr add 10.77.0.254/24 dev d2bbr
ip link set d2bbr up
for number in 1 2; do
    node=d2bn$number
    ip netns add "$node"
    ip link add "d2bv$number" type veth peer name eth0 netns "$node"
    ip link set "d2bv$number" master d2bbr up
    ip -n "$node" addr add "10.77.0.$number/24" dev eth0
    ip -n "$node" link set eth0 up
    ip -n "$node" link set lo up
    ip -n "$node" route add default via 10.77.0.254
done

dd if=/dev/urandom of="$root/munge.key" bs=1024 count=1 2> /dev/null
chmod 400 "$root/munge.key"
chown root "$root/munge.key"
chmod 755 "$root"
begin munged --foreground --force --key-file="$root/munge.key" --socket="$root/munge.sock" \
    --pid-file="$root/munge.pid" --log-file="$root/log/munged.log" --seed-file="$root/munge.seed"

cpus=$(nproc)
cat > "$SLURM_CONF" <<CONF
ClusterName=d2b
SlurmctldHost=$(hostname)(10.77.0.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$root/munge.sock
CredType=cred/munge
SlurmctldPort=26817
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool.%n
SlurmctldPidFile=$root/ctld.pid
SlurmdPidFile=$root/slurmd.%n.pid
SlurmctldLogFile=$root/log/ctld.log
SlurmdLogFile=$root/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=5
RequeueExit=
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
NodeName=n[1-2] NodeHostname=n[1-2] NodeAddr=10.77.0.[1-2] Port=26818 CPUs=$cpus RealMemory=6000 State=UNKNOWN
CONF
sed -i '/^RequeueExit=/d' "$SLURM_CONF"
sleep 1
begin slurmctld -D
for number in 1 2; do
    begin nsenter --net="/run/netns/d2bn$number" unshare --uts --pid --fork --kill-child --mount-proc bash -c "hostname n$number; exec slurmd -D -N n$number"
done
for _ in $(seq 60); do
    [ "$(sinfo -h -t idle -o %D 2> /dev/null | paste -sd+ | bc 2> /dev/null || echo 0)" = 2 ] && break
    sleep 1
done
sinfo

python=$repository/.venv/bin/python
PYTHONPATH=$repository/tests "$python" - "$root/shared" <<'MAKE'
import sys
from pathlib import Path
from problems import write_words, words_yaml
root = Path(sys.argv[1])
data = write_words(root / "data")
for name in ("slurm", "mixed", "undisturbed"):
    (root / f"{name}.yaml").write_text(words_yaml(data, root / name))
MAKE
.venv/bin/d2b-ray run "$root/shared/undisturbed.yaml" --engine inline > "$root/log/inline.log"

await_end() { # JOB: until Slurm knows it no more, or its end
    for _ in $(seq 300); do
        state=$(squeue -h -j "$1" -o %T 2> /dev/null | sort -u | tr '\n' ' ' || true)
        case $state in "" | "COMPLETED " | "FAILED ") break ;; esac
        [ "$state" != "PENDING " ] || scontrol update "JobId=$1" StartTime=now 2> /dev/null || true
        sleep 1
    done
}
same_bytes() { # FOLDER
    PYTHONPATH=$repository/tests "$python" -c "
import sys; from stores import assert_equal_stores; assert_equal_stores(sys.argv[1], sys.argv[2])" \
        "$root/shared/undisturbed" "$root/shared/$1"
}

cd "$root/shared"
export D2B_RAY_VENV=$repository/.venv
job=$(sbatch --parsable --nodes=2 --cpus-per-task=1 --gres=none --mem=4000 "$repository/cluster/slurm.sbatch" "$root/shared/slurm.yaml")
echo "submitted job $job"
for _ in $(seq 240); do
    compgen -G "$root/shared/slurm/units/fit/*.json" > /dev/null \
        || compgen -G "$root/shared/slurm/units/commit/*.json" > /dev/null && break
    sleep 0.5
done
scontrol requeue "$job" && echo "requeued as a preempted job is"
await_end "$job"
scontrol show job "$job" | grep -E "JobState|ExitCode|Restarts"
grep -a "units" "d2b-ray-$job.log" | tail -n 2 | cut -c 1-160
scontrol show job "$job" | grep -q "JobState=COMPLETED"
scontrol show job "$job" | grep -q "Restarts=1"
same_bytes slurm
echo "Slurm: two nodes, requeued once, the same bytes as undisturbed"

# Nodes of two kinds: the lines that the file says to uncomment, and the sizes of the nodes here.
sed -E 's/^##SBATCH/#SBATCH/; s/^(#SBATCH --nodes=)[0-9]+( --ntasks.*--cpus-per-task=)[0-9]+( --mem=).*/\11\21\34000/
    s/^(#SBATCH --nodes=)2 .*/\11/; s/^(#SBATCH --cpus-per-task=)8 .*/\11/; s/^(#SBATCH --mem=)64G.*/\14000/
    s/^#SBATCH --gres=.*//' "$repository/cluster/slurm.sbatch" > "$root/mixed.sbatch"
grep -c '^#SBATCH hetjob' "$root/mixed.sbatch" > /dev/null || { echo "no second block of options"; exit 1; }
job=$(sbatch --parsable "$root/mixed.sbatch" "$root/shared/mixed.yaml")
echo "submitted job $job of two parts: $(squeue -h -j "$job" -o '%i %N' | tr '\n' ' ')"
await_end "$job"
scontrol show job "$job" | grep -E "JobState|HetJob|NodeList=n"
grep -a "units" "d2b-ray-$job.log" | tail -n 2 | cut -c 1-160
[ "$(scontrol show job "$job" | grep -c "JobState=COMPLETED")" = 2 ]
same_bytes mixed
took_part() { "$python" -c "
import json, pathlib, sys
print(*sorted({json.loads(p.read_text())['host'] for p in pathlib.Path(sys.argv[1]).glob('units/*/*.json')}))" "$1"; }
[ "$(took_part "$root/shared/mixed")" = "n1 n2" ] || { echo "only $(took_part "$root/shared/mixed") computed"; exit 1; }
compgen -G "$root/shared/.d2b-ray-*" > /dev/null && { echo "left behind a file"; exit 1; }
echo "Slurm: a job of two parts, a node each, the same bytes as undisturbed"
