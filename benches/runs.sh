# What tables of runs share: the program, training, and numbers of a file. They source this.

cd "$(dirname "$0")/.."
diabolo=${DIABOLO:-}
if [ -z "$diabolo" ]; then
    cargo build --release --quiet
    diabolo=target/release/diabolo
fi

# train RUN OPTION..: trains by these options into this folder, unless it holds a finished run. On the
# processor, so that numbers are the same on every machine of a kind.
train() {
    run=$1
    shift
    if [ ! -f "$run/metrics.json" ]; then
        "$diabolo" train --device cpu --out "$run" "$@" >&2
    fi
}

# number NAME FILE: the first number of this name in a file of measures; nothing where it has none.
number() {
    awk -F'[:,]' -v name="\"$1\"" '$1 ~ name { print $2 + 0; exit }' "$2"
}
