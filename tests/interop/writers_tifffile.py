"""tifffile: plain, ImageJ's and OME's TIFF in all its ways to store them."""

import numpy as np
import tifffile
from writers_kit import SIZE, dialect, greys, labels, main

Z, Y, X = SIZE
MICRONS = {"resolution": (1000 / X, 1000 / Y), "metadata": {"spacing": Z / 1000, "unit": "um", "axes": "ZYX"}}
IN_NM = {"resolution": (1 / X, 1 / Y), "metadata": {"spacing": Z, "unit": "nm", "axes": "ZYX"}}
SIZES = {f"PhysicalSize{axis}": n / 1000 for axis, n in zip("ZYX", SIZE, strict=True)}
PLANES = {f"Position{axis}": [n / 1000] * 7 for axis, n in (("X", 120), ("Y", 80))}
PLANES |= {"PositionZ": [(400 + 40 * z) / 1000 for z in range(7)]}
UNITS = {f"{key}Unit": ["µm"] * 7 for key in PLANES}
OME = {"axes": "ZYX", **SIZES}


def save(kind, name, facts=(), suffix=".tif", values=None, **options):
    @dialect(kind, name, **dict(facts))
    def write(folder):
        given = dict(facts)
        default = labels(given["dtype"]) if given.get("holds") else greys(given.get("dtype", "uint8"))
        tifffile.imwrite(folder / f"a{suffix}", default if values is None else values, **options)
        return folder / f"a{suffix}"


PLAIN = {
    "plain": {},
    "BigTIFF": {"bigtiff": True},
    "strips of 5 rows": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 32)},
    "tiles of volumes": {"tile": (4, 16, 32), "volumetric": True},
    "planes of samples": {"planarconfig": "separate", "photometric": "minisblack"},
    "no metadata": {"metadata": None},
    "zlib, tiles of volumes": {"tile": (4, 16, 16), "compression": "zlib", "volumetric": True},
    "predictor": {"compression": "zlib", "predictor": 2},
    "JPEG 2000": {"compression": "jpeg2000", "compressionargs": {"reversible": True, "level": 0}},
    "JPEG XL": {"compression": "jpegxl", "compressionargs": {"lossless": True}},
}
for name, options in PLAIN.items():
    save("TIFF", name, **options)
for packed in ("zlib", "lzw", "zstd", "lzma", "packbits", "png", "lerc"):
    save("TIFF", packed, compression=packed)
save("TIFF", "JPEG", {"near": 40}, compression="jpeg")
for dtype in ("uint16", "int16", "float32", "int8", "float16", "float64"):
    save("TIFF", dtype, {"dtype": dtype})
    save("TIFF", f"{dtype}, big-endian", {"dtype": dtype}, byteorder=">")
save("TIFF", "0 is white", values=255 - greys(), photometric="miniswhite")
save("TIFF", "grey palette", photometric="palette", colormap=np.stack([np.arange(256, dtype="u2") * 257] * 3))
save("TIFF", "size in its JSON", {"size": True}, **MICRONS)
for dtype in ("uint16", "uint32", "uint64", "int32"):
    save("TIFF", f"labels {dtype}", {"dtype": dtype, "holds": "labels"}, compression="zlib")
grey_as_rgb = np.stack([greys()] * 3, -1)
save("TIFF", "RGB", {"refused": "grey values are needed"}, values=grey_as_rgb, photometric="rgb")

for dtype in ("uint8", "uint16", "float32"):
    save("ImageJ", dtype, {"dtype": dtype, "size": True}, imagej=True, **MICRONS)
save("ImageJ", "nm", {"size": True}, imagej=True, **IN_NM)
save("ImageJ", "labels", {"dtype": "uint16", "holds": "labels", "size": True}, imagej=True, **IN_NM)
both = {"metadata": MICRONS["metadata"] | {"axes": "ZCYX"}, "values": np.stack([255 - greys(), greys()], 1)}
save("ImageJ", "second channel", {"size": True, "select": "[c=1]"}, imagej=True, **MICRONS | both)
both = {"metadata": MICRONS["metadata"] | {"axes": "TZYX"}, "values": np.stack([255 - greys(), greys()])}
save("ImageJ", "second time point", {"size": True, "select": "[t=1]"}, imagej=True, **MICRONS | both)

save("OME-TIFF", "µm", {"size": True}, ".ome.tif", metadata=OME)
nm = {f"PhysicalSize{axis}": n for axis, n in zip("ZYX", SIZE, strict=True)}
nm |= {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
save("OME-TIFF", "nm", {"size": True}, ".ome.tif", metadata={"axes": "ZYX", **nm})
planes = OME | {"Plane": PLANES | UNITS}
save("OME-TIFF", "places of planes", {"size": True, "place": True}, ".ome.tif", metadata=planes)
save("OME-TIFF", "tiles, zstd", {"size": True}, ".ome.tif", metadata=OME, tile=(16, 16), compression="zstd")
five = {"metadata": OME | {"axes": "TZCYX"}, "values": greys()[None, :, None]}
save("OME-TIFF", "5 axes", {"size": True}, ".ome.tif", **five)
both = {"metadata": OME | {"axes": "CZYX"}, "values": np.stack([255 - greys(), greys()])}
save("OME-TIFF", "second channel", {"size": True, "select": "[c=1]"}, ".ome.tif", **both)


@dialect("OME-TIFF", "pyramid", size=True)
def pyramid(folder):
    with tifffile.TiffWriter(folder / "a.ome.tif") as file:
        file.write(greys(), subifds=1, tile=(16, 16), metadata=OME)
        file.write(greys()[:, ::2, ::2], subfiletype=1, tile=(16, 16))
    return folder / "a.ome.tif"


@dialect("TIFF", "page by page")
def pages(folder):
    with tifffile.TiffWriter(folder / "a.tif") as file:
        for section in greys():
            file.write(section)
    return folder / "a.tif"


@dialect("sections", "TIFF of ImageJ", size=True)
def sections(folder):
    for z, section in enumerate(greys()):
        tifffile.imwrite(
            folder / f"s{z}.tif", section, imagej=True, **IN_NM | {"metadata": {"spacing": Z, "unit": "nm"}}
        )
    return folder


main("tifffile", tifffile.__version__)
