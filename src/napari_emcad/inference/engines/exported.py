"""Exported students: the parts that are exported, and the files that keep them. Two engines share this."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from napari_emcad.io.atomic import write_together
from napari_emcad.networks.student import SectionFeatures, Stretch, Stretches, Student, Window

EXAMPLE = 64
"""Pixels a side of the tile with which a network is traced; the models take any."""


Part = Literal["encode", "embed", "embed tile"]
"""Parts of a student.

"encode" takes a section to features; "embed" takes features of two whole sections to embeddings, and "embed tile" those
of a tile of two sections.
"""


def traceable_part(student: Student, part: Part) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Return a part of a student as it is exported, and inputs to trace it with.

    Inputs stand one after the other, as exported models have no nested ones: the section (1, 1, y, x); or the features
    of section z-1 and of section z, and for tiles their stretches, as `flattened` has them.
    """
    if part == "encode":
        return _Encoder(student), (_section(),)
    with torch.no_grad():
        pair = student.encode(_section()), student.encode(_section())
    example = tuple(t for features in pair for t in features)
    if part == "embed tile":
        example += flattened(Window(0, 0, (EXAMPLE, EXAMPLE), (EXAMPLE, EXAMPLE)).stretches())
    return _Embedder(student), example


class _Encoder(nn.Module):
    """The part that encodes a section."""

    def __init__(self, student: Student):
        super().__init__()
        self.student = student

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        fine, coarse = self.student.encode(*inputs)
        return fine, coarse


class _Embedder(nn.Module):
    """The part that embeds a pair."""

    def __init__(self, student: Student):
        super().__init__()
        self.student = student

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        previous, current = SectionFeatures(*inputs[:2]), SectionFeatures(*inputs[2:4])
        return self.student.embed(previous, current, _nested(inputs[4:]) if inputs[4:] else None)


def _section() -> Tensor:
    """Return a random section: constant inputs that are equal would be traced as one."""
    return torch.rand(1, 1, EXAMPLE, EXAMPLE)


def flattened(stretches: Stretches) -> tuple[Tensor, ...]:
    """Return the tensors of stretches one after the other."""
    return tuple(values for level in stretches for axis in level for values in axis)


def _nested(values: tuple[Tensor, ...]) -> Stretches:
    """Return the stretches whose tensors stand one after the other."""
    axes = [Stretch(*values[i : i + 3]) for i in range(0, len(values), 3)]
    return tuple((rows, columns) for rows, columns in zip(axes[::2], axes[1::2], strict=True))


def weights_sha256(student: Student) -> str:
    """Return the hash of the weights, by name."""
    digest = hashlib.sha256()
    for name, values in sorted(student.state_dict().items()):
        digest.update(name.encode())
        digest.update(values.cpu().numpy().tobytes())
    return digest.hexdigest()


def keep_export(file: Path, save: Callable[[Path], object], *with_it: str) -> None:
    """Save an export beside, then rename it; if there is no room, it is exported again the next time.

    Parameters
    ----------
    file : Path
    save : callable
        Given another path, writes the export there.
    *with_it : str
        Suffixes of further files that it writes; they are renamed first.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_together(*(file.with_suffix(suffix) for suffix in (*with_it, file.suffix))) as folder:
            save(folder / file.name)
    except (OSError, RuntimeError):
        return
