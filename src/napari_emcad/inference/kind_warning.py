"""Warnings about models that are not made for a volume, or for its grey levels. No torch here."""

import numpy as np

from napari_emcad.core.contrast import INVERTED, membrane_darkness
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.stack_kind import GreyLevels, stack_kind
from napari_emcad.core.volume import Volume
from napari_emcad.inference.normalisation import choose_normalisation, pale_scale, trained_greys
from napari_emcad.networks.card import GreyRange, ModelCard


def kind_warning(
    card: ModelCard, volume: Volume, voxel_size: VoxelSize | None = None, is_exchanged: bool = False
) -> str:
    """Return one sentence if a volume does not look like those that a model is made for, else "".

    Parameters
    ----------
    card : ModelCard
        Card of the model chosen.
    volume : Volume
        Grey values of any real dtype; a few sections are read.
    voxel_size : VoxelSize, optional
        In nm, if it is known.
    is_exchanged : bool
        True if black and white of the run are exchanged.
    """
    levels = GreyLevels.of(volume)
    suited = "optical volume" if card.role == "foreground" else "EM stack"
    kind = stack_kind(levels, voxel_size)
    if kind and kind != suited:
        other = "a CAD student" if kind == "EM stack" else "an SDASN"
        return f"model: {card.title or card.role} is made for {suited}s and this looks like an {kind}; use {other}."
    if suited == "EM stack":
        return _inversion_warning(card, volume, is_exchanged)
    return _levels_warning(card, levels)


def stretch_note(volume: Volume, black: float, white: float) -> str:
    """Return one sentence if 8-bit grey levels are stretched to a scale of the data, else ""."""
    if volume.dtype != np.uint8 or (black, white) == (0, 255):
        return ""
    return (
        f"grey levels: they fill so little of 8 bits that {black:g} is taken for black and {white:g} for white "
        "(--black 0 --white 255 leaves them as they are)."
    )


def contrast_note(volume: Volume, trained: GreyRange, plan: SectionPlan | None = None) -> str:
    """Return one sentence if 8-bit grey levels are pale beside those of training and not stretched, else ""."""
    scale = pale_scale(volume, trained, plan)
    if scale is None:
        return ""
    return (
        "grey levels: they have little contrast beside those that the model was trained on, and are taken as they are; "
        f"if neurons run together, try --black {scale.low:g} --white {scale.high:g}."
    )


def _inversion_warning(card: ModelCard, volume: Volume, is_exchanged: bool) -> str:
    """Return one sentence if membranes would be bright to the network, else ""."""
    darkness = membrane_darkness(volume)
    name = card.title or card.role
    if darkness <= INVERTED and not is_exchanged:
        levels = choose_normalisation(volume, None, None, trained_greys(card))
        black, white = f"{levels.high:g}", f"{levels.low:g}"
        return (
            f"grey levels: this stack looks inverted, with membranes brighter than cytoplasm, and {name} wants dark "
            f"ones; exchange black and white (--black {black} --white {white})."
        )
    if darkness >= -INVERTED and is_exchanged:
        return (
            f"grey levels: membranes are dark in this stack as {name} wants them, and black above white makes them "
            "bright; set black below white."
        )
    return ""


def _levels_warning(card: ModelCard, levels: GreyLevels) -> str:
    """Return one sentence if a model's own grey levels miss those of the volume, else ""."""
    if card.black is None or card.white is None:
        return ""
    scale = f"{card.title or card.role} takes grey level {card.black:g} for 0 and {card.white:g} for 1"
    if levels.brightest < card.black:
        return f"grey levels: {scale}, and the brightest here are {levels.brightest:g}; set black and white."
    if levels.median > card.white:
        return f"grey levels: {scale}, and half of the voxels here are above {levels.median:g}; set black and white."
    return ""
