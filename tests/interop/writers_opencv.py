"""OpenCV: imwritemulti, and sections."""

import cv2
from writers_kit import dialect, greys, main

LOSSY = {"jpg": 20, "webp": 20, "jp2": 10}


def stack(dtype):
    @dialect("TIFF", dtype, dtype=dtype)
    def write(folder):
        cv2.imwritemulti(str(folder / "a.tif"), list(greys(dtype)))
        return folder / "a.tif"


for dtype in ("uint8", "uint16", "float32", "int16", "float64", "int8"):
    stack(dtype)


def sections(suffix, dtype="uint8"):
    @dialect("sections", f"{suffix} {dtype}", dtype=dtype, near=LOSSY.get(suffix, 0))
    def write(folder):
        for z, section in enumerate(greys(dtype)):
            cv2.imwrite(str(folder / f"s{z}.{suffix}"), section)
        return folder


for suffix in ("png", "jpg", "bmp", "pgm", "webp", "jp2", "tif"):
    sections(suffix)
for suffix in ("png", "pgm", "tif"):
    sections(suffix, "uint16")
main("OpenCV", cv2.__version__)
