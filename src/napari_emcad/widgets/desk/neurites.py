"""The foreground of an optical volume and the neurites in it: two layers, and the threshold that moves over them."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_emcad import optical
from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import neurites
from napari_emcad.core.parameters import OpticalParameters, ResolvedOpticalParameters
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.segmentation import fragment_sizes
from napari_emcad.core.volume import Volume
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import provenance
from napari_emcad.widgets.kit.at_rest import REST
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.layers import LAYER_KIND, layer_place, origin_of, place_of, remove_layer, voxel_size_of
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.signals import Signal


@dataclass
class ForegroundRun:
    """A run on one box of a volume.

    Attributes
    ----------
    source : Image
    box : Box
        Of the source, in its voxels.
    parameters : OpticalParameters
    probability : (z, y, x) uint8
        x 255; written while the run goes on.
    layer : Image or None
        The layer of the probability.
    """

    source: Image
    box: Box
    parameters: OpticalParameters
    probability: NDArray[np.uint8] = field(init=False)
    layer: Image | None = None

    def __post_init__(self) -> None:
        self.probability = np.zeros(self.box.shape, np.uint8)


@dataclass(frozen=True)
class ForegroundResult:
    """The output of a run: labels (z, y, x) uint32 of the neurites, the resolved parameters, and the model's card."""

    labels: NDArray[np.uint32]
    parameters: ResolvedOpticalParameters
    card: ModelCard


@dataclass(eq=False)
class Foreground:
    """Neurites that a run has found.

    Attributes
    ----------
    run : ForegroundRun
    parameters : ResolvedOpticalParameters
        Threshold and smallest size are those asked for last.
    card : ModelCard
    labels_layer : Labels
        The layer of the neurites.
    sizes : (n,) int64
        Voxels of each neurite, the largest first.
    name : str
        The name that the layer was given.
    is_painted : bool
        True once a person has painted over them.
    """

    run: ForegroundRun
    parameters: ResolvedOpticalParameters
    card: ModelCard
    labels_layer: Labels
    sizes: NDArray[np.int64]
    name: str = field(init=False)
    is_painted: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.name = self.labels_layer.name
        self.labels_layer.events.labels_update.connect(self._on_paint)

    def makes_room_for(self, run: ForegroundRun) -> bool:
        """Return True if the next run takes the place of these: nobody has painted or renamed them.

        They lie in its box of the same volume.
        """
        layer = self.labels_layer
        if self.is_painted or layer.name != self.name or not np.array_equal(fragment_sizes(layer.data)[1:], self.sizes):
            return False
        return self.source is run.source and self.box.lies_in(run.box)

    @netted
    def _on_paint(self, _event: object = None) -> None:
        self.is_painted = True

    @property
    def source(self) -> Image:
        """The optical volume."""
        return self.run.source

    @property
    def box(self) -> Box:
        """The box of the run, in voxels of the source."""
        return self.run.box

    @property
    def probability(self) -> NDArray[np.uint8]:
        """Probability of each voxel to be foreground, x 255, (z, y, x)."""
        return self.run.probability

    @property
    def layers(self) -> list[Layer]:
        """Probability and neurites."""
        return [layer for layer in (self.run.layer, self.labels_layer) if layer is not None]


def neurites_job(volume: Volume, model: Path, run: ForegroundRun) -> Job[ForegroundResult]:
    """Load a foreground network, predict, and label the neurites."""
    yield Progress("loading the model", 0, 1)
    from napari_emcad.networks.checkpoint import load_foreground

    network, card = load_foreground(model)
    parameters = optical.resolve_parameters(run.parameters, volume, card)
    labels = yield from optical.run(volume, network, run.probability, run.box, parameters)
    return ForegroundResult(labels, parameters, card)


