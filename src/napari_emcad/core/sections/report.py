"""The report on the sections of a stack: what is wrong with which, and by what evidence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape

SUMMED_UP = 8
"""The most sections of one verdict that a summary names."""

BARE = 0.01
"""Share of the stack from which a summary says that there is no tissue."""


class Verdict(StrEnum):
    """A judgement of a section."""

    GOOD = "good"
    BLANK = "blank"
    PARTLY_MISSING = "partly missing"
    PALE = "pale"
    OUT_OF_FOCUS = "out of focus"
    NOISY = "noisy"
    DUPLICATE = "duplicate"
    WRONG = "wrong"
    SLIPPED = "slipped"
    DAMAGED = "cracked, folded or charged"


class SlipKind(StrEnum):
    """The course of a slip."""

    JUMP = "jump"
    SINGLE = "single section"
    DRIFT = "drift"
    BREAK = "break"


@dataclass(frozen=True)
class Slip:
    """A shift of a section against the last good one.

    Attributes
    ----------
    kind : SlipKind
        JUMP: all that follows is shifted; SINGLE: this section only; DRIFT: by a little more from section to section;
        BREAK: the stack does not go on here, and no shift was found.
    shift : (y, x)
        Pixels by which the content lies further down and right than in the last good section; of a drift, from its
        first to its last section.
    confidence : float
        Height of the correlation's peak above the rest, in standard deviations of the rest.
    """

    kind: SlipKind
    shift: tuple[int, int]
    confidence: float

    @property
    def pixels(self) -> int:
        """Length of the shift."""
        return round(float(np.hypot(*self.shift)))


@dataclass(frozen=True)
class SectionFinding:
    """One thing that is wrong with a section.

    Attributes
    ----------
    z : int
        Section; of a drift, its first.
    verdict : Verdict
    evidence : str
        The reason in words and units.
    slip : Slip or None
        For SLIPPED.
    box : (y0, y1, x0, x1) or None
        For PARTLY_MISSING and DAMAGED: pixels around the part that is, half open.
    cause : str
        For WRONG: "mirrored", "turned", "swapped with 12", "foreign"; for DUPLICATE: the section that it repeats.
    last : int or None
        Last section of a drift.
    """

    z: int
    verdict: Verdict
    evidence: str
    slip: Slip | None = None
    box: tuple[int, int, int, int] | None = None
    cause: str = ""
    last: int | None = None


@dataclass(frozen=True, eq=False)
class SectionReport:
    """The report on the sections of a stack.

    Attributes
    ----------
    shape : (z, y, x)
        Of the stack.
    findings : tuple of SectionFinding
        By section; a section without one is good.
    no_tissue : (z, cells on y, cells on x) bool
        True where there is no tissue.
    missing : (z, cells on y, cells on x) bool
        True where a section lacks a part that its neighbours have.
    cell : int
        Side of a cell, in pixels.
    damaged : (z, cells on y, cells on x) bool or None
        True where a section is cracked, folded or charged; None = nowhere.
    """

    shape: Shape
    findings: tuple[SectionFinding, ...]
    no_tissue: NDArray[np.bool_] = field(repr=False)
    missing: NDArray[np.bool_] = field(repr=False)
    cell: int
    damaged: NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def bridgeable(self) -> NDArray[np.bool_]:
        """Cells (z, y, x) that are missing, or damaged: the sections beside them show what should be there."""
        return self.missing if self.damaged is None else self.missing | self.damaged

    def of_section(self, z: int) -> tuple[SectionFinding, ...]:
        """Return everything that is wrong with a section."""
        return tuple(one for one in self.findings if one.z == z)

    def verdict(self, z: int) -> Verdict:
        """Return the verdict on a section, the first if there are several."""
        found = self.of_section(z)
        return found[0].verdict if found else Verdict.GOOD

    def sections(self, verdict: Verdict) -> list[int]:
        """Return the sections with a verdict."""
        return [one.z for one in self.findings if one.verdict is verdict]

    @property
    def bare_share(self) -> float:
        """Share of the stack without tissue, but for blank sections."""
        kept = np.ones(self.shape[0], bool)
        kept[self.sections(Verdict.BLANK)] = False
        return float(self.no_tissue[kept].mean()) if kept.any() else 1.0

    @property
    def summary(self) -> str:
        """One line: "100 sections: 17, 63 blank; slip of 24 px at 40; 31 % without tissue"."""
        return self.summary_from(0)

    def summary_from(self, first: int) -> str:
        """Return the summary of a part of a stack, whose sections are counted from `first` on."""
        phrases = [*self._phrases(first)]
        if self.bare_share >= BARE:
            phrases.append(f"{100 * self.bare_share:.0f} % without tissue")
        depth = self.shape[0]
        return f"{depth:,} section{'' if depth == 1 else 's'}: {'; '.join(phrases) or 'all good'}"

    def _phrases(self, first: int) -> Iterator[str]:
        for verdict in Verdict:
            if verdict is Verdict.SLIPPED:
                yield from (_slip_text(one, first) for one in self.findings if one.slip)
            elif found := self.sections(verdict):
                yield f"{ranges_text([first + z for z in found])} {verdict.value}"


def _slip_text(one: SectionFinding, first: int) -> str:
    assert one.slip
    z = first + one.z
    match one.slip.kind:
        case SlipKind.JUMP:
            return f"slip of {one.slip.pixels} px at {z}"
        case SlipKind.SINGLE:
            return f"{z} shifted by {one.slip.pixels} px"
        case SlipKind.DRIFT:
            return f"drift of {one.slip.pixels} px from {z} to {first + (one.last or one.z)}"
        case SlipKind.BREAK:
            return f"break at {z}"


def ranges_text(sections: Sequence[int]) -> str:
    """Return sorted sections as text: "3, 17-19, 63"; the end of a long list as a number."""
    if not sections:
        return ""
    starts = [0, *(n for n, (a, b) in enumerate(pairwise(sections), 1) if b != a + 1), len(sections)]
    runs = [sections[a:b] for a, b in pairwise(starts)]
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    more = sum(map(len, runs[SUMMED_UP:]))
    return ", ".join(texts[:SUMMED_UP]) + (f" and {more} more" if more else "")
