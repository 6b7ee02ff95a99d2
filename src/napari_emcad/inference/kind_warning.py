"""Warnings about models that are not made for a volume. No torch here."""

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.stack_kind import GreyLevels, stack_kind
from napari_emcad.core.volume import Volume
from napari_emcad.networks.card import ModelCard


def kind_warning(card: ModelCard, volume: Volume, voxel_size: VoxelSize | None = None) -> str:
    """Return one sentence if a volume does not look like those that a model is made for, else "".

    Parameters
    ----------
    card : ModelCard
        Card of the model chosen.
    volume : Volume
        Grey values of any real dtype; a few sections are read.
    voxel_size : VoxelSize, optional
        In nm, if it is known.
    """
    levels = GreyLevels.of(volume)
    suited = "optical volume" if card.role == "foreground" else "EM stack"
    kind = stack_kind(levels, voxel_size)
    if kind and kind != suited:
        other = "a CAD student" if kind == "EM stack" else "an SDASN"
        return f"model: {card.title or card.role} is made for {suited}s and this looks like an {kind}; use {other}."
    return _levels_warning(card, levels)


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
