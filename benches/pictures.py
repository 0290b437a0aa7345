"""What others make of corrupted pictures, and how near each comes to the clean ones; `pictures.sh` calls it.

    python3 benches/pictures.py clean PICTURES FOLDER gray|colour       pictures as PNG of 8 bits
    python3 benches/pictures.py missing FOLDER OUT                      wholly black pixels made transparent
    python3 benches/pictures.py peers KIND:AMOUNT CORRUPTED CLEAN OUT   OUT/METHOD/NAME.png, unless it is there
    python3 benches/pictures.py table TITLE CLEAN CORRUPTED OUT..       a table in Markdown of all OUT/METHOD
    python3 benches/pictures.py side OUT.png LEFT,TOP,SIDE FILE.. [LEFT,TOP,SIDE FILE..]..
                                                                        squares of pictures, a row for each place

Needs numpy, scipy, pillow, scikit-image and bm3d. Arrays are of [height, width] or [height, width, 3] in [0, 1].
"""

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import metrics, restoration


def read(path):
    image = Image.open(path)
    # Where pixels were missing, they are transparent no longer.
    return np.asarray(image.convert("RGB" if image.mode.startswith("RGB") else "L")) / 255


def save(picture, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under another name first, so that what is there is whole, also where another call makes the same.
    part = path.with_suffix(f".{os.getpid()}")
    Image.fromarray(np.uint8(np.round(np.clip(picture, 0, 1) * 255))).save(part, "PNG")
    part.rename(path)


def channels(picture):
    """What scikit-image is to be told of the axes."""
    return {"channel_axis": -1 if picture.ndim == 3 else None}


def per_channel(method, picture):
    """A method of planes, for each channel alone."""
    if picture.ndim == 2:
        return method(picture)
    return np.stack([method(picture[..., channel]) for channel in range(picture.shape[2])], axis=-1)


def best(candidates, clean):
    """The one that is nearest to the clean picture, which only who has that can know."""
    return min(candidates, key=lambda made: np.mean((np.clip(made, 0, 1) - clean) ** 2))


# Filters that are told nothing, but for their widths.


def best_gaussian(picture, clean, _):
    sides = (1, 1, 0)[: picture.ndim]
    widths = (0.4, 0.5, 0.7, 0.85, 1.0, 1.4, 2.0, 2.8)
    return best((ndimage.gaussian_filter(picture, [width * side for side in sides]) for width in widths), clean)


def best_tv(picture, clean, _):
    """Chambolle, "An algorithm for total variation minimization and applications", 2004."""
    weights = (0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32, 0.48)
    made = (restoration.denoise_tv_chambolle(picture, weight=weight, **channels(picture)) for weight in weights)
    return best(made, clean)


def median(picture, _clean, _):
    return per_channel(lambda plane: ndimage.median_filter(plane, 3, mode="nearest"), picture)


# Of normal noise, told its deviation or none, which is estimated then.


def deviation(picture, sigma):
    if sigma is not None:
        return sigma
    return restoration.estimate_sigma(picture, average_sigmas=True, **channels(picture))


def bm3d(picture, _clean, sigma):
    """Dabov, Foi, Katkovnik, Egiazarian, "Image denoising by sparse 3-D transform-domain filtering", 2007."""
    from bm3d import bm3d as gray
    from bm3d import bm3d_rgb

    return (bm3d_rgb if picture.ndim == 3 else gray)(picture, deviation(picture, sigma))


def non_local_means(picture, clean, sigma):
    """Buades, Coll, Morel, 2005; patches, distances and strength as scikit-image's example has them."""
    sigma = deviation(picture, sigma)
    how = {"patch_size": 5, "patch_distance": 6, "fast_mode": True, **channels(picture)}
    made = (restoration.denoise_nl_means(picture, h=h * sigma, sigma=sigma, **how) for h in (0.4, 0.6, 0.8, 1.0))
    return best(made, clean)


def wavelets(picture, _clean, sigma):
    """Chang, Yu, Vetterli, "Adaptive wavelet thresholding for image denoising and compression" (BayesShrink), 2000."""
    how = {"rescale_sigma": True, **channels(picture)}
    if picture.ndim == 3:
        how["convert2ycbcr"] = True
    return restoration.denoise_wavelet(picture, sigma=deviation(picture, sigma), **how)


def estimated(method):
    """The same, told nothing."""
    return lambda picture, clean, _: method(picture, clean, None)


def stabilised_bm3d(picture, clean, at_white):
    """Of a variance `a x + b`, as `--noise camera` has it, made alike at every brightness first (Anscombe, 1948;
    Makitalo and Foi, "Optimal inversion of the generalized Anscombe transformation", 2013)."""
    a, b = np.array([15, 1]) / 16 * at_white**2
    most = 2 / a * np.sqrt(a + b)
    stable = 2 / a * np.sqrt(np.maximum(a * picture + b, 0)) / most
    made = bm3d(stable, clean, 1 / most) * most
    # The mean of a square is the square of the mean, and the variance, which is 1.
    return ((a * made / 2) ** 2 - b) / a + a / 4


# Of pixels that are lost.


def extreme(picture, ends=(0.0, 1.0)):
    """Which pixels are black or white in all channels."""
    flat = picture[..., None] if picture.ndim == 2 else picture
    return np.any([np.all(flat == end, axis=-1) for end in ends], axis=0)


def put(picture, where, made):
    out = picture.copy()
    out[where] = made[where]
    return out


def median_of_extreme(picture, clean, _):
    return put(picture, extreme(picture), median(picture, clean, None))


def median_of_others(picture, lost):
    """Each lost pixel becomes the median of those in the smallest window about it that has three which are not."""
    known = np.where(lost if picture.ndim == 2 else lost[..., None], np.nan, picture)
    out, left = picture.copy(), lost.copy()
    reach = 1
    while left.any():
        sides = [(reach, reach)] * 2 + [(0, 0)] * (picture.ndim - 2)
        padded = np.pad(known, sides, constant_values=np.nan)
        y, x = np.nonzero(left)
        steps = range(2 * reach + 1)
        near = np.stack([padded[y + down, x + across] for down in steps for across in steps])
        counts = np.sum(~np.isnan(near), axis=0)
        enough = (counts if picture.ndim == 2 else counts[:, 0]) >= 3
        out[y[enough], x[enough]] = np.nanmedian(near[:, enough], axis=0)
        left[y[enough], x[enough]] = False
        reach += 1
    return out


def others_of_extreme(picture, _clean, _):
    return median_of_others(picture, extreme(picture))


def others_of_missing(picture, _clean, _):
    return median_of_others(picture, extreme(picture, ends=(0.0,)))


def biharmonic(picture, lost):
    """Chui and Mhaskar, "MRA contextual-recovery extension of smooth functions on manifolds", 2010."""
    return restoration.inpaint_biharmonic(picture, lost, **channels(picture))


def biharmonic_of_extreme(picture, _clean, _):
    return biharmonic(picture, extreme(picture))


def biharmonic_of_missing(picture, _clean, _):
    return biharmonic(picture, extreme(picture, ends=(0.0,)))


# Of haze.


def guided(guide, picture, radius=40, epsilon=1e-3):
    """He, Sun, Tang, "Guided image filtering", 2013, by a gray guide."""

    def mean(plane):
        return ndimage.uniform_filter(plane, 2 * radius + 1, mode="nearest")

    about, of = mean(guide), mean(picture)
    slope = (mean(guide * picture) - about * of) / (mean(guide * guide) - about**2 + epsilon)
    return mean(slope) * guide + mean(of - slope * about)


def dark_channel(picture, _clean, _):
    """He, Sun, Tang, "Single image haze removal using dark channel prior", 2009: 15x15, omega 0.95, t0 0.1."""
    colours = picture if picture.ndim == 3 else picture[..., None]
    dark = ndimage.minimum_filter(colours.min(axis=-1), 15)
    haziest = np.argsort(dark, axis=None)[-max(dark.size // 1000, 1) :]
    flat = colours.reshape(-1, colours.shape[-1])
    air = np.maximum(flat[haziest[np.argmax(flat[haziest].sum(axis=-1))]], 1 / 255)
    transmission = 1 - 0.95 * ndimage.minimum_filter((colours / air).min(axis=-1), 15)
    transmission = guided(colours.mean(axis=-1), transmission)
    made = (colours - air) / np.clip(transmission, 0.1, 1)[..., None] + air
    return made.reshape(picture.shape)


def darkest_is_black(picture, _clean, transmission):
    """y = x t + a (1 - t), where x is 0 somewhere and t is told."""
    if transmission is None:
        transmission = 1 - picture.min()
    return (picture - picture.min()) / max(transmission, 0.1)


# Of blur, told its width.


def spread(width):
    reach = int(np.ceil(4 * width))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.outer(line, line) / np.outer(line, line).sum()


def padded(method, picture, kernel, *how, **more):
    """A method of scikit-image for each channel alone, its edges repeated outwards."""
    reach = kernel.shape[0]
    inner = (slice(reach, -reach),) * 2
    return per_channel(lambda plane: method(np.pad(plane, reach, mode="edge"), kernel, *how, **more)[inner], picture)


def widths(width):
    """The width that is told, or those to choose from."""
    return (0.5, 1.0, 1.5, 2.0, 2.5, 3.0) if width is None else (width,)


def best_wiener(picture, clean, width):
    balances = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 0.3, 1.0)
    made = (
        padded(restoration.wiener, picture, spread(of), balance, clip=False)
        for of in widths(width)
        for balance in balances
    )
    return best(made, clean)


def best_richardson_lucy(picture, clean, width):
    """Richardson, 1972; Lucy, 1974."""
    made = (
        padded(restoration.richardson_lucy, picture, spread(of), num_iter=steps)
        for of in widths(width)
        for steps in (5, 10, 20, 40)
    )
    return best(made, clean)


# A method's name in tables, by what was done to pictures.
FILTERS = {"median filter": median, "best Gaussian filter": best_gaussian}
PEERS = {
    "gaussian": {
        "BM3D, told": bm3d,
        "best non-local means, told": non_local_means,
        "best total variation": best_tv,
        "wavelets, told": wavelets,
        **FILTERS,
    },
    "camera": {
        "BM3D, told, stabilised": stabilised_bm3d,
        "BM3D, estimated": estimated(bm3d),
        "best non-local means, estimated": estimated(non_local_means),
        "best total variation": best_tv,
        "wavelets, estimated": estimated(wavelets),
        **FILTERS,
    },
    "jpeg": {"best total variation": best_tv, **FILTERS},
    "salt-pepper": {
        "median of black and white pixels": median_of_extreme,
        "median of others about them": others_of_extreme,
        "biharmonic inpainting of them": biharmonic_of_extreme,
        **FILTERS,
    },
    "mask": {"biharmonic inpainting": biharmonic_of_missing, "median of others about them": others_of_missing},
    "haze": {"dark channel": dark_channel, "darkest pixel is black": darkest_is_black},
    "blur": {"best Wiener filter": best_wiener, "best Richardson-Lucy": best_richardson_lucy},
}
# What is no number that a method may be told.
UNTOLD = ("jpeg", "salt-pepper", "mask")


def clean_pictures(pictures, folder, mode):
    for path in sorted(Path(pictures).iterdir()):
        colours = np.asarray(Image.open(path).convert("RGB")) / 255
        # The program's own gray.
        save(colours @ [0.2126, 0.7152, 0.0722] if mode == "gray" else colours, Path(folder) / f"{path.stem}.png")


def missing(folder, out):
    for path in sorted(Path(folder).glob("*.png")):
        picture = read(path)
        planes = picture[..., None] if picture.ndim == 2 else picture
        there = ~extreme(picture, ends=(0.0,))
        save(np.concatenate([planes, there[..., None]], axis=-1), Path(out) / path.name)


def peers(noise, corrupted, clean, out):
    kind, _, amount = noise.partition(":")
    told = float(amount) if kind not in UNTOLD and "-" not in amount and amount else None
    for name, method in PEERS[kind].items():
        for path in sorted(Path(corrupted).glob("*.png")):
            made = Path(out) / name / path.name
            if not made.exists():
                save(method(read(path), read(Path(clean) / path.name), told), made)
                print(f"{out}: {name}, {path.stem}", file=sys.stderr, flush=True)


def quality(made, clean):
    """PSNR and SSIM as the program has them, of 8 bits."""
    psnr = metrics.peak_signal_noise_ratio(clean, made, data_range=1)
    return psnr, metrics.structural_similarity(clean, made, data_range=1, **channels(clean))


def table(title, clean, corrupted, *outs):
    pictures = sorted(Path(clean).glob("*.png"))
    print(f"| {title} | mean | {' | '.join(path.stem for path in pictures)} |")
    print("| --- " * (len(pictures) + 2) + "|")
    folders = {"corrupted": Path(corrupted)}
    folders.update({folder.name: folder for out in outs for folder in sorted(Path(out).iterdir()) if folder.is_dir()})
    rows = []
    for name, folder in folders.items():
        all_of = [quality(read(folder / path.name), read(path)) for path in pictures]
        rows.append((name, [tuple(np.mean(all_of, axis=0)), *all_of]))
    rows[1:] = sorted(rows[1:], key=lambda row: -row[1][0][0])
    for name, each in rows:
        print(f"| {name} | {' | '.join(f'{psnr:.2f} dB, {ssim:.3f}' for psnr, ssim in each)} |")


def side(out, *words):
    rows = []
    for word in words:
        if word.replace(",", "").isdigit():
            left, top, length = map(int, word.split(","))
            rows.append([])
        else:
            square = Image.open(word).convert("RGB").crop((left, top, left + length, top + length))
            # Each pixel is shown as four, so that what a method does to it can be seen.
            rows[-1].append(np.kron(np.asarray(square) / 255, np.ones((2, 2, 1))))
    gap = 4
    framed = [[np.pad(square, ((0, gap), (0, gap), (0, 0)), constant_values=1) for square in row] for row in rows]
    save(np.concatenate([np.concatenate(row, axis=1) for row in framed])[:-gap, :-gap], Path(out))


if __name__ == "__main__":
    COMMANDS = {"clean": clean_pictures, "missing": missing, "peers": peers, "table": table, "side": side}
    COMMANDS[sys.argv[1]](*sys.argv[2:])
