#!/bin/sh
# How good samples of every variant are, as a table: trains each by its recipe, one after the other, and
# measures it by `diabolo evaluate`.
#
#     benches/generation.sh OUT DATA [OPTION..]
#
# OUT is a folder for the runs, DATA what `--data` takes, and options go to every training, as in
#
#     benches/generation.sh runs/generation mnist
#     benches/generation.sh /tmp/quick digits --epochs 2
#
# A run that is there already is measured again, not trained again; remove OUT to begin anew. Training and
# measuring is on the processor, so that numbers are the same on every machine of a kind. Settings, by
# environment:
#   PRIOR_EPOCHS   how long the prior of VQ-VAE's places is trained (10)
#   DIABOLO        a program that is built already
set -eu

if [ $# -lt 2 ]; then
    sed -n '2,17p' "$0"
    exit 2
fi
out=$1 data=$2
shift 2
. "$(dirname "$0")/runs.sh"

# A row of the table: its name and the file of its measures.
row() {
    printf '| %s | %.2f | %.3f | %.3f | %.4f |\n' "$1" "$(number frechet "$2")" \
        "$(number precision "$2")" "$(number recall "$2")" "$(number nearest "$2")"
}

measure() {
    "$diabolo" evaluate "$out/$1" --device cpu -o "$out/$2.json" >&2
}

train "$out/dense" --data "$data" --variant dense "$@"
measure dense dense
train "$out/conv" --data "$data" --variant conv --latent 32 "$@"
measure conv conv
for name in sparse contractive denoising vae cvae iwae vqvae; do
    train "$out/$name" --data "$data" --variant $name "$@"
    if [ $name = vqvae ]; then
        # A prior of an earlier call would be drawn from.
        rm -f "$out/vqvae/prior.safetensors"
    fi
    measure $name $name
done
"$diabolo" prior "$out/vqvae" --epochs "${PRIOR_EPOCHS:-10}" --device cpu >&2
measure vqvae vqvae-prior

echo "| variant | Frechet distance | precision | recall | nearest training image |"
echo "| --- | --- | --- | --- | --- |"
row dense "$out/dense.json"
row 'conv, `--latent 32`' "$out/conv.json"
row sparse "$out/sparse.json"
row contractive "$out/contractive.json"
row denoising "$out/denoising.json"
row VAE "$out/vae.json"
row CVAE "$out/cvae.json"
row IWAE "$out/iwae.json"
row 'VQ-VAE, places apart' "$out/vqvae.json"
row 'VQ-VAE, `--prior`' "$out/vqvae-prior.json"
any=$out/dense.json
# `precision` and `recall` of training images are the second of their names.
train_part() {
    sed -n '/"train": {/,/}/p' "$any" | awk -F'[:,]' -v name="\"$1\"" '$1 ~ name { print $2 + 0 }'
}
printf '| training images themselves | %.2f | %.3f | %.3f | |\n' "$(number frechet_train "$any")" \
    "$(train_part precision)" "$(train_part recall)"
printf '| held-out images themselves | | | | %.4f |\n' "$(number nearest_held_out "$any")"
echo
echo "$(number samples "$any") samples each; the classifier is right on" \
    "$(awk "BEGIN { printf \"%.2f\", 100 * $(number classifier_accuracy "$any") }")% of held-out images."
