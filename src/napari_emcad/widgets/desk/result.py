"""The result of a run: affinities first, fragments and neurons once it is done."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels, Layer

from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters, provenance
from napari_emcad.widgets.desk.neuron_colours import NeuronColours
from napari_emcad.widgets.kit.labels_view import FragmentLabels
from napari_emcad.widgets.kit.layers import layer_place, origin_of, size_source_of
from napari_emcad.workers.segmentation import CutNeurons


@dataclass
class ShownNeurons:
    """Neurons in a viewer.

    Attributes
    ----------
    segmentation : Segmentation
    neurons : CutNeurons
        The cut that they are at, or for edited ones at rest.
    view : FragmentLabels
        The data of their layer: all that moves with the threshold is its table.
    layer : Labels
    colours : NeuronColours
    fragment_layer : Labels or None
        Hidden; None once a person has removed it.
    name : str
        The name that the layer was given; a person who gives it another one wants to keep it.
    """

    segmentation: Segmentation
    neurons: CutNeurons
    view: FragmentLabels
    layer: Labels
    colours: NeuronColours
    fragment_layer: Labels | None
    name: str = ""

    @property
    def is_renamed(self) -> bool:
        """True if a person has given the neurons another name."""
        return self.layer.name != self.name


@dataclass(eq=False)
class Result:
    """The result of a run on one box of a stack, which is under way or done.

    Attributes
    ----------
    source : Image or Labels
        The stack, or an image or labels that stand for it.
    box : Box
        Of the source, in its voxels.
    parameters : SegmentParameters
        Resolved once the run is done.
    affinities : (3, z, y, x) uint8 or None
        Written while the run goes on; None for neurons that were made without.
    is_trial : bool
        True for a section or a box to look at.
    sections_done : int
    affinity_layers : list of Image
    plan : SectionPlan or None
        What was done with the sections of the source; None if they were used as they are.
    card : ModelCard
        Empty until the model has been read, and for neurons that were made without one.
    read_from : dict or None
        `AffinityFile.facts` of the file that the affinities were read from; None if they were predicted.
    is_edited : bool
        True if people have edited the neurons: neither threshold nor settings touch them.
    session_folder : Path or None
        The session with the edits.
    done : frozenset of int
        Neurons that were ticked as done.
    shown : ShownNeurons or None
        None while the run is under way. The properties `segmentation`, `neurons`, `view`, `neuron_layer`,
        `colours` and `fragment_layer` are its parts, and must not be asked for before.
    """

    source: Image | Labels
    box: Box
    parameters: SegmentParameters
    affinities: AffinityVolume | None
    is_trial: bool = False
    sections_done: int = 0
    affinity_layers: list[Image] = field(default_factory=list)
    card: ModelCard = field(default_factory=ModelCard)
    plan: SectionPlan | None = None
    read_from: dict[str, Any] | None = None
    is_edited: bool = False
    session_folder: Path | None = None
    done: frozenset[int] = frozenset()
    shown: ShownNeurons | None = None

    @property
    def segmentation(self) -> Segmentation:
        """Fragments, region graph and merge tree."""
        return self._shown.segmentation

    @property
    def neurons(self) -> CutNeurons:
        """The neurons shown."""
        return self._shown.neurons

    @property
    def view(self) -> FragmentLabels:
        """The data of the neurons layer."""
        return self._shown.view

    @property
    def neuron_layer(self) -> Labels:
        """The layer of the neurons."""
        return self._shown.layer

    @property
    def colours(self) -> NeuronColours:
        """The colours of the neurons."""
        return self._shown.colours

    @property
    def fragment_layer(self) -> Labels | None:
        """The layer of the fragments; None once a person has removed it."""
        return self._shown.fragment_layer

    @property
    def label_layers(self) -> list[Labels]:
        """Fragments and neurons; empty while the run is under way."""
        layers = (self.shown.fragment_layer, self.shown.layer) if self.shown else ()
        return [layer for layer in layers if layer is not None]

    @property
    def layers(self) -> list[Layer]:
        """All layers of this result."""
        return [*self.affinity_layers, *self.label_layers]

    def makes_room_for(self, other: "Result") -> bool:
        """Return True if the next run takes the place of these neurons.

        Nobody has edited or renamed them; they are a trial, or lie in its box of the same stack and it is none.
        """
        if self is other or self.shown is None or self.is_edited or self.shown.is_renamed:
            return False
        return self.is_trial or (not other.is_trial and self.source is other.source and self.box.lies_in(other.box))

    def provenance(self) -> dict[str, Any]:
        """Return the model, the plan for the sections and the parameters that give the neurons as they stand."""
        cut = self.neurons.cut
        used = self.parameters.model_copy(
            update={"threshold": cut.threshold, "min_size": cut.min_size, "crumbs": cut.crumbs}
        )
        more: dict[str, Any] = {
            "voxel_size_source": size_source_of(self.source),
            **layer_place(self.source),
            **plan_facts(self.plan),
        }
        if self.read_from:
            more["affinities"] = self.read_from
        return provenance(self.card, used, self.box, **origin_of(self.source), **more)

    @property
    def _shown(self) -> ShownNeurons:
        assert self.shown is not None, "the run is under way"
        return self.shown
