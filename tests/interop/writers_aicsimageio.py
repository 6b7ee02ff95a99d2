"""aicsimageio: its writers of OME-TIFF and OME-Zarr."""

from importlib.metadata import version

from aicsimageio.types import PhysicalPixelSizes
from aicsimageio.writers import OmeTiffWriter, OmeZarrWriter
from writers_kit import SIZE, dialect, greys, main

MICRONS = PhysicalPixelSizes(*(n / 1000 for n in SIZE))


@dialect("OME-TIFF", "3 axes", size=True)
def tiff(folder):
    OmeTiffWriter.save(greys(), folder / "a.ome.tiff", dim_order="ZYX", physical_pixel_sizes=MICRONS)
    return folder / "a.ome.tiff"


@dialect("OME-Zarr 0.4", "5 axes", size=True)
def zarr(folder):
    OmeZarrWriter(str(folder / "a.zarr")).write_image(greys()[None, None], "em", MICRONS, ["em"], [1])
    return folder / "a.zarr"


main("aicsimageio", version("aicsimageio"))
