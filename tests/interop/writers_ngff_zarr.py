"""ngff-zarr: versions 0.4 and 0.5, shards and zip files."""

from importlib.metadata import version

import ngff_zarr
import numpy as np
from writers_kit import PLACE, SIZE, dialect, greys, main


def save(form, name, names="zyx", unit="nanometer", factor=1, file="a.ome.zarr", place=False, steps=(2,), **options):
    @dialect(f"OME-Zarr {form}", name, size=True, place=place)
    def write(folder):
        values = greys().transpose(["zyx".index(a) for a in names if a in "zyx"])
        values = np.expand_dims(np.ascontiguousarray(values), [i for i, a in enumerate(names) if a not in "zyx"])
        lengths, places = ({a: n * factor for a, n in zip("zyx", ns, strict=True)} for ns in (SIZE, PLACE))
        stated = {"scale": lengths, "axes_units": dict.fromkeys("zyx", unit)} | (
            {"translation": places} if place else {}
        )
        image = ngff_zarr.to_ngff_image(values, dims=list(names), **stated)
        levels = ngff_zarr.to_multiscales(image, scale_factors=list(steps), chunks=16)
        ngff_zarr.to_ngff_zarr(str(folder / file), levels, version=form, **options)
        return folder / file


for form in ("0.4", "0.5"):
    save(form, "nm, place", place=True)
    save(form, "µm, axes x, y, z", "xyz", "micrometer", 1e-3, steps=(), place=True)
    save(form, "t, z, y, x, c", "tzyxc")
save("0.5", "shards", steps=(), chunks_per_shard=2)
save("0.5", "zip file (.ozx)", file="a.ozx", steps=())
main("ngff-zarr", version("ngff-zarr"))
