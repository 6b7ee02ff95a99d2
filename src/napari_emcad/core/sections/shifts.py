"""Shift and likeness of two sections, by phase correlation of their reduced pictures."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_emcad.core.sections.measures import SectionMeasure, fast_shape, standard_picture

FINEST, COARSEST = 2.5, 40.0
"""Periods in reduced pixels of the structure that is compared: shorter ones are noise, longer ones light and stain."""

REACH = 0.3
"""Shifts that are looked for, as a share of the side of a section."""

TAPER = 0.1
"""Share of each side along which a picture fades out."""

PLACE = 4
"""Shift in reduced pixels, on y and on x, up to which a section counts as lying in its place."""

KEPT_BYTES = 32 * 2**20
"""Bytes that the spectra which are kept for the next comparisons may take."""

Picture = NDArray[np.float32]
Spectrum = NDArray[np.complex64]
Turn = Callable[[Picture], Picture]


@dataclass(frozen=True)
class SectionMatch:
    """Two sections laid over each other.

    Attributes
    ----------
    shift : (y, x) float
        Reduced pixels by which the second section's content lies further down and right than the first's.
    likeness : float
        Correlation of their structure at that shift: 1 for copies, about 0 for strangers.
    confidence : float
        Height of the peak above the rest, in standard deviations of the rest.
    in_place : float
        Correlation where the second section lies as it should, within `PLACE`: strangers are far less alike there than
        at the best of all shifts.
    """

    shift: tuple[float, float]
    likeness: float
    confidence: float
    in_place: float


class Measures(Protocol):
    """Measures of sections, by their numbers."""

    def __getitem__(self, z: int, /) -> SectionMeasure: ...


class SectionMatcher:
    """Compares sections of a stack two by two; spectra and results are kept.

    Parameters
    ----------
    measures : Measures
        All sections, of one shape.
    """

    def __init__(self, measures: Measures):
        self._measures = measures
        self._shape = measures[0].picture.shape
        self._padded = fast_shape(self._shape)
        self._band = _band(self._padded)
        self._window = _window(self._shape)
        self._near = _near(self._shape, self._padded)
        rows, columns = (np.arange(-min(PLACE, n // 2), min(PLACE, n // 2) + 1) for n in self._padded)
        self._in_place = rows[:, None], columns
        self._spectra: OrderedDict[tuple[int, str], Spectrum] = OrderedDict()
        self._found: dict[tuple[int, int, str], SectionMatch] = {}

    def match(self, first: int, second: int, turn: Turn | None = None, name: str = "") -> SectionMatch:
        """Lay a section over another one.

        Parameters
        ----------
        first, second : int
            Sections.
        turn : callable, optional
            Turns or mirrors the second one's picture.
        name : str
            The name of the turn.
        """
        key = first, second, name
        if key not in self._found:
            self._found[key] = self._correlate(self._spectrum(first), self._spectrum(second, turn, name))
        return self._found[key]

    def _spectrum(self, z: int, turn: Turn | None = None, name: str = "") -> Spectrum:
        key = z, name
        if key not in self._spectra:
            picture = standard_picture(self._measures[z])
            turned = picture if turn is None else _fit(turn(picture), self._shape)
            spectrum = fft.rfft2(turned * self._window, self._padded) * self._band
            power = _power(spectrum, self._padded)
            self._spectra[key] = spectrum / np.float32(np.sqrt(power) or 1)
            while len(self._spectra) > 2 and len(self._spectra) * spectrum.nbytes > KEPT_BYTES:
                self._spectra.popitem(last=False)
        self._spectra.move_to_end(key)
        return self._spectra[key]

    def _correlate(self, first: Spectrum, second: Spectrum) -> SectionMatch:
        """Return the highest place of the correlation within reach, between pixels by a parabola."""
        surface = fft.irfft2(second * first.conj(), self._padded, overwrite_x=True)
        inside = np.where(self._near, surface, -np.inf)
        y, x = (int(n) for n in np.unravel_index(int(inside.argmax()), surface.shape))
        peak, spread = float(surface[y, x]), _spread(surface)
        rows = surface.take((y - 1, y, y + 1), axis=0, mode="wrap")[:, x]
        columns = surface[y].take((x - 1, x, x + 1), mode="wrap")
        height, width = self._padded
        shift = float(_signed(y, height)) + _vertex(rows), float(_signed(x, width)) + _vertex(columns)
        in_place = float(surface[self._in_place].max())
        return SectionMatch(shift, peak, peak / spread if spread else 0.0, in_place)


def _power(spectrum: Spectrum, shape: tuple[int, int]) -> float:
    """Return the value at shift 0 of the spectrum's own correlation, as `irfft2` scales it."""
    once = _squares(spectrum[:, 0]) + (_squares(spectrum[:, -1]) if shape[1] % 2 == 0 else 0)
    return (2 * _squares(spectrum) - once) / (shape[0] * shape[1])


def _squares(values: Spectrum) -> float:
    return float(np.vdot(values, values).real)


def _spread(surface: NDArray[np.float32]) -> float:
    """Return the standard deviation; the mean is 0, since the weight of frequency 0 is."""
    return float(np.sqrt(np.vdot(surface, surface) / surface.size))


def _band(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the weight of each frequency: level between the two periods, and rising as structure falls."""
    y, x = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])
    frequency = np.hypot(y, x)
    low, high = 1 / COARSEST, 1 / FINEST
    passed = np.exp(-((frequency / high) ** 4)) * (1 - np.exp(-((frequency / low) ** 2)))
    return (passed * np.sqrt(np.maximum(frequency, 1e-6))).astype(np.float32)


def _window(shape: tuple[int, int]) -> NDArray[np.float32]:
    y, x = (_fade(n) for n in shape)
    return (y[:, None] * x).astype(np.float32)


def _fade(length: int) -> NDArray[np.float64]:
    """Return 1 with a half cosine down to 0 at both ends."""
    rim = max(1, round(TAPER * length))
    from_end = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(1, from_end / rim))


def _near(shape: tuple[int, int], padded: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where shifts within reach lie on the correlation."""
    y, x = (np.abs(_signed(np.arange(p), p)) <= max(1, REACH * n) for n, p in zip(shape, padded, strict=True))
    return y[:, None] & x


def _signed(place: NDArray[np.int64] | int, length: int) -> NDArray[np.int64]:
    return (np.asarray(place) + length // 2) % length - length // 2


def _vertex(values: NDArray[np.float32]) -> float:
    """Return the top of a parabola through three values, from the middle one."""
    before, here, after = (float(n) for n in values)
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _fit(picture: Picture, shape: tuple[int, int]) -> Picture:
    """Return the middle of a picture, cut or filled with 0 to a shape."""
    result = np.zeros(shape, np.float32)
    there, here = [], []
    for have, want in zip(picture.shape, shape, strict=True):
        common = min(have, want)
        there.append(slice((have - common) // 2, (have - common) // 2 + common))
        here.append(slice((want - common) // 2, (want - common) // 2 + common))
    result[tuple(here)] = picture[tuple(there)]
    return result
