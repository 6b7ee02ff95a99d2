"""Affinities of any other network -> neurons: the method without its first step.

affinities or boundaries --checks--> our affinities --watershed--> fragments --> region graph --> merge tree
"""

from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import Offset
from napari_emcad.core.errors import UserError
from napari_emcad.core.foreign_affinities import ForeignAffinities, ValueRange, foreign_affinities_of
from napari_emcad.core.geometry import Box, Shape, triple
from napari_emcad.core.parameters import AgglomerationOptions, SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.plan import SectionPlan, check_shape, check_tissue
from napari_emcad.core.volume import Volume
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import Segmented, agglomerate, provenance, recommended_threshold

PREDICTED_WITHOUT = (
    "the affinities were predicted without this plan: where it bridges or shifts sections they may be low, "
    "and neurons may end there"
)
"""Words on a plan for sections that the network did not know."""


def segment_affinities(
    affinities: ForeignAffinities | NDArray[Any],
    offsets: tuple[Offset, ...] | None = None,
    axes: str | None = None,
    value_range: ValueRange | None = None,
    boundaries: bool = False,
    volume: Volume | None = None,
    box: Box | None = None,
    sections: Literal["auto", "as-is"] | SectionPlan = "auto",
    **options: Unpack[AgglomerationOptions],
) -> Segmented:
    """Segment neurons by affinities, or boundaries, that any other network predicted.

    Parameters
    ----------
    affinities : array-like (c, z, y, x) or (z, y, x, c), or ForeignAffinities
        Float from 0 to 1 or uint8 from 0 to 255, 1 = same neuron; not modified. A file is opened with
        `io.foreign_affinities.open_affinity_file`, whose `affinities` are taken here.
    offsets : tuple of (z, y, x), optional
        The step in voxels that each channel is for; left out, three channels are those to the previous voxel on z, y
        and x. Of others, the three to the nearest voxels are used, whether before or after.
    axes : str, optional
        Names of the four axes, such as "zyxc", where two readings are possible.
    value_range : (float, float), optional
        Values that mean 0, a boundary, and 1; left out, 0 and 1 of float, 0 and 255 of uint8.
    boundaries : bool
        True for a map of boundaries (z, y, x), 1 = boundary: an affinity is 1 less the higher one of two voxels.
    volume : array-like (z, y, x), optional
        The stack that they are of, whose sections are looked at.
    box : Box, optional
        Their place in it; None = all of it.
    sections : "auto", "as-is" or SectionPlan
        See `pipeline.segment`; without a volume "auto" uses every section as it is.
    **options
        Fields of `SegmentParameters` for the agglomeration, such as threshold=0.3.

    Raises
    ------
    UserError
        One sentence, if values, axes, offsets, place, plan or a parameter cannot be used.
    """
    source = affinities
    if not isinstance(source, ForeignAffinities):
        source = foreign_affinities_of(source, offsets, axes, value_range, boundaries)
    parameters = resolved(SegmentParameters.of(**options))
    shape = triple(volume.shape if volume is not None else box.stop if box else source.shape)
    box = box or Box.whole(shape)
    _check_place(source, box, shape)
    plan = _plan_for(volume, shape, sections)
    check_tissue(plan, box)
    values = np.zeros((3, *source.shape), np.uint8)
    drive(source.write(values, Box.whole(source.shape)))
    segmentation = drive(agglomerate(values, parameters, plan, box))
    threshold = float(parameters.threshold or 0)
    labels = segmentation.labels(segmentation.table(threshold, parameters.min_size, parameters.crumbs))
    made_by = provenance(card_of_affinities(source.name), parameters, box, **plan_facts(plan))
    return Segmented(labels, segmentation, values, threshold, made_by, plan)


def card_of_affinities(name: str) -> ModelCard:
    """Return the card that stands for the model if affinities of this name come from elsewhere; it has no hash."""
    return ModelCard(title=name)


def resolved(parameters: SegmentParameters) -> SegmentParameters:
    """Return the parameters with a threshold, that of the agglomeration if none was asked for."""
    asked = parameters.threshold
    threshold = recommended_threshold(None, parameters.agglomeration) if asked is None else asked
    return parameters.model_copy(update={"threshold": threshold})


def _check_place(source: ForeignAffinities, box: Box, shape: Shape) -> None:
    if box.shape != source.shape or box.clipped(shape) != box:
        raise UserError(
            f"{source.name}: affinities of the shape of their box in the volume, {box.shape}, are needed, got "
            f"{source.shape} for a volume of shape {shape}; name the box that they are of."
        )


def _plan_for(volume: Volume | None, shape: Shape, sections: str | SectionPlan) -> SectionPlan:
    if isinstance(sections, SectionPlan):
        check_shape(sections, shape)
        return sections
    if sections not in ("auto", "as-is"):
        raise UserError(f'sections: "auto", "as-is" or a SectionPlan is needed, got {sections!r}.')
    if volume is None or sections == "as-is":
        return SectionPlan.as_is(shape)
    return SectionPlan.of_report(drive(inspect_sections(volume)))
