#!/usr/bin/env bash
# Two "machines" on this one (network and process namespaces, an sshd each), and `ray up cluster/local.yaml` on
# them: a sweep by `d2b-ray submit` must leave the bytes of a run on this machine; `ray down` must end all.
# Needs root and: apt-get install openssh-server rsync
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
for tool in sshd ssh ssh-keygen rsync ip nsenter unshare; do
    PATH=$PATH:/usr/sbin command -v "$tool" > /dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }

root=$(mktemp -d /tmp/d2bssh.XXXX)
mkdir -p "$root/home/.ssh" "$root/home/.ray" "$root/shared" /run/sshd
chmod 755 "$root"
own=$(getent passwd root | cut -d: -f6) # where sshd lets root begin
started=()
finish() {
    for pid in "${started[@]}"; do kill -9 -- "-$pid" "$pid" 2> /dev/null || true; done
    for node in 1 2; do
        ip netns pids "d2bs$node" 2> /dev/null | xargs -r kill -9 || true
        ip netns del "d2bs$node" 2> /dev/null || true
    done
    for link in d2bw1 d2bw2 d2bsb; do ip link del "$link" 2> /dev/null || true; done
    rm -f "$own/ray_bootstrap_config.yaml" "$own/ray_bootstrap_key.pem"
    if [ "${KEEP:-}" ]; then echo "kept: $root"; else rm -rf "$root"; fi
}
trap finish EXIT

ip link add d2bsb type bridge
ip addr add 192.168.77.254/24 dev d2bsb
ip link set d2bsb up
ssh-keygen -q -t ed25519 -N "" -f "$root/hostkey"
ssh-keygen -q -t ed25519 -N "" -f "$root/home/.ssh/key"
cp "$root/home/.ssh/key.pub" "$root/home/.ssh/authorized_keys"
cat > "$root/sshd.conf" <<CONF
HostKey $root/hostkey
PidFile none
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
AuthorizedKeysFile $root/home/.ssh/authorized_keys
CONF
for number in 1 2; do
    node=d2bs$number
    ip netns add "$node"
    ip link add "d2bw$number" type veth peer name eth0 netns "$node"
    ip link set "d2bw$number" master d2bsb up
    ip -n "$node" addr add "192.168.77.$number/24" dev eth0
    ip -n "$node" link set eth0 up
    ip -n "$node" link set lo up
    ip -n "$node" route add default via 192.168.77.254
    setsid nsenter --net="/run/netns/$node" unshare --uts --pid --fork --kill-child --mount --mount-proc bash -c "
        hostname machine$number; mkdir -p $root/tmp$number $root/ray$number $own/.ray
        mount --bind $root/tmp$number /var/tmp; mount --bind $root/ray$number $own/.ray
        { cat $own/.bashrc; echo '. $repository/.venv/bin/activate'; } > $root/bashrc$number
        mount --bind $root/bashrc$number $own/.bashrc
        exec /usr/sbin/sshd -D -e -f $root/sshd.conf" > "$root/sshd$number.log" 2>&1 &
    started+=($!)
done

export HOME=$root/home PATH=$repository/.venv/bin:$PATH
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 RAY_UP_enable_autoscaler_v2=0
.venv/bin/python -c 'import secrets; print(secrets.token_hex(32))' > "$HOME/.ray/auth_token"
chmod 600 "$HOME/.ray/auth_token"
# The file as it stands, with what it marks to change: addresses, key, count; and small machines.
sed -e 's/^  head_ip: .*/  head_ip: 192.168.77.1/' -e 's/^  worker_ips: .*/  worker_ips: [192.168.77.2]/' \
    -e 's/^  ssh_user: .*/  ssh_user: root/' -e "s#^  ssh_private_key: .*#  ssh_private_key: $HOME/.ssh/key#" \
    -e 's/^\(m..\)_workers: .*/\1_workers: 1/' -e 's/ulimit -n 65536;/ulimit -n 65536; export RAY_TMPDIR=\/var\/tmp;/' \
    -e 's/--object-manager-port=8076/& --num-cpus=1 --object-store-memory=300000000/' \
    cluster/local.yaml > "$root/local.yaml"
PYTHONPATH=$repository/tests .venv/bin/python - "$root/shared" <<'MAKE'
import sys
from pathlib import Path
from problems import write_words, words_yaml
root = Path(sys.argv[1])
data = write_words(root / "data")
for name in ("cluster", "here"):
    (root / f"{name}.yaml").write_text(words_yaml(data, root / name))
MAKE
.venv/bin/d2b-ray run "$root/shared/here.yaml" --engine inline > "$root/here.log"

ray up -y "$root/local.yaml" > "$root/up.log" 2>&1 || { tail -n 30 "$root/up.log"; exit 1; }
setsid ray dashboard "$root/local.yaml" --port 8377 > "$root/tunnel.log" 2>&1 &
started+=($!)
for _ in $(seq 30); do
    ray exec "$root/local.yaml" "RAY_AUTH_MODE=token ray status" > "$root/status.log" 2>&1 || true
    grep -q "/2.0 CPU" "$root/status.log" && break
    sleep 2
done
grep -q "/2.0 CPU" "$root/status.log" || { tail -n 30 "$root/status.log"; echo "the worker did not join"; exit 1; }
d2b-ray submit "$root/shared/cluster.yaml" --address http://127.0.0.1:8377 2>&1 | tee "$root/submit.log" | tail -n 5
PYTHONPATH=$repository/tests .venv/bin/python -c "
import sys; from stores import assert_equal_stores; assert_equal_stores(sys.argv[1], sys.argv[2])" \
    "$root/shared/here" "$root/shared/cluster"
ray down -y "$root/local.yaml" > "$root/down.log" 2>&1
# A worker leaves when its head has been gone for a minute.
for _ in $(seq 60); do
    left=$(for pid in $(ip netns pids d2bs1) $(ip netns pids d2bs2); do cat "/proc/$pid/comm" 2> /dev/null; done | grep -c raylet || true)
    [ "$left" -eq 0 ] && break
    sleep 2
done
[ "$left" -eq 0 ] || { echo "$left raylets are left"; exit 1; }
echo "ray up over SSH: two machines, the same bytes as here, nothing left"
