"""Perturbations of unlabelled sections, and the views that they give.

Source: Huang et al., "Semi-Supervised Neuron Segmentation via Reinforced Consistency Learning", IEEE TMI 2022
(SSNS-Net): a network must say the same of two perturbed views of sections that nobody has labelled, and is pre-trained
by restoring perturbed sections.

Each perturbation takes a generator and a `PerturbedView` and returns another view. Those that move pixels write down
how, so that what a network says of a view can be brought back onto the sections (`affinities_of_sections`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

LARGEST_SCALE = 1.5
"""Factor by which a view is enlarged at most."""

NOISE = (0.01, 0.2)
"""Standard deviations of noise, smallest and largest, in grey levels in [0, 1]."""

KERNELS = (3, 9)
"""Widths in pixels, smallest and largest, of a Gaussian that is cut off where its kernel ends."""

SHIFT = 16
"""Pixels that a section is moved by at most."""

MASKS, MASK_SIZE = 6, (8, 32)
"""Most rectangles that are blotted out in a section, and their smallest and largest sides in pixels."""

Z = 0
"""The channel of affinities between sections."""


@dataclass(frozen=True)
class PerturbedView:
    """Sections as they are shown to a network.

    Attributes
    ----------
    image : (z, y, x) float32 in [0, 1]
    scale : float
        Factor by which they are enlarged; above 1 a view shows the middle of the sections.
    shifts : (z, 2) int64
        Pixels on y and x by which each section is moved, before it is scaled.
    """

    image: NDArray[np.float32]
    scale: float
    shifts: NDArray[np.int64]

    @classmethod
    def of(cls, image: NDArray[np.float32]) -> "PerturbedView":
        """Return a view of the sections as they are."""
        return cls(image, 1.0, np.zeros((len(image), 2), np.int64))


def misalign(rng: Generator, view: PerturbedView) -> PerturbedView:
    """Move one section by up to `SHIFT` pixels; pixels moved out come in on the other side."""
    z, shifts = rng.integers(len(view.image)), view.shifts.copy()
    shifts[z] = rng.integers(-SHIFT, SHIFT + 1, 2)
    image = view.image.copy()
    image[z] = np.roll(image[z], shifts[z], (0, 1))
    return replace(view, image=image, shifts=shifts)


def rescale(rng: Generator, view: PerturbedView) -> PerturbedView:
    """Show the middle of the sections up to `LARGEST_SCALE` times as large."""
    _, height, width = view.image.shape
    shrink = rng.uniform(1, LARGEST_SCALE)
    rows, columns = (int(np.rint(n / shrink)) for n in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = torch.from_numpy(view.image[:, top : top + rows, left : left + columns])
    image = functional.interpolate(middle[:, None], (height, width), mode="bilinear")[:, 0].numpy()
    return replace(view, image=image, scale=height / rows)


def change_grey_levels(rng: Generator, view: PerturbedView) -> PerturbedView:
    """Change contrast, brightness and gamma of each section."""
    shape = len(view.image), 1, 1
    contrast, brightness = rng.uniform(0.9, 1.1, shape), rng.uniform(-0.1, 0.1, shape)
    image = np.clip((view.image - 0.5) * contrast + 0.5 + brightness, 0, 1) ** np.exp2(rng.uniform(-1, 1, shape))
    return replace(view, image=image.astype(np.float32))


def add_noise(rng: Generator, view: PerturbedView) -> PerturbedView:
    """Add Gaussian noise with a standard deviation in `NOISE`."""
    grain = rng.standard_normal(view.image.shape, np.float32) * np.float32(rng.uniform(*NOISE))
    return replace(view, image=np.clip(view.image + grain, 0, 1))


def blur(rng: Generator, view: PerturbedView) -> PerturbedView:
    """Blur with a Gaussian whose kernel has 3, 5, 7 or 9 pixels."""
    radius = int(rng.integers(KERNELS[0], KERNELS[1] + 1)) // 2
    return replace(view, image=ndimage.gaussian_filter(view.image, radius / 2, axes=(1, 2), radius=radius))


def mask_rectangles(rng: Generator, view: PerturbedView) -> PerturbedView:
    """Blot out some rectangles of each section with its mean."""
    image = view.image.copy()
    for section in image:
        for _ in range(rng.integers(1, MASKS + 1)):
            height, width = rng.integers(*MASK_SIZE, 2, endpoint=True)
            y, x = (rng.integers(max(1, n - m + 1)) for n, m in zip(section.shape, (height, width), strict=True))
            section[y : y + height, x : x + width] = section.mean()
    return replace(view, image=image)


Perturbations = tuple[tuple[Callable[[Generator, PerturbedView], PerturbedView], float], ...]
"""Perturbations in their order, each with its chance from 0 to 1."""

IN_PLACE: Perturbations = (
    (change_grey_levels, 0.5),
    (add_noise, 0.5),
    (blur, 0.5),
    (mask_rectangles, 0.5),
)
"""Perturbations that move no pixel, and their chances."""

RESTORABLE: Perturbations = ((misalign, 0.3), *IN_PLACE)
"""Perturbations whose sections a network is to restore."""

PERTURBATIONS: Perturbations = ((misalign, 0.3), (rescale, 0.5), *IN_PLACE)
"""All perturbations, in the order they are applied."""


def perturbed(rng: Generator, image: NDArray[np.float32], chances: Perturbations = PERTURBATIONS) -> PerturbedView:
    """Return a perturbed view of sections (z, y, x) in [0, 1], which are not modified."""
    view = PerturbedView.of(image)
    for change, chance in chances:
        if rng.random() < chance:
            view = change(rng, view)
    return view


def affinities_of_sections(affinities: Tensor, view: PerturbedView) -> tuple[Tensor, Tensor]:
    """Return a network's affinities of a view, brought back onto the sections.

    Parameters
    ----------
    affinities : (3, z, y, x) float
        Nearest affinities z, y, x of the view.
    view : PerturbedView
        A view of these sections, or of some before them, too.

    Returns
    -------
    (3, z, y, x) float and (3, z, y, x) bool
        The affinities, and a mask of the pairs of voxels that the view shows: not outside of its picture, and not
        between sections that it moved apart.

    Strategy: the steps of the perturbation are undone in reverse: the picture is scaled back into the middle, then each
    section is rolled back, and the rows and columns that came in over the rim are not shown.
    """
    back, shown = _scaled_back(affinities, view.scale)
    unseen = len(view.shifts) - affinities.shape[1]
    for z, (dy, dx) in enumerate(view.shifts[unseen:].tolist()):
        back[:, z] = torch.roll(back[:, z], (-dy, -dx), (1, 2))
        shown[:, z] = torch.roll(shown[:, z], (-dy, -dx), (1, 2))
        shown[:, z, _came_in(dy)] = False
        shown[:, z, :, _came_in(dx)] = False
    moved_apart = np.any(np.diff(view.shifts, axis=0, prepend=view.shifts[:1]), axis=1)
    shown[Z, np.flatnonzero(moved_apart[unseen:])] = False
    return back, shown


def _scaled_back(affinities: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return the middle at its own size, 0 and not shown around it."""
    sides = affinities.shape[-2:]
    middle = [round(n / scale) for n in sides]
    smaller = functional.interpolate(affinities, middle, mode="bilinear", antialias=True)
    (above, below), (left, right) = (((n - m) // 2, n - m - (n - m) // 2) for n, m in zip(sides, middle, strict=True))
    rim = left, right, above, below
    return functional.pad(smaller, rim), functional.pad(torch.ones_like(smaller, dtype=torch.bool), rim)


def _came_in(shift: int) -> slice:
    """Return the rows that a shift by so many moved over the rim, to the other side."""
    return slice(-shift, None) if shift > 0 else slice(0, -shift)
