"""Errors of a device or host that ran out of memory, told apart from others."""

from collections.abc import Iterator
from contextlib import contextmanager

from napari_emcad.core.errors import UserError

OUT_OF_MEMORY = (
    "out of memory",  # CUDA and MPS
    "not enough memory",  # the CPU on Windows
    "can't allocate memory",  # the CPU on Linux and macOS
    "alloc_failed",  # cuBLAS and cuDNN
    "bad_alloc",  # OpenVINO
    "failed to allocate memory",  # ONNX Runtime
)
"""Words in the errors of those that run out of memory."""


def is_out_of_memory(error: Exception) -> bool:
    """Return True if memory ran out, on the host or on the device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)


@contextmanager
def explain_out_of_memory(what: str) -> Iterator[None]:
    """Turn running out of memory before the first tile into a sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(f"memory: it does not suffice for {what}; close other programs or choose the CPU.") from error


def too_small_sentence(tile: int) -> str:
    """Return the sentence on memory that does not suffice even for tiles of so many pixels a side."""
    return f"memory: it does not suffice even for tiles of {tile} pixels; close other programs or choose the CPU."
