"""xarray: to_zarr, with coordinates or without."""

import numpy as np
import xarray
from writers_kit import PLACE, SHAPE, SIZE, dialect, greys, main


def image(order="zyx", unit="nm"):
    places = {a: np.arange(n) * s + p for a, n, s, p in zip("zyx", SHAPE, SIZE, PLACE, strict=True)}
    coordinates = {axis: (axis, values, {"units": unit} if unit else {}) for axis, values in places.items()}
    return xarray.DataArray(greys(), dims=list("zyx"), coords=coordinates, name="raw").transpose(*order)


def save(version, name, made, **facts):
    @dialect(f"Zarr {version}", name, **facts)
    def write(folder):
        made.to_dataset().to_zarr(folder / "a.zarr", zarr_format=version)
        return folder / "a.zarr"


for version in (2, 3):
    save(version, "nm", image(), size=True, place=True)
    save(version, "axes x, y, z", image("xyz"), size=True, place=True)
    save(version, "no units", image(unit=None))
    save(version, "no coordinates, y, x, z", image("yxz").drop_vars(list("xyz")))
main("xarray", xarray.__version__)
