"""HyperSpy: its signals with scale and offset in the formats that take them."""

import hyperspy.api as hyperspy
from writers_kit import PLACE, SIZE, dialect, greys, main

FORMATS = {"hspy": "HyperSpy's HDF5", "emd": "EMD", "nxs": "NeXus"}


def signal(dtype="uint8"):
    made = hyperspy.signals.Signal2D(greys(dtype))
    for axis, name, scale, offset in zip(made.axes_manager._axes, "zyx", SIZE, PLACE, strict=True):
        axis.name, axis.scale, axis.offset, axis.units = name, scale, offset, "nm"
    return made


def save(suffix, kind, **facts):
    @dialect(kind, suffix, **facts)
    def write(folder):
        signal(facts.get("dtype", "uint8")).save(str(folder / f"a.{suffix}"))
        return folder / f"a.{suffix}"


for suffix, kind in FORMATS.items():
    save(suffix, kind, size=True, place=True)
save("tif", "ImageJ", size=True)
save("mrcz", "MRC", size=True, dtype="int8")
main("HyperSpy", hyperspy.__version__ if hasattr(hyperspy, "__version__") else "")
