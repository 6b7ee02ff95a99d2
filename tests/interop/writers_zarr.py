"""zarr 3: both formats with their codecs, shards, names of dimensions, zip files."""

import numpy as np
import zarr
from writers_kit import PLACE, SIZE, dialect, greys, labels, main
from zarr import codecs


def save(version, name, attributes=None, facts=None, values=None, **options):
    facts = facts or {}

    @dialect(f"Zarr {version}", name, **facts)
    def write(folder):
        given = greys(facts.get("dtype", "uint8")) if values is None else values
        array = zarr.create_array(
            folder / "a.zarr", data=given, zarr_format=version, **{"chunks": (3, 16, 16)} | options
        )
        array.attrs.update(attributes or {})
        return folder / "a.zarr"


ENDS = {"size": True, "place": True}
for version in (2, 3):
    save(version, "plain")
    save(version, "not compressed", compressors=None)
    save(version, "resolution and offset", {"resolution": SIZE, "offset": PLACE}, ENDS)
    save(version, "keys with slashes", chunk_key_encoding={"name": "v2", "separator": "/"})
    for dtype in ("uint16", "int16", "float32", "float16"):
        save(version, dtype, facts={"dtype": dtype})
    save(version, "axis of length 1", values=greys()[None], chunks=(1, 3, 16, 16))
    save(version, "labels", facts={"dtype": "uint64", "holds": "labels"}, values=labels("uint64"))
save(2, "Fortran's order", order="F")
save(3, "shards", shards=(6, 32, 32))
save(3, "names of dimensions", dimension_names=["z", "y", "x"])
save(3, "names of dimensions, xyz", values=np.ascontiguousarray(greys().T), dimension_names=["x", "y", "z"])
save(3, "transposed chunks", filters=[codecs.TransposeCodec(order=(2, 1, 0))])
save(3, "Blosc", compressors=codecs.BloscCodec())
save(3, "gzip", compressors=codecs.GzipCodec())
save(3, "big-endian", serializer=codecs.BytesCodec(endian="big"), facts={"dtype": "uint16"})


def grouped(version, name, make_store, suffix, consolidate=False):
    @dialect(f"Zarr {version}", name)
    def write(folder):
        store = make_store(folder / f"a{suffix}")
        zarr.create_group(store, zarr_format=version).create_array("raw", data=greys())
        if consolidate:
            zarr.consolidate_metadata(store)
        if not isinstance(store, str):
            store.close()
        return folder / f"a{suffix}"


for version in (2, 3):
    grouped(version, "zip file", lambda path: zarr.storage.ZipStore(path, mode="w"), ".zip")
    grouped(version, "consolidated", str, ".zarr", consolidate=True)
main("zarr", zarr.__version__)
