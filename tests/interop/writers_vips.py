"""libvips: stacks as TIFF."""

import tifffile
from programs import run, version_of
from writers_kit import dialect, greys, main


def copied(name, options, dtype="uint8", near=0):
    @dialect("TIFF", name, dtype=dtype, near=near)
    def write(folder):
        tifffile.imwrite(folder / "in.tif", greys(dtype), metadata=None, photometric="minisblack")
        run("vips", "copy", f"{folder / 'in.tif'}[n=-1]", f"{folder / 'a.tif'}{options}")
        return folder / "a.tif"


TILES = "tile,tile-width=16,tile-height=16"
copied("plain", "")
copied("tiles", f"[{TILES}]")
copied("pyramid", f"[{TILES},pyramid]")
copied("pyramid in subdirectories", f"[{TILES},pyramid,subifd]")
copied("BigTIFF", "[bigtiff]")
copied("deflate, predictor", "[compression=deflate,predictor=horizontal]")
copied("LZW", "[compression=lzw]")
copied("zstd", "[compression=zstd]")
copied("0 is white", "[miniswhite]")
copied("JPEG", "[compression=jpeg,Q=99]", near=20)
copied("JPEG 2000", "[compression=jp2k,lossless,tile]", near=1)
copied("uint16, pyramid", f"[{TILES},pyramid,compression=deflate]", "uint16")
copied("float32", "", "float32")
main("libvips", version_of("vips", "--version"))
