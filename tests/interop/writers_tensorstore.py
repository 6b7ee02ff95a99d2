"""tensorstore: its drivers with their ways to store chunks."""

from importlib.metadata import version

import numpy as np
import tensorstore as ts
from writers_kit import PLACE, SIZE, dialect, main, stack

SIZE_X, PLACE_X = SIZE[::-1], [round(n / s) for n, s in zip(PLACE[::-1], SIZE[::-1], strict=True)]
SHARDS = {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 2, "minishard_bits": 1, "shard_bits": 1}
SHARDS |= {"data_encoding": "gzip", "minishard_index_encoding": "gzip"}


def save(kind, name, driver, metadata=None, schema=None, turned=False, **facts):
    @dialect(kind, name, **facts)
    def write(folder):
        dtype = facts.get("dtype", "uint8")
        values = stack(dtype, facts.get("holds"))
        values = np.ascontiguousarray(values.T) if turned else values
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{folder / 'a'}/"}}
        spec |= {"metadata": metadata} if metadata else {}
        made = ts.open(spec, create=True, dtype=dtype, shape=values.shape, **schema or {}).result()
        made.write(values).result()
        return folder / "a"


save("Zarr 2", "plain", "zarr")
save("Zarr 2", "Fortran's order", "zarr", {"order": "F"})
save("Zarr 2", "keys with slashes", "zarr", {"dimension_separator": "/", "chunks": [3, 10, 10]})
save("Zarr 2", "Blosc, bits shuffled", "zarr", {"compressor": {"id": "blosc", "shuffle": 2}})
save("Zarr 3", "plain", "zarr3")
inner = {"chunk_shape": [4, 16, 16], "codecs": [{"name": "bytes"}, {"name": "zstd"}]}
grid = {"name": "regular", "configuration": {"chunk_shape": [8, 64, 64]}}
sharded = {"chunk_grid": grid, "codecs": [{"name": "sharding_indexed", "configuration": inner}]}
save("Zarr 3", "shards", "zarr3", sharded)
transposed = [{"name": "transpose", "configuration": {"order": [2, 1, 0]}}, {"name": "bytes"}, {"name": "gzip"}]
save("Zarr 3", "transposed chunks", "zarr3", {"codecs": transposed})
save("Zarr 3", "checksums", "zarr3", {"codecs": [{"name": "bytes"}, {"name": "crc32c"}]})
units = {
    "dimension_units": [f"{n} nm" for n in SIZE],
    "domain": ts.IndexDomain(labels=["z", "y", "x"], shape=(7, 33, 49)),
}
save("Zarr 3", "units of dimensions", "zarr3", schema=units, size=True)
named = {"domain": ts.IndexDomain(labels=["x", "y", "z"], shape=(49, 33, 7))}
save("Zarr 3", "dimensions x, y, z", "zarr3", schema=named, turned=True)
for packed in ("raw", "gzip", "bzip2", "xz", "zstd"):
    save("N5", packed, "n5", {"compression": {"type": packed}, "blockSize": [16, 16, 4]}, turned=True)
blosc = {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}
save("N5", "blosc", "n5", {"compression": blosc, "blockSize": [16, 16, 4]}, turned=True)
save("N5", "uint16", "n5", {"compression": {"type": "gzip"}}, turned=True, dtype="uint16")
stated = {"compression": {"type": "gzip"}, "axes": ["x", "y", "z"], "units": ["nm"] * 3, "resolution": SIZE_X}
save("N5", "axes and units", "n5", stated, turned=True, size=True)


def precomputed(name, scale, **facts):
    @dialect("precomputed", name, size=True, **facts)
    def write(folder):
        dtype, holds = facts.get("dtype", "uint8"), facts.get("holds")
        kind = {"data_type": dtype, "num_channels": 1, "type": "segmentation" if holds else "image"}
        spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": f"{folder / 'a'}/"}}
        spec |= {"multiscale_metadata": kind}
        common = {"size": [49, 33, 7], "resolution": SIZE_X, "chunk_size": [16, 16, 4], "encoding": "raw"}
        common |= {"voxel_offset": PLACE_X} if facts.get("place") else {}
        made = ts.open(spec | {"scale_metadata": common | scale}, create=True).result()
        made[ts.d["channel"][0]].write(stack(dtype, holds).T).result()
        return folder / "a"


segmented = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
precomputed("raw", {})
precomputed("place", {}, place=True)
precomputed("JPEG", {"encoding": "jpeg", "jpeg_quality": 99}, near=12)
precomputed("PNG", {"encoding": "png"})
precomputed("uint16, PNG", {"encoding": "png"}, dtype="uint16")
precomputed("float32", {}, dtype="float32")
precomputed("sharded", {"sharding": SHARDS | {"hash": "identity"}})
precomputed("sharded, hashed, place", {"sharding": SHARDS | {"hash": "murmurhash3_x86_128"}}, place=True)
for dtype in ("uint32", "uint64"):
    precomputed(f"labels {dtype}", segmented, dtype=dtype, holds="labels")
both = {"sharding": SHARDS | {"hash": "identity"}} | segmented
precomputed("labels, sharded", both, dtype="uint64", holds="labels")
main("tensorstore", version("tensorstore"))
