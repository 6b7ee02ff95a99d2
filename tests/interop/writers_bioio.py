"""bioio: its writers of OME-TIFF and OME-Zarr."""

from importlib.metadata import version

import numpy as np
from bioio_base.types import PhysicalPixelSizes
from bioio_ome_tiff.writers import OmeTiffWriter
from bioio_ome_zarr.writers import OMEZarrWriter
from writers_kit import SIZE, dialect, greys, main

MICRONS = PhysicalPixelSizes(*(n / 1000 for n in SIZE))


def tiff(name, values, order="ZYX", **facts):
    @dialect("OME-TIFF", name, size=True, **facts)
    def write(folder):
        OmeTiffWriter.save(values, str(folder / "a.ome.tiff"), dim_order=order, physical_pixel_sizes=MICRONS)
        return folder / "a.ome.tiff"


tiff("3 axes", greys())
tiff("uint16", greys("uint16"), dtype="uint16")
tiff("5 axes", greys()[None, None], "TCZYX")
tiff("second channel", np.stack([255 - greys(), greys()], 1), "ZCYX", select="[c=1]")
tiff("second time point", np.stack([255 - greys(), greys()]), "TZYX", select="[t=1]")


def zarr(version, name, values, names):
    @dialect(f"OME-Zarr {'0.4' if version == 2 else '0.5'}", name, size=True)
    def write(folder):
        kinds = [{"t": "time", "c": "channel"}.get(axis, "space") for axis in names]
        units = ["nanometer" if kind == "space" else None for kind in kinds]
        sizes = [1.0] * (len(names) - 3) + list(SIZE)
        stated = {"axes_names": list(names), "axes_types": kinds, "axes_units": units, "physical_pixel_size": sizes}
        options = {"level_shapes": [values.shape], "dtype": "uint8", "zarr_format": version, **stated}
        OMEZarrWriter(store=str(folder / "a.zarr"), **options).write_full_volume(values)
        return folder / "a.zarr"


for version_of_zarr in (2, 3):
    zarr(version_of_zarr, "3 axes", greys(), "zyx")
    zarr(version_of_zarr, "5 axes", greys()[None, None], "tczyx")
main("bioio", version("bioio"))
