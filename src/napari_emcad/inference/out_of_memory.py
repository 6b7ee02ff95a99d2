"""Running out of memory, on whatever device, told apart from other errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from napari_emcad.core.errors import UserError

OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed", "bad_alloc")
"""What is said by CUDA and MPS, by the CPU on Windows, on Linux and macOS, by cuBLAS and cuDNN, by OpenVINO."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, on the host or on the device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn running out of memory before the first tile into a sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(f"memory: it does not suffice for {what}; close other programs or choose the CPU.") from error
