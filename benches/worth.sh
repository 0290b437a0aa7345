#!/bin/sh
# What networks are worth beside PCA, as a table: trains each on each set of images by its defaults, one
# after the other, for seeds 0 to 2.
#
#     benches/worth.sh OUT MNIST FASHION PHOTOGRAPHS [ROW..]
#
# OUT is a folder for the runs; MNIST and FASHION are folders with IDX files, PHOTOGRAPHS one with pictures
# of any size. ROW names rows of the table to be made alone. A run that is there already is not trained
# again. Settings, by environment:
#   SEEDS     the seeds ("0 1 2")
#   DIABOLO   a program that is built already
set -eu

if [ $# -lt 4 ]; then
    sed -n '2,13p' "$0"
    exit 2
fi
out=$1 mnist=mnist:$2 fashion=mnist:$3 photographs=images:$4
shift 4
rows=" $* "
. "$(dirname "$0")/runs.sh"

# The seconds of a run's epochs in all.
seconds() {
    awk -F'[:,]' '$1 ~ /"seconds"/ { sum += $2 } END { printf "%.0f", sum }' "$1/metrics.json"
}

# row NAME DATA WORDS OPTION..: trains by these options, and prints a row for it.
row() {
    name=$1 data=$2 words=$3
    shift 3
    case "$rows" in "  " | *" $name "*) ;; *) return ;; esac
    for seed in ${SEEDS:-0 1 2}; do
        run=$out/$name-$seed
        train "$run" --data "$data" --seed "$seed" "$@"
        of=$run/metrics.json
        mse=$(number mse "$of") pca=$(number pca_mse "$of") mean=$(number mean_mse "$of")
        unused=$(number dead_units "$of")$(number active_units "$of")$(number used_codes "$of")
        ratio=$(awk "BEGIN { if ($pca > 0) printf \"%.2f\", $mse / $pca; else print \"\" }")
        printf '| %s | %s | %.5f | %.5f | %s | %.5f | %s | %s |\n' "$words" "$seed" "$mse" "$pca" \
            "$ratio" "$mean" "$unused" "$(seconds "$run")"
    done
}

echo "| run | seed | MSE | PCA's | ratio | mean image's | dead units (active, used) | seconds |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
parts="--patches 64x64 --limit 4000"
# Options are words, which is why they are not quoted.
# shellcheck disable=SC2086
{
    for numbers in 8 32 64 128; do
        row parts-$numbers "$photographs" "parts of photographs, conv, $numbers" --variant conv \
            $parts --latent $numbers
    done
    for numbers in 16 48 96; do
        row map-$numbers "$photographs" "parts of photographs, conv, map of $numbers" --variant conv \
            --patches 64x64 --arch conv:32,64,64 --latent map:$numbers
    done
    row whole "$photographs" "whole photographs at 64x64, conv, 32" --variant conv --size 64x64
    row mnist-conv "$mnist" "MNIST, conv:32,64, 32" --variant conv --arch conv:32,64 --latent 32
    row mnist-dense "$mnist" "MNIST, dense:64/32,64, 32" --variant dense
    row mnist-hinton "$mnist" "MNIST, dense:1000,500,250, tied, 30, 30 epochs" --variant dense \
        --arch dense:1000,500,250 --latent 30 --tied --epochs 30
    row fashion-conv "$fashion" "Fashion-MNIST, conv:32,64, 32" --variant conv --arch conv:32,64
    row fashion-dense "$fashion" "Fashion-MNIST, dense, 32" --variant dense
    row sprites-conv sprites "sprites, conv, 32" --variant conv
    row sprites-dense sprites "sprites, dense, 32" --variant dense
    row digits-conv digits "embedded digits, conv, 32" --variant conv
    row digits-dense digits "embedded digits, dense, 32" --variant dense
    for variant in vae vqvae sparse contractive denoising; do
        row parts-$variant "$photographs" "parts of photographs, $variant" --variant $variant $parts
    done
}
