"""Whether a model is made for a volume. No torch here."""

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.stack_kind import GreyLevels, stack_kind
from napari_emcad.networks.card import ModelCard


def kind_warning(card: ModelCard, volume, voxel_size: VoxelSize | None = None) -> str:
    """One sentence where a volume does not look like what a model is made for, "" where nothing speaks against it.

    Parameters
    ----------
    card : ModelCard
        Of the model chosen.
    volume : array-like (z, y, x)
        Grey values of any real dtype; a few sections are read.
    voxel_size : VoxelSize, optional
        In nm, where it is known.
    """
    levels = GreyLevels.of(volume)
    made_for = "optical volume" if card.role == "foreground" else "EM stack"
    seems = stack_kind(levels, voxel_size)
    if seems and seems != made_for:
        other = "a CAD student" if seems == "EM stack" else "an SDASN"
        return f"model: {card.title or card.role} is made for {made_for}s and this looks like an {seems}; use {other}."
    return _levels_warning(card, levels)


def _levels_warning(card: ModelCard, levels: GreyLevels) -> str:
    """Where a model's own grey levels miss those of the volume."""
    if card.black is None or card.white is None:
        return ""
    told = f"{card.title or card.role} takes grey level {card.black:g} for 0 and {card.white:g} for 1"
    if levels.brightest < card.black:
        return f"grey levels: {told}, and the brightest here are {levels.brightest:g}; set black and white."
    if levels.median > card.white:
        return f"grey levels: {told}, and half of the voxels here are above {levels.median:g}; set black and white."
    return ""
