"""libtiff's own tools: tiffcp, tiffset and tiffsplit."""

import tifffile
from programs import run, version_of
from writers_kit import dialect, greys, main


def plain(folder, dtype="uint8"):
    tifffile.imwrite(folder / "in.tif", greys(dtype), metadata=None, photometric="minisblack")
    return folder / "in.tif"


def copied(name, *options, dtype="uint8", near=0):
    @dialect("TIFF", name, dtype=dtype, near=near)
    def write(folder):
        run("tiffcp", *options, plain(folder, dtype), folder / "a.tif")
        return folder / "a.tif"


for packed in ("none", "lzw", "lzw:2", "zip", "zip:2", "packbits", "lzma", "zstd"):
    copied(packed, "-c", packed)
copied("jpeg", "-c", "jpeg", near=40)
copied("big-endian", "-B", dtype="uint16")
copied("big-endian, predictor", "-B", "-c", "lzw:2", dtype="uint16")
copied("float32, predictor", "-c", "zip:3", dtype="float32")
copied("tiles", "-t", "-w", "16", "-l", "32")
copied("BigTIFF", "-8")
copied("bits turned round", "-f", "lsb2msb")
copied("strips of 1 row", "-r", "1")


@dialect("sections", "tiffsplit")
def split(folder):
    (folder / "out").mkdir()
    run("tiffsplit", plain(folder), f"{folder / 'out'}/s")
    return folder / "out"


main("libtiff", version_of("tiffcp", "-h"))
