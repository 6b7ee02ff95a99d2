"""A student on whole blocks: every pair of adjacent sections."""

import torch
from torch import Tensor

from napari_emcad.networks.student import SectionFeatures, Student

FIRST, SECOND = slice(None, -1), slice(1, None)
"""Sections that are the first and those that are the second of a pair."""


def embed_pairs(student: Student, crops: Tensor) -> tuple[Tensor, Tensor]:
    """Return both embeddings of every pair of crops (n, z, y, x), (n * (z - 1), e, y, x) each.

    A section is encoded once.
    """
    sections = crops.flatten(0, 1)[:, None].contiguous(memory_format=format_of_sections(crops.device.type))
    features = student.encode(sections)
    by_section = [f.unflatten(0, crops.shape[:2]) for f in features]  # (n, z, maps, ...)
    previous, current = (SectionFeatures(*(f[:, part].flatten(0, 1) for f in by_section)) for part in (FIRST, SECOND))
    return student.embed(previous, current)


def format_of_sections(device: str) -> torch.memory_format:
    """Return the memory format for sections.

    On a CPU, learning from few sections at once is up to a fifth faster without channels last.
    """
    return torch.contiguous_format if torch.device(device).type == "cpu" else torch.channels_last
