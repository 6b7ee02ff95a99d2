"""Zarr arrays whose chunks unpack to no more than they can hold, through zarr's own pipeline of codecs."""

import asyncio
from dataclasses import dataclass, replace
from math import prod
from typing import Any, cast

import numpy as np
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import ShardingCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer

from napari_emcad.io.stacks.chunk_limits import check_chunk, check_claim, most_unpacked, unpack_chunk


def limit_chunks(name: str, array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return an array that is open to read, with a limit to what its chunks unpack to.

    Parameters
    ----------
    name : str
        Begins the sentences of errors.
    array : zarr.Array
        It is changed itself; what it reads stays the same.

    Raises
    ------
    UserError
        If its chunks are too large to be read.
    """
    dtype = np.dtype(array.dtype)
    check_chunk(name, array.chunks, dtype)
    inner: Any = array._async_array
    limited = [_limited(codec, prod(array.chunks) * dtype.itemsize) for codec in inner.codec_pipeline]
    object.__setattr__(inner, "codec_pipeline", type(inner.codec_pipeline).from_codecs(limited))
    return array


def _limited(codec: Any, voxels: int) -> Any:
    if isinstance(codec, ShardingCodec):
        return replace(codec, codecs=tuple(_limited(part, voxels) for part in codec.codecs))
    if isinstance(codec, BytesBytesCodec):
        return _Limited(codec, str(codec.to_dict().get("name")))
    if getattr(codec, "compressor", None) is not None:  # format 2 does all in one codec
        return replace(codec, compressor=_LimitedCompressor(codec.compressor, most_unpacked(voxels)))
    return codec


@dataclass(frozen=True)
class _Limited(BytesBytesCodec):
    """A codec that refuses to unpack more than a chunk can hold."""

    codec: BytesBytesCodec
    name: str
    is_fixed_size = False

    def to_dict(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.codec.to_dict())

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        return self.codec.compute_encoded_size(input_byte_length, chunk_spec)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        voxels = prod(chunk_spec.shape) * chunk_spec.dtype.to_native_dtype().itemsize
        data, most = chunk_bytes.as_numpy_array().data, most_unpacked(voxels)
        if check_claim(self.name, data, most):
            return await self.codec._decode_single(chunk_bytes, chunk_spec)
        found = await asyncio.to_thread(unpack_chunk, self.name, data, most)
        return chunk_spec.prototype.buffer.from_bytes(found)


class _LimitedCompressor:
    """A compressor of numcodecs that refuses to unpack more than a chunk can hold."""

    def __init__(self, compressor: Any, most: int):
        self._compressor, self._most = compressor, most
        self.codec_id = compressor.codec_id

    def decode(self, buffer: Any, out: Any = None) -> Any:
        data = memoryview(buffer).cast("B")
        if check_claim(self.codec_id, data, self._most):
            return self._compressor.decode(buffer)
        return unpack_chunk(self.codec_id, data, self._most)
