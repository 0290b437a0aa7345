"""Draws pictures to train on where many are needed: 64x64 in colour, four overlapping shapes each, as PNG.

    python3 benches/draw_pictures.py FOLDER COUNT [FILE.tar]

They lie in folders of a thousand. With FILE.tar they go into an archive of that name instead, below FOLDER's name.
"""

import io
import random
import struct
import sys
import tarfile
import zlib
from pathlib import Path

SIDE = 64


def drawn(number):
    """The pixels of one picture, row by row: a gradient, and rectangles on it."""
    draw = random.Random(number)
    top, bottom = ([draw.randrange(256) for _ in range(3)] for _ in range(2))
    rows = []
    for y in range(SIDE):
        colour = bytes((a * (SIDE - 1 - y) + b * y) // (SIDE - 1) for a, b in zip(top, bottom))
        rows.append(bytearray(colour * SIDE))
    for _ in range(4):
        left, up = draw.randrange(SIDE - 8), draw.randrange(SIDE - 8)
        right, down = draw.randrange(left + 4, SIDE), draw.randrange(up + 4, SIDE)
        colour = bytes(draw.randrange(256) for _ in range(3))
        slope = draw.uniform(-0.5, 0.5)
        for y in range(up, down):
            start = min(max(left + int(slope * (y - up)), 0), SIDE)
            end = min(max(right + int(slope * (y - up)), start), SIDE)
            rows[y][3 * start:3 * end] = colour * (end - start)
    return rows


def png(rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = b"".join(b"\0" + bytes(row) for row in rows)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels, 1))
            + chunk(b"IEND", b""))


def main():
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    archive = tarfile.open(sys.argv[3], "w") if len(sys.argv) > 3 else None
    for number in range(count):
        name = f"{number // 1000:03}/{number:06}.png"
        data = png(drawn(number))
        if archive:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        else:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    if archive:
        archive.close()


if __name__ == "__main__":
    main()
