"""A pool of synthetic EM-like stacks, every one another tissue, stain, pixel size and microscope.

python synthetic_pool.py FOLDER COUNT [FIRST_SEED]

writes FOLDER/NNNN.npy, uint16 of shape (2, z, y, x): grey values of 0 to 255 and labels, 0 = membrane. Files there stay
as they are, so that the same command goes on; training may begin with those that are there. A stack takes one core
one to four seconds, far less than `napari_emcad.core.synthetic` does, which draws one kind of tissue with more care.

Strategy: neurites are wandering tubes of varying calibre, and each voxel goes to the tube in which it is deepest (a
Voronoi diagram by the power distance d^2 - r^2, found by a k-d tree in four dimensions). It is looked up in
coordinates bent by a few waves, which makes membranes wavy. A section is the mean of layers, so that membranes cut at a
slant look smeared. Everything else, from mitochondria to noise, is drawn section by section.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree

SECTIONS, SIDE = 8, 256


@dataclass(frozen=True)
class Tubes:
    """Points along the neurites: (n, 3) position in pixels on z, y, x, (n,) radius and (n,) neurite from 1."""

    points: NDArray[np.float32]
    radii: NDArray[np.float32]
    neurite: NDArray[np.int32]

    def deepest(self, where: NDArray) -> tuple[NDArray, NDArray]:
        """Place among the points of the one in whose ball each of (m, 3) positions is deepest, and d^2 - r^2."""
        largest = float(self.radii.max())
        lifted = np.c_[self.points, np.sqrt(np.maximum(0, largest**2 - self.radii**2))]
        tree = cKDTree(lifted, leafsize=24, balanced_tree=False, compact_nodes=False)
        distance, index = tree.query(np.c_[where, np.zeros(len(where))], eps=0.02)
        return index, distance**2 - largest**2


@dataclass(frozen=True)
class Tissue:
    """What all sections of a stack have in common; lengths in pixels, greys from 0 to 1."""

    spacing: float  # of the sections
    layers: int  # of a section
    thickness: float  # of a section, share of the spacing
    calibre: float
    slip: float  # standard deviation of a section's shift against the one before

    @classmethod
    def drawn(cls, rng: Generator) -> "Tissue":
        spacing = _log_uniform(rng, 1, 11)
        return cls(
            spacing=spacing,
            layers=1 if spacing < 1.6 else 3 if spacing < 5 else 5,
            thickness=rng.uniform(0.5, 1),
            calibre=_log_uniform(rng, 10, 60),
            slip=rng.choice([0, rng.uniform(0, 2.5)]),
        )


@dataclass(frozen=True)
class Stain:
    """How a stack was stained and recorded."""

    membrane: float  # how much darker than cytoplasm
    width: float  # of a membrane, standard deviation
    gap: float  # between the middle of a contact and either membrane; 0 = they are one line
    fading: float  # unevenness of membranes
    cytoplasm: float
    tints: float  # unevenness from neurite to neurite
    grain: tuple[float, float, float]  # fine, middle and coarse texture
    reticulum: float
    vesicles: float
    ring: float  # radius of a vesicle
    microtubules: float
    mitochondria: float  # how dark
    cristae: float
    densities: float  # at synapses
    blur: float
    noise: float
    flicker: float  # of mean and contrast from section to section

    @classmethod
    def drawn(cls, rng: Generator, calibre: float) -> "Stain":
        """A stain that can be read: no membrane fills thin neurites, and noise does not drown weak ones."""
        doubled = calibre > 20 and rng.random() < 0.4
        membrane = rng.uniform(0.2, 0.75)
        clear = min(1.0, membrane / 0.45)
        return cls(
            membrane=membrane,
            width=rng.uniform(0.7, 1.5) if doubled else _log_uniform(rng, 0.7, min(3.2, max(0.9, calibre / 10))),
            gap=rng.uniform(1.4, 3.5) if doubled else 0,
            fading=rng.uniform(0, 0.45),
            cytoplasm=rng.uniform(0.5, 0.9),
            tints=rng.choice([0.02, rng.uniform(0, 0.14)]),
            grain=tuple(clear * rng.uniform(0, most) for most in (0.1, 0.09, 0.05)),
            reticulum=_sometimes(rng, 0.6, 0.1, 0.5),
            vesicles=_sometimes(rng, 0.6, 0.1, 0.5),
            ring=rng.uniform(1.5, 4.5),
            microtubules=_sometimes(rng, 0.5, 0.05, 0.3),
            mitochondria=rng.uniform(-0.08, 0.4),
            cristae=rng.uniform(0, 0.25),
            densities=_sometimes(rng, 0.6, 0.1, 0.6),
            blur=rng.choice([0, rng.uniform(0, 1.7)]),
            noise=clear * _sometimes(rng, 0.8, 0.01, 0.12),
            flicker=rng.choice([0.01, rng.uniform(0, 0.08)]),
        )


def stack(seed: int) -> NDArray[np.uint16]:
    """One stack, (2, z, y, x): greys and labels; the same for the same seed."""
    rng = np.random.default_rng([seed, 27])
    tissue = Tissue.drawn(rng)
    stain = Stain.drawn(rng, tissue.calibre)
    margin = min(60.0, 1.5 * tissue.calibre)
    tubes = _tubes(rng, tissue, margin)
    bodies = _mitochondria(rng, tubes)
    waves = _Waves.drawn(rng, tissue.calibre)
    shifts = np.cumsum(rng.normal(0, tissue.slip, (SECTIONS, 2)), 0)
    shifts += np.where(rng.random((SECTIONS, 1)) < 0.04, rng.uniform(-8, 8, (SECTIONS, 2)), 0)
    number_of_tints = int(tubes.neurite.max()) + 1
    tints = rng.normal(0, stain.tints, number_of_tints) - (rng.random(number_of_tints) < 0.04) * rng.uniform(0, 0.35)
    busy = rng.random((3, number_of_tints)) < np.array([[0.3], [0.3], [0.6]])  # with reticulum, vesicles, microtubules
    result = np.empty((2, SECTIONS, SIDE, SIDE), np.uint16)
    for z in range(SECTIONS):
        ids, where = _layers_of(tubes, tissue, waves, z, margin, shifts[z])
        middle = ids[len(ids) // 2]
        profiles = [_to_border(layer) for layer in ids]
        away = profiles[len(ids) // 2]
        membrane = np.mean([_membrane(p, stain) for p in profiles], 0)
        light = stain.cytoplasm + tints[middle] + _texture(rng, stain.grain)
        light = _with_contents(rng, light, middle, away, busy, stain)
        if bodies is not None:
            light = _with_mitochondria(rng, light, bodies, where, middle, away, stain)
        uneven = np.clip(1 + stain.fading * _field(rng, 12), 0.15, 1.3)
        spots = np.clip(_field(rng, 7) - 1.5, 0, 1) * np.exp(-0.5 * (away / (3 * stain.width + 1)) ** 2)
        light -= np.maximum(stain.membrane * uneven * membrane, stain.densities * spots)
        result[0, z] = _recorded(rng, light, stain)
        result[1, z] = np.where(away <= max(0.8, stain.gap + 0.6 * stain.width), 0, middle)
    return result


def _tubes(rng: Generator, tissue: Tissue, margin: float) -> Tubes:
    """Wandering tubes through the box and the margin around it, so many that they fill it at the wanted calibre."""
    box = np.array([SECTIONS * tissue.spacing, SIDE, SIDE]) + 2 * margin
    step = max(2.0, tissue.calibre / 4)
    bundle, bundled, kinks = rng.normal(size=3), rng.choice([0, rng.uniform(0, 2.5)]), rng.uniform(0.03, 0.3)
    spread = rng.uniform(0.15, 0.6)
    wanted, length, neurite = float(np.prod(box)) / tissue.calibre**2, 0.0, 0
    points, radii, owners = [], [], []
    while length < wanted or not points:
        neurite += 1
        course = _course(rng, rng.uniform(0, box), bundle * bundled, step, kinks, int(1.3 * box.max() / step))
        inside = ((course > 0) & (course < box)).all(1)
        course = course[inside]
        if not len(course):
            continue
        swelling = gaussian_filter(rng.normal(size=len(course)), 4, mode="nearest") * 0.5
        radius = 0.5 * tissue.calibre * rng.lognormal(0, spread) * np.exp(swelling)
        points.append(course)
        radii.append(np.minimum(radius, 2.5 * tissue.calibre))
        owners.append(np.full(len(course), neurite))
        length += step * len(course) * (float(radius.mean()) / (0.5 * tissue.calibre)) ** 1.3
    made = np.concatenate(points) - margin, np.concatenate(radii), np.concatenate(owners)
    return Tubes(made[0].astype(np.float32), made[1].astype(np.float32), made[2].astype(np.int32))


def _course(rng: Generator, start: NDArray, bundle: NDArray, step: float, kinks: float, steps: int) -> NDArray:
    """Points of a wandering line through `start`, in both directions."""
    first = rng.normal(size=3) + bundle * rng.choice([-1, 1])
    first /= np.linalg.norm(first)
    halves = []
    for sign in (1, -1):
        direction = sign * first + np.cumsum(rng.normal(0, kinks, (steps, 3)), 0)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        halves.append(start + step * np.cumsum(direction, 0))
    return np.concatenate([halves[1][::-1], start[None], halves[0]])


def _mitochondria(rng: Generator, tubes: Tubes) -> Tubes | None:
    """Sausages inside some of the thicker tubes."""
    share = rng.choice([0, rng.uniform(0.05, 0.35)], p=[0.25, 0.75])
    runs = gaussian_filter(rng.normal(size=len(tubes.radii)), 5) * 4
    chosen = (runs > np.quantile(runs, 1 - share)) & (tubes.radii > 6) if share else np.zeros(len(runs), bool)
    if not chosen.any():
        return None
    radii = tubes.radii[chosen] * rng.uniform(0.3, 0.65)
    points = tubes.points[chosen] + rng.normal(0, 0.12, (len(radii), 3)) * tubes.radii[chosen, None]
    return Tubes(points, np.clip(radii, 3, 26), tubes.neurite[chosen])


@dataclass(frozen=True)
class _Waves:
    """A smooth bending of space: a sum of a few plane waves on each axis."""

    frequencies: NDArray  # (w, 3)
    phases: NDArray  # (3, w)
    heights: NDArray  # (3, w)

    @classmethod
    def drawn(cls, rng: Generator, calibre: float) -> "_Waves":
        count = 7
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = calibre * np.exp(rng.uniform(np.log(0.7), np.log(4), count))
        heights = rng.normal(size=(3, count)) * lengths * rng.uniform(0, 0.07)
        return cls(2 * np.pi * directions / lengths[:, None], rng.uniform(0, 6.3, (3, count)), heights)

    def bent(self, where: NDArray) -> NDArray:
        phase = where @ self.frequencies.T
        return where + np.stack([np.sin(phase + p) @ h for p, h in zip(self.phases, self.heights, strict=True)], axis=1)


def _layers_of(tubes: Tubes, tissue: Tissue, waves: _Waves, z: int, margin: float, shift: NDArray):
    """Neurites of the layers of a section, (n, y, x), and bent positions of its middle at half size."""
    n = tissue.layers
    depths = (z + 0.5 + tissue.thickness * ((np.arange(n) + 0.5) / n - 0.5)) * tissue.spacing
    row = np.arange(0.5, SIDE, 2)
    grid = np.stack(np.meshgrid(depths, row + shift[0], row + shift[1], indexing="ij"), -1)
    where = waves.bent(grid.reshape(-1, 3))
    index, _ = tubes.deepest(where)
    half = tubes.neurite[index].reshape(n, len(row), len(row))
    half = half[:, : SIDE // 2, : SIDE // 2]
    return np.stack([_scale2x(layer) for layer in half]), where.reshape(n, -1, 3)[n // 2]


def _scale2x(ids: NDArray) -> NDArray:
    """Twice the size with smooth diagonals (the Scale2x rule of pixel art), which never makes a new id."""
    padded = np.pad(ids, 1, mode="edge")
    up, down, left, right = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    result = np.repeat(np.repeat(ids, 2, 0), 2, 1)
    for (i, j), a, b, others in (
        ((0, 0), up, left, (right, down)),
        ((0, 1), up, right, (left, down)),
        ((1, 0), down, left, (right, up)),
        ((1, 1), down, right, (left, up)),
    ):
        rounds = (a == b) & (a != others[0]) & (b != others[1])
        result[i::2, j::2][rounds] = a[rounds]
    return result


def _to_border(ids: NDArray) -> NDArray[np.float32]:
    """Pixels to the line between two neurites."""
    inside = np.ones(ids.shape, bool)
    inside[1:] &= ids[1:] == ids[:-1]
    inside[:, 1:] &= ids[:, 1:] == ids[:, :-1]
    if inside.all():
        return np.full(ids.shape, 99, np.float32)
    return distance_transform_edt(inside).astype(np.float32)


def _membrane(away: NDArray, stain: Stain) -> NDArray:
    """Darkness from 0 to 1 at these distances from the line between two neurites."""
    return np.exp(-0.5 * ((away - stain.gap) / stain.width) ** 2)


def _texture(rng: Generator, grain: tuple[float, float, float]) -> NDArray:
    sigmas = rng.uniform(0.6, 1.2), rng.uniform(1.5, 4), rng.uniform(6, 14)
    return sum(height * _field(rng, sigma) for height, sigma in zip(grain, sigmas, strict=True))


def _with_contents(rng: Generator, light: NDArray, ids: NDArray, away: NDArray, busy: NDArray, stain: Stain) -> NDArray:
    """Reticulum (dark lines that bound no neurite), vesicles and microtubules."""
    if stain.reticulum:
        field = _field(rng, rng.uniform(4, 9))
        slope = np.hypot(*np.gradient(field)) + 0.02
        lines = np.exp(-0.5 * (field / slope / rng.uniform(0.8, 1.6)) ** 2) * (_field(rng, 10) > 0.3)
        light = light - stain.reticulum * lines * busy[0][ids] * (away > 4)
    if stain.vesicles:
        dots = (rng.random(light.shape) < rng.uniform(0.004, 0.02)) & busy[1][ids] & (away > 2 + stain.ring)
        dots &= _field(rng, 14) > 0.4
        y, x = np.mgrid[-7:8, -7:8]
        radius = np.hypot(y, x)
        ring = np.exp(-0.5 * ((radius - stain.ring) / 0.9) ** 2) + rng.uniform(0, 0.8) * (radius < stain.ring)
        light = light - stain.vesicles * np.clip(fftconvolve(dots.astype(float), ring, mode="same"), 0, 1.2)
    if stain.microtubules:
        dots = (rng.random(light.shape) < 0.01) & busy[2][ids] & (away > 2.5)
        light = light - stain.microtubules * np.clip(4 * gaussian_filter(dots.astype(float), 0.8), 0, 1)
    return light


def _with_mitochondria(rng, light, bodies: Tubes, where, ids, away, stain: Stain) -> NDArray:
    """Fill, outline and cristae of what lies inside its own neurite."""
    index, power = bodies.deepest(where)
    radius = bodies.radii[index]
    out = np.sqrt(np.maximum(0, power + radius**2)) - radius
    side = light.shape[0] // 2
    own = bodies.neurite[index].reshape(side, side) == ids[::2, ::2]
    out = zoom(np.where(own, out.reshape(side, side), 9), 2, order=1)
    out = np.maximum(out, 2.5 + stain.gap + stain.width - away)
    inside, wall = 1 / (1 + np.exp(np.clip(2 * out, -30, 30))), np.exp(-0.5 * ((out + 1) / 1.1) ** 2)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    angle, period = rng.uniform(0, 6.3), rng.uniform(4, 9)
    phase = 6.3 / period * (y * np.sin(angle) + x * np.cos(angle)) + 1.5 * _field(rng, 6)
    dark = stain.mitochondria + stain.cristae * np.cos(phase)
    return light - inside * dark - 0.6 * stain.membrane * wall


def _recorded(rng: Generator, light: NDArray, stain: Stain) -> NDArray[np.uint16]:
    """Lens, film, dirt and the levels of the section."""
    if stain.blur:
        light = gaussian_filter(light, stain.blur * rng.uniform(0.8, 1.2))
    light = light + stain.noise * _field(rng, rng.choice([0, 0.6])) + 0.03 * _field(rng, 40)
    if rng.random() < 0.08:
        light = light - np.clip(2 * (_field(rng, rng.uniform(3, 12)) - 2.2), 0, 1) * rng.uniform(0.2, 0.8)
    light = 0.5 + (light - 0.5) * (1 + rng.normal(0, stain.flicker)) + rng.normal(0, stain.flicker)
    return np.clip(255 * light, 0, 255).round().astype(np.uint16)


def _field(rng: Generator, sigma: float) -> NDArray[np.float32]:
    """Gaussian noise of variance 1 over a section, correlated over `sigma` pixels."""
    if sigma > 5:
        factor = 4 if sigma < 16 else 8
        small = gaussian_filter(rng.standard_normal((SIDE // factor,) * 2, np.float32), sigma / factor, mode="wrap")
        field = zoom(small, factor, order=1)
    else:
        field = rng.standard_normal((SIDE, SIDE), np.float32)
        field = gaussian_filter(field, sigma, mode="wrap") if sigma else field
    return (field - field.mean()) / (field.std() + 1e-6)


def _log_uniform(rng: Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _sometimes(rng: Generator, chance: float, low: float, high: float) -> float:
    return float(rng.uniform(low, high)) if rng.random() < chance else 0.0


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        path = folder / f"{seed:04d}.npy"
        if path.exists():
            continue
        beside = path.with_suffix(".part")
        with open(beside, "wb") as file:
            np.save(file, stack(seed))
        os.replace(beside, path)


if __name__ == "__main__":
    main()