class Neurites:
    """The neurites in a viewer, over which the threshold moves as long as nothing was segmented after them.

    Signals
    -------
    changed
        There are neurites now, or other ones, or none any more.
    failed : Exception
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, viewer: ViewerModel, loop: Loop):
        self._viewer = viewer
        self._labeller = loop.jobs()
        self._rest = loop.pause(REST, self._label_again)
        self.current: Foreground | None = None
        self._before: list[Foreground] = []

    @property
    def is_settled(self) -> bool:
        """True if the neurites shown are those of the threshold asked for."""
        return not self._rest.is_active and not self._labeller.running

    def begin(self, run: ForegroundRun) -> None:
        """Show the probability of a run that starts, still empty; the neurites from before are hidden."""
        for layer in self.current.layers if self.current else []:
            layer.visible = False
        self._before += [self.current] if self.current else []
        self.drop()
        image = Image(run.probability, colormap="magma", contrast_limits=(0, 255), **_named(run, "foreground"))
        run.layer = self._viewer.add_layer(image)

    def progress(self, run: ForegroundRun) -> None:
        """Repaint the probability: some sections have been finished."""
        if run.layer is not None and run.layer in self._viewer.layers:
            run.layer.refresh(extent=False)

    def end_early(self, run: ForegroundRun) -> None:
        """End a run that was stopped or failed: nothing of it is kept, and the neurites from before are shown again."""
        remove_layer(self._viewer, run.layer)
        if self._before and self._before[-1].labels_layer in self._viewer.layers:
            self.current = self._before.pop()
            self.current.labels_layer.visible = True
            self.changed.emit()

    def finish(self, run: ForegroundRun, output: ForegroundResult) -> None:
        """Show the neurites of a run that is done, in the place of those before it that nobody has changed.

        Its probability stays, hidden.
        """
        self._make_room(run)
        if run.layer is not None:
            run.layer.visible = False
        layer = self._viewer.add_layer(Labels(output.labels, opacity=0.7, **_named(run, "neurites")))
        self.current = Foreground(run, output.parameters, output.card, layer, np.zeros(0, np.int64))
        self._tell(self.current)

    def cut(self, threshold: float, min_size: int) -> None:
        """Show the current neurites at another threshold, or smallest size in voxels, once these rest."""
        if self.current is not None:
            change = {"threshold": threshold, "min_size": min_size}
            self.current.parameters = self.current.parameters.model_copy(update=change)
            self._rest.start()

    def drop(self) -> None:
        """Let the threshold move over these no more; their layers stay."""
        self._rest.stop()
        self._labeller.stop()
        if self.current is not None:
            self.current = None
            self.changed.emit()

    def forget_removed(self) -> None:
        """Forget layers that were removed: neurites without their layer are none."""
        if self.current is not None and self.current.labels_layer not in self._viewer.layers:
            self.drop()

    def close(self) -> None:
        """Let go of everything; the layers stay in the viewer."""
        self._rest.stop()
        self._labeller.close()

    def _make_room(self, run: ForegroundRun) -> None:
        here = [found for found in self._before if found.labels_layer in self._viewer.layers]
        going = [found for found in here if found.makes_room_for(run)]
        self._before = [found for found in here if found not in going]
        for layer in (layer for found in going for layer in found.layers):
            remove_layer(self._viewer, layer)

    def _label_again(self) -> None:
        if (found := self.current) is not None:
            label = partial(neurites, found.probability, found.parameters.threshold, found.parameters.min_size)
            self._labeller.start(one_step(label), partial(self._on_labels, found))

    def _on_labels(self, found: Foreground, ended: Ended) -> None:
        if ended.error is not None:
            self.failed.emit(ended.error)
        elif ended.result is not None and found is self.current:
            found.labels_layer.data = ended.result
            self._tell(found)

    def _tell(self, found: Foreground) -> None:
        stated = provenance(
            found.card, found.parameters, found.box, **origin_of(found.source), **layer_place(found.source)
        )
        found.labels_layer.metadata["provenance"] = stated
        found.sizes = fragment_sizes(found.labels_layer.data)[1:]
        self.changed.emit()


def _named(run: ForegroundRun, what: str) -> dict[str, Any]:
    """Return name, place and origin of a layer.

    The neurites carry no kind of ours: they are labels as any others, to be corrected, saved and proofread.
    """
    size = voxel_size_of(run.source)
    origin = {"voxel_size_nm": size and tuple(size), "source": origin_of(run.source)["source"]}
    kind = {LAYER_KIND: what} if what == "foreground" else {}
    return {
        "name": f"{run.source.name} {what}",
        "metadata": kind | origin,
        **place_of(run.source, run.box.start),
    }
