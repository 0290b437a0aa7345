#!/bin/sh
# What models that are part of the program make of corrupted pictures beside what others do, as tables: PSNR and
# SSIM, mean and of each picture.
#
#     benches/pictures.sh PEERS PICTURES [ROW..]
#
# PICTURES is a folder of clean pictures of 8 bits. PEERS is a folder for the corrupted ones, which all get alike: as
# the program writes them, of 8 bits and clipped; and for what others make of them, which is not made again while it
# is there. ROW names tables to be made alone: gray-15 gray-25 gray-50 colour-15 colour-25 colour-50 jpeg-10 jpeg-20
# jpeg-30 jpeg-40 salt-pepper-0.1 salt-pepper-0.3 salt-pepper-0.5 mask-0.3 camera haze blur codec codec-gray; the last two are
# means alone, beside JPEG and what else is installed of WebP, AVIF and JPEG XL. A table whose model is
# not part of the program has others alone, and this is said. Settings, by environment:
#   MODEL     a run to be measured in the built-in models' place
#   PYTHON    a Python that has bm3d, scikit-image and pillow (python3)
#   DIABOLO   a program that is built already
#   OURS      "no", to make what others do and no table
set -eu

if [ $# -lt 2 ]; then
    sed -n '2,16p' "$0"
    exit 2
fi
mkdir -p "$1"
peers=$(cd "$1" && pwd) pictures=$(cd "$2" && pwd)
shift 2
rows=" $* "
python=${PYTHON:-python3}
. "$(dirname "$0")/runs.sh"

"$python" -c "import bm3d, skimage, PIL" || {
    echo "$python lacks a package; pip install bm3d scikit-image pillow" >&2
    exit 1
}
for mode in gray colour; do
    [ -d "$peers/clean/$mode" ] || "$python" benches/pictures.py clean "$pictures" "$peers/clean/$mode" $mode
done

# corrupted MODE NOISE FOLDER: the clean pictures with this noise. A model is needed for that, and none has to be good:
# the smallest, which sees a few pictures, serves for the noise alone.
corrupted() {
    [ -d "$3" ] && return
    train "$peers/least/$1" --variant denoising --residual --noise gaussian:0.1 --arch flat:4x2 --epochs 1 \
        --data "images:$peers/clean/$1" --patches 16x16 --limit 64 2>"$peers/least-$1.log"
    # Under another name first, so that what is there is whole, also where another call makes the same.
    part=$3-$$
    "$diabolo" restore "$peers/clean/$1" --noise "$2" -o "$part" --model "$peers/least/$1" \
        --device cpu >"$peers/least-$1.log"
    for path in "$part"/*-corrupted.png; do
        mv "$path" "${path%-corrupted.png}.png"
    done
    if [ -d "$3" ]; then rm -r "$part"; else mv "$part" "$3"; fi
}

# ours NAME OPTION..: what the program makes of the pictures of $input, by these options.
ours() {
    made=$of/ours/$1
    shift
    "$diabolo" restore "$input" -o "$made" "$@" >&2
}

# row NAME MODE NOISE MODEL: a table of pictures of this mode with this noise.
row() {
    name=$1 mode=$2 noise=$3 model=${MODEL:-$4}
    label="Diabolo, $(basename "$model")"
    case "$rows" in "  " | *" $name "*) ;; *) return 0 ;; esac
    of=$peers/$name clean=$peers/clean/$mode input=$of/corrupted
    mkdir -p "$of"
    corrupted "$mode" "$noise" "$input"
    "$python" benches/pictures.py peers "$noise" "$input" "$clean" "$of/peers"
    if [ "${OURS:-}" = no ]; then return 0; fi
    rm -rf "$of/ours"
    mkdir "$of/ours"
    if [ -z "${MODEL:-}" ] && ! "$diabolo" models "$model" >/dev/null 2>&1; then
        echo "note: $name has others alone, as there is no model $model in the program" >&2
    else
        case $noise in
        mask:*)
            "$python" benches/pictures.py missing "$input" "$of/missing"
            input=$of/missing
            ours "$label" --model "$model" --device cpu
            ;;
        gaussian:*)
            ours "$label, estimated" --model "$model" --device cpu
            ours "$label, told" --model "$model" --device cpu --noise-level "${noise#*:}" ||
                echo "note: $model is not told of noise" >&2
            ours "$label, --nonlocal, told" --model "$model" --device cpu --noise-level "${noise#*:}" --nonlocal ||
                echo "note: $model is not told of noise" >&2
            ;;
        *) ours "$label" --model "$model" --device cpu ;;
        esac
    fi
    case $noise in
    gaussian:*) ours "Diabolo, --zero-shot, told" --zero-shot --noise-level "${noise#*:}" ;;
    esac
    "$python" benches/pictures.py table "$name" "$clean" "$of/corrupted" "$of/peers" "$of/ours"
    echo
}

# Deviations are shares of white, and 15, 25 and 50 of 255.
for mode in gray colour; do
    denoiser=$([ $mode = gray ] && echo denoise-gray || echo denoise)
    row "$mode-15" "$mode" gaussian:0.058824 "$denoiser"
    row "$mode-25" "$mode" gaussian:0.098039 "$denoiser"
    row "$mode-50" "$mode" gaussian:0.196078 "$denoiser"
done
for quality in 10 20 30 40; do row jpeg-$quality colour jpeg:$quality jpeg; done
for share in 0.1 0.3 0.5; do row salt-pepper-$share colour salt-pepper:$share missing; done
row mask-0.3 colour mask:0.3 missing
row camera colour camera:0.1 camera
row haze colour haze:0.3-0.8 haze
row blur colour blur:1.5 deblur

# compressed MODEL MODE: what files of the built-in codec take of pictures of this mode, and how near they come back.
compressed() {
    case "$rows" in "  " | *" $1 "*) ;; *) return 0 ;; esac
    "$diabolo" rate-distortion "$peers/clean/$2" --model "$1" --device cpu -o "$peers/$1.png"
}
compressed codec colour
compressed codec-gray gray
