"""ome-zarr-py: images and labels of versions 0.4 and 0.5."""

from importlib.metadata import version

import numpy as np
import zarr
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_multiscale, write_multiscale_labels
from writers_kit import PLACE, SIZE, dialect, greys, labels, main

KINDS = {"t": "time", "c": "channel"}
UNITS = {"nanometer": 1, "micrometer": 1e-3, "angstrom": 10}


def stated_axes(names, unit):
    return [
        {"name": a, "type": KINDS.get(a, "space")} | ({} if a in KINDS or not unit else {"unit": unit}) for a in names
    ]


def transformations(names, unit, place, steps=(1, 2)):
    factor = UNITS.get(unit, 1)
    sizes, places = dict(zip("zyx", SIZE, strict=True)), dict(zip("zyx", PLACE, strict=True))
    scales = [[sizes.get(a, 1 / factor) * factor * (step if a in "yx" else 1) for a in names] for step in steps]
    move = [{"type": "translation", "translation": [places.get(a, 0) * factor for a in names]}] if place else []
    return [[{"type": "scale", "scale": scale}, *move] for scale in scales]


def arranged(names):
    values = greys().transpose(["zyx".index(a) for a in names if a in "zyx"])
    return np.expand_dims(values, [i for i, a in enumerate(names) if a in KINDS])


def save(form, name, names="zyx", unit="nanometer", **facts):
    @dialect(f"OME-Zarr {form.version}", name, **{"size": True} | facts)
    def write(folder):
        group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=form.zarr_format)
        values = arranged(names)
        coarse = values[tuple(slice(None, None, 2 if a in "yx" else 1) for a in names)]
        applied = transformations(names, unit, facts.get("place"))
        options = {"axes": stated_axes(names, unit), "coordinate_transformations": applied, "fmt": form}
        write_multiscale([values, coarse], group, **options)
        return folder / "a.zarr"


def save_labels(form, name, select, **facts):
    @dialect(f"OME-Zarr {form.version}", name, size=True, select=select, **facts)
    def write(folder):
        group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=form.zarr_format)
        applied = transformations("zyx", "nanometer", False, steps=(1,))
        options = {"axes": stated_axes("zyx", "nanometer"), "coordinate_transformations": applied, "fmt": form}
        write_multiscale([greys()], group, **options)
        write_multiscale_labels([labels()], group, name="cells", **options)
        return folder / "a.zarr"


for form in (FormatV04(), FormatV05()):
    save(form, "nm")
    save(form, "µm", unit="micrometer")
    save(form, "Å", unit="angstrom")
    save(form, "no unit", unit=None, size=False)
    save(form, "place", place=True)
    save(form, "t, c, z, y, x", "tczyx")
    save(form, "c, z, y, x", "czyx")
    save_labels(form, "image beside labels", "")
    save_labels(form, "labels beside an image", "labels/cells", dtype="uint32", holds="labels")
main("ome-zarr-py", version("ome-zarr"))
