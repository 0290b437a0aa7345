"""Write the embedded digits as a pair of gzipped IDX files beside this script.

Needs Python 3 with numpy and scikit-learn (any version from 0.20: the data have not changed since).

    python data/make_digits.py

The output depends on the data alone (no time stamp, no file name in the gzip header), up to the
version of zlib that Python was built with.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

UNSIGNED_BYTE = 0x08


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write `array` of bytes: magic number, big-endian axes, then the elements, row-major."""
    header = struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=9, mtime=0))


def main() -> None:
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    assert images.shape == (1797, 8, 8) and images.max() == 16, images.shape
    assert (images == digits.images).all(), "the pixels are whole numbers"
    assert labels.shape == (1797,) and set(labels) == set(range(10)), labels.shape
    folder = Path(__file__).parent
    write_idx(folder / "digits-images-idx3-ubyte.gz", images)
    write_idx(folder / "digits-labels-idx1-ubyte.gz", labels)


if __name__ == "__main__":
    main()
