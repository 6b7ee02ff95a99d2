"""What the program reads of an input, as facts that can be compared."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.io.foreign_affinities import AffinityRequest, open_affinity_file
from napari_emcad.io.stacks.label_stacks import open_labels
from napari_emcad.io.stacks.stack import Stack, open_levels, open_stack, stack_names
from napari_emcad.io.training_crops import load_crops
from napari_emcad.reader import get_reader

_WHOLE = 2**20
"""Bytes of an array that is read as a whole."""

_SECTION = 2**30
"""Bytes of a section that is read as a whole."""


@dataclass(frozen=True)
class Facts:
    """A part of an input as it was read: what is stated of its values, and a digest of them."""

    shape: tuple[int, ...]
    dtype: str
    size: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = ""


@dataclass
class Reading:
    """All parts of an input by name, and the sentences with which others were refused."""

    parts: dict[str, Facts] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep the sentence with which a part is refused.

        Raises
        ------
        AssertionError
            If it is none.
        MemoryError
            If it was refused for want of memory.
        """
        try:
            yield
        except UserError as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, MemoryError):
                    raise cause from None
                cause = cause.__cause__ or cause.__context__
            text = str(error)
            assert text.strip() and "\n" not in text.strip() and len(text) < 2000, f"no sentence: {text[:300]!r}"
            self.sentences.append(text)


def digest_of(values: object) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def read_stack(path: Path) -> Reading:
    """Read a stack as the command line, the panels and the viewer do."""
    reading, names = Reading(), []
    with reading.attempt():
        names = stack_names(path)
    for dataset in (None, *names[:3]):
        with reading.attempt(), open_stack(path, dataset) as stack:
            reading.parts[f"stack {dataset or ''}"] = _facts(stack)
    with reading.attempt():
        for number, level in enumerate(open_levels(path)):
            array = level.array
            reading.parts[f"level {number}"] = Facts(array.shape, str(array.dtype), *_place(level), level.notes)
            array.close()
    with reading.attempt():
        read = get_reader(str(path))
        for number, (values, fields, kind) in enumerate(read(str(path)) if read else ()):
            shape = np.shape(values[0] if isinstance(values, list) else values)
            reading.parts[f"layer {number} {kind}"] = Facts(shape, "", notes=fields["metadata"].get("notes", ()))
    return reading


def read_labels(path: Path) -> Reading:
    """Read labels as proofreading does."""
    reading = Reading()
    with reading.attempt(), open_labels(path) as stack:
        reading.parts["labels"] = _facts(stack)
    return reading


def read_affinities(path: Path) -> Reading:
    """Read affinities of another program as segmentation does, in a box if they are many."""
    reading = Reading()
    with reading.attempt(), open_affinity_file(AffinityRequest(path)) as file:
        shape = tuple(min(n, 64) for n in file.affinities.shape)
        into = np.zeros((3, *shape), np.uint8)
        drive(file.affinities.write(into, Box((0, 0, 0), shape)))
        notes = tuple(file.notes)
        reading.parts["affinities"] = Facts(file.affinities.shape, "", *_place(file.stack), notes, digest_of(into))
    return reading


def read_crops(path: Path) -> Reading:
    """Read crops as fine-tuning does."""
    reading = Reading()
    with reading.attempt():
        for number, crop in enumerate(load_crops(path)):
            digest = digest_of(crop.raw) + digest_of(crop.labels)
            reading.parts[f"crop {number}"] = Facts(crop.raw.shape, str(crop.raw.dtype), digest=digest)
    return reading


def _facts(stack: Stack) -> Facts:
    array = stack.array
    if array.nbytes <= _WHOLE:
        digest = digest_of(array[:])
    else:
        corner = array[0, :64, :64], array[-1, -64:, -64:]
        section = array[0, :, 0] if array.nbytes // array.shape[0] > _SECTION else array[0]
        digest = digest_of(corner[0]) + digest_of(corner[1]) + digest_of(section)
    return Facts(array.shape, str(array.dtype), *_place(stack), stack.notes, digest)


def _place(found: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(found.voxel_size or ()), tuple(found.offset or ())
