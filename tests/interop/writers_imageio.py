"""imageio: stacks as TIFF, and sections in its formats."""

import imageio
import imageio.v2
import imageio.v3
from writers_kit import dialect, greys, main

LOSSY = {"jpg": 20, "webp": 20}


@dialect("TIFF", "imwrite")
def version3(folder):
    imageio.v3.imwrite(folder / "a.tif", greys())
    return folder / "a.tif"


@dialect("TIFF", "mimwrite")
def version2(folder):
    imageio.v2.mimwrite(folder / "a.tif", list(greys()))
    return folder / "a.tif"


def sections(suffix, dtype="uint8"):
    @dialect("sections", f"{suffix} {dtype}", dtype=dtype, near=LOSSY.get(suffix, 0))
    def write(folder):
        for z, section in enumerate(greys(dtype)):
            imageio.v3.imwrite(folder / f"s{z}.{suffix}", section)
        return folder


for suffix in ("png", "jpg", "bmp", "pgm", "tif", "gif", "webp", "jp2"):
    sections(suffix)
sections("png", "uint16")
main("imageio", imageio.__version__)
