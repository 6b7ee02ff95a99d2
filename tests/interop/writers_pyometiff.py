"""pyometiff: OME-TIFF."""

from importlib.metadata import version

from pyometiff import OMETIFFWriter
from writers_kit import SIZE, dialect, greys, main

SIZES = {f"PhysicalSize{axis}": n / 1000 for axis, n in zip("ZYX", SIZE, strict=True)}
UNITS = {f"PhysicalSize{axis}Unit": "µm" for axis in "ZYX"}


@dialect("OME-TIFF", "3 axes", size=True)
def tiff(folder):
    metadata = SIZES | UNITS | {"Channels": {"em": {"Name": "em", "SamplesPerPixel": 1}}}
    path = folder / "a.ome.tiff"
    OMETIFFWriter(str(path), greys(), metadata, dimension_order="ZYX", explicit_tiffdata=False).write()
    return path


main("pyometiff", version("pyometiff"))
