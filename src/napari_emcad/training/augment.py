"""Augmentations of a pair of sections: each takes and returns (rng, sections, labels).

sections : (2, y, x) float32 in [0, 1]; labels : (2, y, x) integer, 0 = boundary. Inputs are not modified.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

Pair = tuple[NDArray[np.float32], NDArray[np.integer]]


def flip_and_turn(rng: Generator, sections: NDArray, labels: NDArray) -> Pair:
    """One of the 16 symmetries: mirror rows, mirror columns, quarter turn, swap the two sections."""
    turns = int(rng.integers(4))
    sections, labels = np.rot90(sections, turns, (1, 2)), np.rot90(labels, turns, (1, 2))
    for axis in (0, 2):
        if rng.random() < 0.5:
            sections, labels = np.flip(sections, axis), np.flip(labels, axis)
    return sections, labels


def elastic(rng: Generator, sections: NDArray, labels: NDArray, amplitude: float = 8, grid: int = 64) -> Pair:
    """Bend both sections together by a smooth random field of `amplitude` pixels over nodes `grid` pixels apart."""
    size = np.array(labels.shape[1:])
    nodes = rng.normal(0, amplitude / 2, (2, *(size // grid + 2)))
    field = np.stack([ndimage.zoom(n, size / n.shape, order=1) for n in nodes])
    where = np.indices(size) + np.stack([ndimage.gaussian_filter(f, grid / 4) for f in field])
    bend = [ndimage.map_coordinates(s, where, order=1, mode="reflect") for s in sections]
    follow = [ndimage.map_coordinates(s, where, order=0, mode="reflect") for s in labels]
    return np.stack(bend), np.stack(follow)


def misalign(rng: Generator, sections: NDArray, labels: NDArray, most: int = 4) -> Pair:
    """Move the second section by up to `most` pixels, image and labels alike, mirrored at the rim."""
    shift = tuple(int(s) for s in rng.integers(-most, most + 1, 2))
    sections, labels = sections.copy(), labels.copy()
    sections[1] = ndimage.shift(sections[1], shift, order=0, mode="reflect")
    labels[1] = ndimage.shift(labels[1], shift, order=0, mode="reflect")
    return sections, labels


def grey_levels(rng: Generator, sections: NDArray, labels: NDArray) -> Pair:
    """Contrast, brightness and gamma, drawn for each section."""
    contrast = rng.uniform(0.75, 1.3, (2, 1, 1))
    brightness = rng.uniform(-0.12, 0.12, (2, 1, 1))
    gamma = np.exp2(rng.uniform(-0.5, 0.5, (2, 1, 1)))
    changed = np.clip((sections - 0.5) * contrast + 0.5 + brightness, 0, 1) ** gamma
    return changed.astype(np.float32), labels


def noise(rng: Generator, sections: NDArray, labels: NDArray, most: float = 0.08) -> Pair:
    """Gaussian noise with a standard deviation up to `most`."""
    noisy = sections + rng.normal(0, rng.uniform(0, most), sections.shape)
    return np.clip(noisy, 0, 1).astype(np.float32), labels


def blur(rng: Generator, sections: NDArray, labels: NDArray, most: float = 1.5) -> Pair:
    """Defocus one section by a Gaussian of up to `most` pixels."""
    sections = sections.copy()
    one = int(rng.integers(2))
    sections[one] = ndimage.gaussian_filter(sections[one], rng.uniform(0, most))
    return sections, labels


CHANCES = ((flip_and_turn, 1.0), (elastic, 0.3), (misalign, 0.3), (grey_levels, 0.7), (noise, 0.3), (blur, 0.2))
"""The augmentations in the order they are applied, and how often."""


def augment(rng: Generator, sections: NDArray, labels: NDArray) -> Pair:
    """Apply `CHANCES` to one pair."""
    for change, chance in CHANCES:
        if rng.random() < chance:
            sections, labels = change(rng, sections, labels)
    return np.ascontiguousarray(sections, np.float32), np.ascontiguousarray(labels)
