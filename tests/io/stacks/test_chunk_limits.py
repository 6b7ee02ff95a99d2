"""Chunks that claim or unpack to far more than they can hold: refused before there is memory for them."""

import bz2
import gzip
import json
import lzma
import tracemalloc
import zlib
from contextlib import contextmanager
from functools import partial

import google_crc32c
import numcodecs
import numpy as np
import pytest
import tensorstore as ts
import zarr
from imagecodecs import brotli_encode, zstd_encode
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec
from zarr.codecs import numcodecs as zarr_numcodecs

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.chunk_limits import check_claim, check_count, unpack_chunk
from napari_emcad.io.stacks.stack import open_stack

BOMB = bytes(2**27)
"""What a bomb unpacks to: 128 MB of zeros."""

SHAPE = (5, 24, 37)
"""Of the stack, which is one chunk."""


@contextmanager
def little_memory():
    """See that far less is taken than a bomb unpacks to, by what Python and NumPy count."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 0.75 * len(BOMB)
    finally:
        tracemalloc.stop()


CODECS_2 = {
    "gzip": (numcodecs.GZip(), gzip.compress),
    "zlib": (numcodecs.Zlib(), zlib.compress),
    "bz2": (numcodecs.BZ2(), partial(bz2.compress, compresslevel=1)),
    "lzma": (numcodecs.LZMA(), partial(lzma.compress, preset=0)),
    "zstd": (numcodecs.Zstd(), zstd_encode),
    "lz4": (numcodecs.LZ4(), numcodecs.LZ4().encode),
    "blosc": (numcodecs.Blosc(), numcodecs.Blosc("zstd").encode),
}
CODECS_3 = {
    "gzip": ([GzipCodec()], gzip.compress),
    "zstd": ([ZstdCodec()], zstd_encode),
    "blosc": ([BloscCodec()], numcodecs.Blosc("zstd").encode),
    "zlib": ([zarr_numcodecs.Zlib()], zlib.compress),
    "zstd, crc32c": ([ZstdCodec(), Crc32cCodec()], None),
}


def assert_bomb_is_refused(path, chunk, pack):
    """The stack is read as it is, and refused once its chunk is a bomb."""
    with open_stack(path) as opened:
        assert opened.array[:].any()
    chunk.write_bytes(pack(BOMB))
    with little_memory(), pytest.raises(UserError, match=r"unpacks to more than|too small|RESULT_ERROR"):
        open_stack(path)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in")
@pytest.mark.parametrize("name", CODECS_3)
def test_zarr_3(tmp_path, stack, name):
    codecs, pack = CODECS_3[name]
    zarr.create_array(tmp_path / "a.zarr", data=stack, chunks=SHAPE, compressors=codecs)
    with open_stack(tmp_path / "a.zarr") as opened:
        np.testing.assert_array_equal(opened.array[:], stack)
    if pack:
        assert_bomb_is_refused(tmp_path / "a.zarr", tmp_path / "a.zarr/c/0/0/0", pack)


@pytest.mark.parametrize("name", CODECS_2)
def test_zarr_2(tmp_path, stack, name):
    codec, pack = CODECS_2[name]
    zarr.create_array(tmp_path / "a.zarr", data=stack, chunks=SHAPE, compressors=codec, zarr_format=2)
    assert_bomb_is_refused(tmp_path / "a.zarr", tmp_path / "a.zarr/0.0.0", pack)


def test_chunks_in_a_shard(tmp_path, stack):
    zarr.create_array(tmp_path / "a.zarr", data=stack, chunks=(1, 12, 37), shards=(5, 24, 37), compressors=GzipCodec())
    with open_stack(tmp_path / "a.zarr") as opened:
        np.testing.assert_array_equal(opened.array[:], stack)
    file = tmp_path / "a.zarr/c/0/0/0"
    packed, whole = gzip.compress(BOMB), file.read_bytes()
    index = np.frombuffer(whole[-(10 * 16 + 4) : -4], "<u8").reshape(10, 2).copy()
    index[0] = len(whole), len(packed)
    checksum = google_crc32c.value(index.tobytes()).to_bytes(4, "little")
    file.write_bytes(whole + packed + index.tobytes() + checksum)
    with little_memory(), pytest.raises(UserError, match="unpacks to more than"):
        open_stack(tmp_path / "a.zarr").array[:]


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        ("gz", gzip.compress),
        ("br", brotli_encode),
        ("zstd", zstd_encode),
        ("xz", partial(lzma.compress, preset=0)),
        ("bz2", partial(bz2.compress, compresslevel=1)),
    ],
)
def test_precomputed(tmp_path, stack, ending, pack):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": f"{tmp_path / 'em'}/"}}
    spec["multiscale_metadata"] = {"type": "image", "data_type": "uint8", "num_channels": 1}
    spec["scale_metadata"] = {"size": SHAPE[::-1], "resolution": [4, 5, 40], "encoding": "raw"}
    spec["scale_metadata"] |= {"chunk_size": SHAPE[::-1]}
    ts.open(spec, create=True).result()[...] = stack.T[..., None]
    file = next((tmp_path / "em" / "4_5_40").iterdir())
    packed = file.with_name(f"{file.name}.{ending}")
    packed.write_bytes(pack(file.read_bytes()))
    file.unlink()
    assert_bomb_is_refused(tmp_path / "em", packed, pack)


def claim(path, change):
    stated = json.loads((path / "zarr.json").read_text())
    change(stated)
    (path / "zarr.json").write_text(json.dumps(stated))


def test_a_claim_of_voxels_opens_quickly_and_is_not_read(tmp_path, stack):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=stack, chunks=SHAPE)
    claim(path, lambda stated: stated.update(shape=[10**6, 10**6, 10**6]))
    with little_memory(), open_stack(path) as opened:
        assert opened.array.nbytes == 10**18
        assert not opened.array[7, :8, :8].any()
        with pytest.raises(UserError, match=r"1 x 1000000 x 1000000 voxels take 1,000.0 GB of memory.*a coarser level"):
            opened.array[7]


def test_a_claim_of_chunks(tmp_path, stack):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=stack, chunks=SHAPE)

    def large(stated):
        stated["chunk_grid"]["configuration"]["chunk_shape"] = [10**5, 10**5, 10**5]

    claim(path, large)
    with little_memory(), pytest.raises(UserError, match=r"chunks of at most 2.1 GB are needed, got \(100000, 100000"):
        open_stack(path)


def test_too_many_chunks_at_once():
    check_count((0, slice(0, 1000), slice(5, 1000)), (1, 1, 1))
    check_count((slice(0, 10**6), slice(0, 10**6), 3), (10**3, 10**4, 1))
    with pytest.raises(ValueError, match=r"1,002,001,000 chunks of \(1, 1, 1\)"):
        check_count((slice(0, 1000), slice(0, 1001), slice(1000, 2001)), (1, 1, 1))


def test_streams_of_several_members():
    packed = gzip.compress(b"one") + gzip.compress(b"two") + bytes(20)
    assert unpack_chunk("gzip", packed, 6) == b"onetwo"
    with pytest.raises(ValueError, match="unpacks to more than 5 bytes"):
        unpack_chunk("gzip", packed, 5)
    with pytest.raises(EOFError):
        unpack_chunk("gzip", gzip.compress(bytes(1000))[:-9], 2000)


def test_zstandard_that_does_not_state_its_size():
    zeros = (1000 << 3 | 0b011).to_bytes(3, "little") + b"\0"  # the last block, one byte a thousand times
    stream = b"\x28\xb5\x2f\xfd" + b"\0\x58" + zeros
    assert not check_claim("zstd", stream, 1000)
    assert unpack_chunk("zstd", stream, 1000) == bytes(1000)
    with pytest.raises(RuntimeError, match="too small"):
        unpack_chunk("zstd", stream, 999)


PACK = [
    ("zstd", zstd_encode),
    ("zstd", numcodecs.Zstd().encode),
    ("lz4", numcodecs.LZ4().encode),
    ("numcodecs.blosc", numcodecs.Blosc().encode),
]


@pytest.mark.parametrize(("codec", "pack"), PACK)
@pytest.mark.parametrize("size", [0, 100, 255, 256, 300, 65_791, 70_000, 2**20])
def test_what_a_chunk_claims(codec, pack, size):
    packed = bytes(pack(bytes(size)))
    assert check_claim(codec, memoryview(packed), size)
    if size:
        with pytest.raises(ValueError, match="unpacks to more than"):
            check_claim(codec, packed, size - 1)
