"""Defects of serial-section stacks, drawn into a clean stack whose neurons are known.

Each maker is a pure function: it takes a stack, a place and a random generator, and returns another stack, so that
makers can be applied one after the other. `SECTION_DEFECTS` lists those of one section (or of all from it on),
`STACK_DEFECTS` those of a whole stack, and `draw_defects` makes a mixture.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Grey = NDArray[np.uint8]
"""Grey levels of a stack (z, y, x) or of a section (y, x)."""

RESIN, RESIN_SPREAD = 180, 4
"""Grey level of resin without tissue: mean and standard deviation."""

NOISE = 100
"""Standard deviation of the grey levels that a noisy section gets added."""

DRAWN_APART = 5
"""Sections between two defects of a mixture, at least, so that each stays what it is."""

DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""Signs of a move on y and x; each is as long on both axes."""


@dataclass(frozen=True)
class Defective:
    """A stack with defects, beside the stack that it would be without them; arrays are (z, y, x).

    Attributes
    ----------
    raw : uint8
    truth : integer
        Neurons where they lie in `raw`; 0 = not scored, as nothing of them is left.
    clean_raw, clean_truth
        The stack before any defect; what `truth` has lost is 0 here, too, so that both are scored on the same tissue.
    empty : bool
        True where there is no tissue.
    bad : frozenset of int
        Sections that are to be left out: no score counts them.
    """

    raw: Grey
    truth: NDArray
    clean_raw: Grey
    clean_truth: NDArray
    empty: NDArray[np.bool_]
    bad: frozenset[int] = frozenset()

    @classmethod
    def of(cls, raw: Grey, truth: NDArray) -> Self:
        """Return a stack without defects."""
        return cls(raw, truth, raw, truth, np.zeros(raw.shape, bool))

    @property
    def used(self) -> list[int]:
        """The sections that are not bad."""
        return [z for z in range(len(self.raw)) if z not in self.bad]

    def without_margin(self, margin: tuple[int, int]) -> Self:
        """Return the stack without `margin` pixels (y, x) on each side."""
        y, x = (slice(m, n - m) for m, n in zip(margin, self.raw.shape[1:], strict=True))
        names = ("raw", "truth", "clean_raw", "clean_truth", "empty")
        return replace(self, **{name: np.ascontiguousarray(getattr(self, name)[:, y, x]) for name in names})


Maker = Callable[[Defective, int, Generator], Defective]
"""A function of a stack, a section and a random generator that returns the stack with a defect there."""


# ---- one section -----------------------------------------------------------------------------------------------------


def blank(made: Defective, z: int, rng: Generator, grey: int, n: int = 1) -> Defective:
    """Replace n sections from z on by one grey level."""
    return _without_tissue(made, np.s_[z : z + n], grey, bad=range(z, min(z + n, len(made.raw))))


