"""xarray through netCDF4 and h5netcdf, and netCDF4 itself."""

import netCDF4
import numpy as np
import xarray
from writers_kit import PLACE, SHAPE, SIZE, dialect, greys, main


def image(order="zyx", unit="nm"):
    places = {a: np.arange(n) * s + p for a, n, s, p in zip("zyx", SHAPE, SIZE, PLACE, strict=True)}
    coordinates = {axis: (axis, values, {"units": unit} if unit else {}) for axis, values in places.items()}
    return xarray.DataArray(greys(), dims=list("zyx"), coords=coordinates, name="raw").transpose(*order)


def save(engine, name, made, **facts):
    @dialect("netCDF 4", f"{engine}: {name}", **facts)
    def write(folder):
        made.to_netcdf(folder / "a.nc", engine=engine)
        return folder / "a.nc"


for engine in ("netcdf4", "h5netcdf"):
    save(engine, "nm", image(), size=True, place=True)
    save(engine, "axes x, y, z", image("xyz"), size=True, place=True)
    save(engine, "no units", image(unit=None))


@dialect("netCDF 4", "dimensions without coordinates, x, y, z")
def bare(folder):
    with netCDF4.Dataset(folder / "a.nc", "w") as file:
        for axis, length in zip("xyz", SHAPE[::-1], strict=True):
            file.createDimension(axis, length)
        file.createVariable("raw", "u1", tuple("xyz"), zlib=True)[:] = greys().T
    return folder / "a.nc"


main("xarray / netCDF4", f"{xarray.__version__} / {netCDF4.__version__}")
