#!/bin/sh
# Compares Diabolo with other frameworks on the same workloads, in one run, and prints the ratios.
#
#   benches/compare.sh PEERS_FOLDER
#
# PEERS_FOLDER holds torch_peer.py, keras_peer.py and burn/, each of which prints "NAME MILLISECONDS" lines for
# the workloads it knows. What is not installed is left out, and said so. Settings, by environment:
#   PYTHON   the Python to use (python3); it needs torch, tensorflow or both
#   BURN     the Burn program, built (PEERS_FOLDER/burn/target/release/burnbench); its caches should be full, which
#            a first run of minutes sees to
#   ADAPTER  the adapter on which to compare with Burn (llvmpipe)
#   ROUNDS   how often each is run, in turns (3); medians are compared
#   ONLY     the workloads (W1 W3 W4 W5 W6 W3infer W6infer)
set -eu

peers=${1:?usage: benches/compare.sh PEERS_FOLDER}
python=${PYTHON:-python3}
burn=${BURN:-$peers/burn/target/release/burnbench}
adapter=${ADAPTER:-llvmpipe}
rounds=${ROUNDS:-3}
only=${ONLY:-W1 W3 W4 W5 W6 W3infer W6infer}

cd "$(dirname "$0")/.."
cargo build --release --quiet
diabolo=target/release/diabolo
results=$(mktemp)
trap 'rm -f "$results"' EXIT

has() { "$python" -c "import $1" 2>/dev/null; }
note() { echo "note: $1" >&2; }
list() { echo "$only" | tr ' ' ','; }

# Each of these prints lines "WHO NAME MILLISECONDS".
ours() {
    "$diabolo" bench --json --device "$1" --only "$2" |
        "$python" -c 'import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print(sys.argv[1], row["name"], row["median_ms"])' "diabolo-$1"
}
torch() { "$python" "$peers/torch_peer.py" 2 $only | awk '{ print "torch", $1, $2 }'; }
torch_matmul() {
    "$python" -c 'import sys, time, torch
torch.set_num_threads(2)
a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
times = []
for turn in range(40):
    begin = time.perf_counter(); a @ b; times.append(time.perf_counter() - begin)
print("torch M1_1024x1024x1024", sorted(times[10:])[15] * 1e3)'
}
keras() { "$python" "$peers/keras_peer.py" 2>/dev/null | awk '/^W/ { print "keras", $1, $2 }'; }
known_to_burn() { for name in $only; do case $name in W1 | W3 | W4 | W5) echo "$name" ;; esac; done; }
burn() {
    for name in $(known_to_burn); do
        "$burn" wgpu "$name" | awk -v name="$name" '$1 == "wgpu" { for (i = 3; i <= NF; i++) if ($i ~ /^[0-9]+\.[0-9]+$/) { print "burn", name, $i; exit } }'
    done
}

has torch || note "$python has no torch"
has tensorflow || note "$python has no tensorflow"
[ -x "$burn" ] || note "there is no Burn program at $burn; set BURN"
round=0
while [ "$round" -lt "$rounds" ]; do
    ours cpu "$(list),M1_1024x1024x1024" >>"$results"
    if has torch; then
        torch >>"$results"
        torch_matmul >>"$results"
    fi
    if has tensorflow; then keras >>"$results"; fi
    if [ -x "$burn" ]; then
        ours "$adapter" "$(known_to_burn | tr '\n' ',' | sed 's/,$//')" >>"$results"
        burn >>"$results"
    fi
    round=$((round + 1))
done

"$python" - "$results" "$adapter" <<'PRINT'
import collections, statistics, sys
times = collections.defaultdict(list)
for line in open(sys.argv[1]):
    who, name, milliseconds = line.split()
    times[name, who].append(float(milliseconds))
adapter = "diabolo-" + sys.argv[2]
pairs = [("diabolo-cpu", "torch"), ("diabolo-cpu", "keras"), (adapter, "burn")]
print(f"{'workload':<20} {'ours':<20} {'ms':>10}  {'peer':<6} {'ms':>10}  times as fast")
for name in dict.fromkeys(name for name, _ in times):
    for ours, peer in pairs:
        if times[name, ours] and times[name, peer]:
            mine, other = (statistics.median(times[name, who]) for who in (ours, peer))
            print(f"{name:<20} {ours:<20} {mine:>10.3f}  {peer:<6} {other:>10.3f}  {other / mine:.2f}")
PRINT