def half_missing(made: Defective, z: int, rng: Generator) -> Defective:
    """Turn the right half of a section black, as if it had not been acquired; the left half counts."""
    return _without_tissue(made, np.s_[z : z + 1, :, made.raw.shape[2] // 2 :], 0)


def repeated(made: Defective, z: int, rng: Generator) -> Defective:
    """Replace a section by a copy of the one before (of the one after it, if it is the first)."""
    return _with_section(made, z, made.raw[z - 1 if z else 1], bad=True)


def blurred(made: Defective, z: int, rng: Generator, sigma: float) -> Defective:
    """Blur a section by `sigma` pixels."""
    return _with_section(made, z, gaussian_filter(made.raw[z].astype(np.float32), sigma), bad=True)


def noisy(made: Defective, z: int, rng: Generator) -> Defective:
    """Add noise to a section; it counts, as its membranes can still be seen."""
    return _with_section(made, z, made.raw[z] + rng.normal(0, NOISE, made.raw.shape[1:]))


def mirrored(made: Defective, z: int, rng: Generator) -> Defective:
    """Mirror a section top to bottom."""
    return _with_section(made, z, made.raw[z, ::-1], bad=True)


def turned(made: Defective, z: int, rng: Generator) -> Defective:
    """Turn a section by half a turn."""
    return _with_section(made, z, made.raw[z, ::-1, ::-1], bad=True)


def swapped(made: Defective, z: int, rng: Generator) -> Defective:
    """Swap a section with the next one (the last with the one before); both are bad."""
    z = min(z, len(made.raw) - 2)
    return _with_section(_with_section(made, z, made.raw[z + 1], bad=True), z + 1, made.raw[z], bad=True)


def foreign(made: Defective, z: int, rng: Generator) -> Defective:
    """Replace a section by one of other tissue: from half a stack away, turned, its halves exchanged."""
    n, _, width = made.raw.shape
    return _with_section(made, z, np.roll(made.raw[(z + n // 2) % n, ::-1, ::-1], width // 2, axis=1), bad=True)


def pale(made: Defective, z: int, rng: Generator) -> Defective:
    """Halve the contrast of a section about its mean."""
    mean = made.raw[z].mean()
    return _with_section(made, z, mean + (made.raw[z] - mean) / 2)


def brighter(made: Defective, z: int, rng: Generator) -> Defective:
    """Brighten a section by 30 %."""
    return _with_section(made, z, made.raw[z] * 1.3)


# ---- places ----------------------------------------------------------------------------------------------------------


def shifted(made: Defective, z: int, rng: Generator, by: int) -> Defective:
    """Move a section by `by` pixels on y and x in a random direction; its neurons move along."""
    return _moved(made, {z: by}, rng)


def rest_shifted(made: Defective, z: int, rng: Generator, by: int) -> Defective:
    """Move all sections from z on by `by` pixels on y and x in a random direction; their neurons move along."""
    return _moved(made, dict.fromkeys(range(z, len(made.raw)), by), rng)


def drifting(made: Defective, z: int, rng: Generator, by: int) -> Defective:
    """Move each section by `by` pixels more on y and x than the one before, in a random direction; section z stays."""
    return _moved(made, {i: by * (i - z) for i in range(len(made.raw))}, rng)


# ---- whole stacks ----------------------------------------------------------------------------------------------------


def pale_stack(made: Defective, z: int, rng: Generator, by: float) -> Defective:
    """Multiply the contrast of all sections, about their mean."""
    mean = made.raw.mean()
    return replace(made, raw=_grey(mean + (made.raw - np.float32(mean)) * np.float32(by)))


def squeezed(made: Defective, z: int, rng: Generator, low: int, high: int) -> Defective:
    """Squeeze the grey levels 0 to 255 between two others."""
    return replace(made, raw=_grey(low + made.raw * np.float32((high - low) / 255)))


def inverted(made: Defective, z: int, rng: Generator) -> Defective:
    """Invert the grey levels."""
    return replace(made, raw=255 - made.raw)


def half_resin(made: Defective, z: int, rng: Generator) -> Defective:
    """Turn the right half of all sections to resin."""
    place = np.s_[:, :, made.raw.shape[2] // 2 :]
    return _without_tissue(made, place, rng.normal(RESIN, RESIN_SPREAD, made.raw[place].shape))


def half_black(made: Defective, z: int, rng: Generator) -> Defective:
    """Turn the right half of all sections black."""
    return _without_tissue(made, np.s_[:, :, made.raw.shape[2] // 2 :], 0)


def all_black(made: Defective, z: int, rng: Generator) -> Defective:
    """Turn everything black; there is nothing to score."""
    return _without_tissue(made, np.s_[:], 0)


# ---- lists and mixtures ----------------------------------------------------------------------------------------------

SECTION_DEFECTS: dict[str, Maker] = {
    "one black": partial(blank, grey=0),
    "one white": partial(blank, grey=255),
    "one grey": partial(blank, grey=128),
    "two black": partial(blank, grey=0, n=2),
    "three black": partial(blank, grey=0, n=3),
    "copy of the one before": repeated,
    "blurred by 6 px": partial(blurred, sigma=6),
    "noisy": noisy,
    "mirrored": mirrored,
    "turned": turned,
    "swapped": swapped,
    "foreign": foreign,
    "shifted by 8 px": partial(shifted, by=8),
    "shifted by 16 px": partial(shifted, by=16),
    "shifted by 32 px": partial(shifted, by=32),
    "rest shifted by 24 px": partial(rest_shifted, by=24),
    "half missing": half_missing,
    "pale": pale,
    "brighter by 30 %": brighter,
}

STACK_DEFECTS: dict[str, Maker] = {
    "drift of 2 px a section": partial(drifting, by=2),
    "pale stack": partial(pale_stack, by=0.5),
    "pale stack, .65": partial(pale_stack, by=0.65),
    "pale stack, .8": partial(pale_stack, by=0.8),
    "greys 100-150": partial(squeezed, low=100, high=150),
    "inverted": inverted,
    "half resin": half_resin,
    "half black": half_black,
    "all black": all_black,
}


def draw_defects(made: Defective, rng: Generator, share: float) -> tuple[Defective, dict[int, str]]:
    """Make `share` of the sections (one at least) defective, each in a way drawn from `SECTION_DEFECTS`.

    Returns
    -------
    Defective
    dict of int -> str
        The defect at each section drawn.
    """
    drawn: dict[int, str] = {}
    for z in rng.permutation(len(made.raw)).tolist():
        if len(drawn) < max(1, round(share * len(made.raw))) and all(abs(z - other) > DRAWN_APART for other in drawn):
            drawn[z] = str(rng.choice(list(SECTION_DEFECTS)))
    moves_last = sorted(drawn.items(), key=lambda item: ("shifted" in item[1], item[0]))
    for z, name in moves_last:
        made = SECTION_DEFECTS[name](made, z, rng)
    return made, dict(sorted(drawn.items()))


# ---- what makers share -----------------------------------------------------------------------------------------------


def _with_section(made: Defective, z: int, section: NDArray, bad: bool = False) -> Defective:
    """Put another picture in the place of a section."""
    raw = made.raw.copy()
    raw[z] = _grey(section)
    return replace(made, raw=raw, bad=made.bad | {z} if bad else made.bad)


def _without_tissue(made: Defective, place, grey: float | NDArray, bad=()) -> Defective:
    """Put grey levels in a place of the stack; the neurons there are lost."""
    raw, truth, clean_truth, empty = (a.copy() for a in (made.raw, made.truth, made.clean_truth, made.empty))
    raw[place], truth[place], clean_truth[place], empty[place] = _grey(grey), 0, 0, True
    return replace(made, raw=raw, truth=truth, clean_truth=clean_truth, empty=empty, bad=made.bad | set(bad))


def _moved(made: Defective, pixels: dict[int, int], rng: Generator) -> Defective:
    """Move sections by so many pixels each on y and on x, all in one random direction.

    Pixels that come in from outside are black and empty; neurons that leave the frame are lost.
    """
    direction = DIRECTIONS[rng.integers(len(DIRECTIONS))]
    raw, truth, clean_truth, empty = (a.copy() for a in (made.raw, made.truth, made.clean_truth, made.empty))
    for z, n in pixels.items():
        by = (n * direction[0], n * direction[1])
        raw[z], truth[z] = _move(raw[z], by, 0), _move(truth[z], by, 0)
        empty[z] = _move(empty[z], by, True)
        stays = _move(_move(np.ones(raw.shape[1:], bool), by, False), (-by[0], -by[1]), False)
        clean_truth[z][~stays] = 0
    return replace(made, raw=raw, truth=truth, clean_truth=clean_truth, empty=empty)


def _move(section: NDArray, by: tuple[int, int], fill: int | bool) -> NDArray:
    """Return a section (y, x) whose content lies `by` pixels further on y, x."""
    out = np.full_like(section, fill)
    ends = list(zip(by, section.shape, strict=True))
    out[tuple(slice(max(0, b), n + min(0, b)) for b, n in ends)] = section[
        tuple(slice(max(0, -b), n - max(0, b)) for b, n in ends)
    ]
    return out


def _grey(values: float | NDArray) -> Grey:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
