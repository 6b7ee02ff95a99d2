"""The pixel size that a network is shown a stack at: its own, or that of the stacks that the network was trained on."""

from math import ceil

from napari_emcad.core.geometry import Shape, VoxelSize

Scale = tuple[float, float]
"""Pixels of a stack on y and x that are as long as one of those that a network sees; above 1 it sees fewer."""

OWN: Scale = (1.0, 1.0)
"""The scale at which a network sees a stack as it is."""

ALIKE = 1.25
"""Factor up to which pixels that are finer or coarser than those of the training data are shown as they are."""

FINEST, COARSEST = 16.0, 4.0
"""Factors up to which pixels may be finer and coarser than what a network sees.

In coarser ones membranes are lost, and a network would go through many times the pixels for nothing.
"""

FUZZ = 1e-6
"""Part of a pixel that counts as none, since lengths in nm are rounded."""


def scale_between(stack: VoxelSize | None, trained: VoxelSize | None) -> Scale:
    """Return the scale at which a stack has the pixels that a network was trained on.

    `OWN` if they are alike, too far apart, or not known.

    Parameters
    ----------
    stack, trained : VoxelSize, optional
        In nm.
    """
    scale = _factors(stack, trained)
    return scale if _are_unlike(scale) and can_be_seen(scale) else OWN


def can_be_seen(scale: Scale) -> bool:
    """Return True if a network can be shown a stack at a scale."""
    return all(1 / COARSEST <= factor <= FINEST for factor in scale)


def pixel_size_note(stack: VoxelSize | None, trained: VoxelSize | None, scale: Scale) -> str:
    """Return one sentence if pixels are unlike those of the training data, and what is done about it; else "".

    Parameters
    ----------
    stack, trained : VoxelSize, optional
        In nm.
    scale : (y, x)
        The scale of the run.
    """
    if stack is None or trained is None or not _are_unlike(_factors(stack, trained)):
        return ""
    sizes = f"pixel size: {_pixel_text(stack)} here, {_pixel_text(trained)} where the model learnt"
    if scale == OWN:
        return f"{sizes}, and it sees this stack as it is; try a section first."
    seen = _pixel_text(VoxelSize(stack.z, stack.y * scale[0], stack.x * scale[1]))
    return f"{sizes}; it sees this stack at {seen}, and neurons keep all pixels."


def _factors(stack: VoxelSize | None, trained: VoxelSize | None) -> Scale:
    return OWN if stack is None or trained is None else (trained.y / stack.y, trained.x / stack.x)


def _are_unlike(scale: Scale) -> bool:
    return max(*scale, *(1 / factor for factor in scale)) > ALIKE


def _pixel_text(size: VoxelSize) -> str:
    """Return the size of pixels as text: "6 nm", or "4 x 5 nm" (y x) if they are not square."""
    y, x = f"{size.y:.3g}", f"{size.x:.3g}"
    return f"{x} nm" if x == y else f"{y} x {x} nm"


def seen_shape(shape: Shape, scale: Scale) -> Shape:
    """Return the shape (z, y, x) that a network sees a volume at."""
    z, *section = shape
    y, x = (max(1, ceil(n / factor - FUZZ)) for n, factor in zip(section, scale, strict=True))
    return z, y, x
