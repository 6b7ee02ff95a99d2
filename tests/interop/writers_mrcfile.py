"""mrcfile: all modes, both orders of bytes, stacks and places."""

import mrcfile
import numpy as np
from writers_kit import PLACE, SIZE, dialect, greys, main

ANGSTROM = tuple(10 * n for n in SIZE[::-1])


def save(name, change=lambda file: None, values=None, size=True, suffix="mrc", compression=None, **facts):
    dtype = facts.setdefault("dtype", "int16")

    @dialect("MRC", name, size=size, **facts)
    def write(folder):
        with mrcfile.new(folder / f"a.{suffix}", compression=compression) as file:
            file.set_data(greys(dtype) if values is None else values)
            change(file)
            if size:
                file.voxel_size = ANGSTROM
        return folder / f"a.{suffix}"


def move_origin(file):
    file.header.origin = tuple(10 * n for n in PLACE[::-1])


def move_start(file):
    file.nstart = tuple(round(n / s) for n, s in zip(PLACE[::-1], SIZE[::-1], strict=True))


for dtype in ("int8", "int16", "uint16", "float32", "float16"):
    save(dtype, dtype=dtype)
    save(f"{dtype}, big-endian", values=greys(dtype).astype(np.dtype(dtype).newbyteorder(">")), dtype=dtype)
save("no voxel size", size=False)
save("stack of images", lambda file: file.set_image_stack())
save("second of two volumes", values=np.stack([greys("int16")[::-1], greys("int16")]), select="[t=1]")
save("origin", move_origin, place=True)
save("start of the grid", move_start, place=True)
save("extended header", lambda file: file.set_extended_header(np.zeros(300, "V4")))
save("named .rec", suffix="rec")
save("gzip", suffix="mrc.gz", compression="gzip", refused="unpack it")
main("mrcfile", mrcfile.__version__)
