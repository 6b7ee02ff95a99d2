"""What a foreground network finds in an optical volume: two layers, and the threshold that moves over them."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_emcad import optical
from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import neurites
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.segmentation import fragment_sizes
from napari_emcad.networks.card import ModelCard
from napari_emcad.optical import OpticalParameters
from napari_emcad.pipeline import provenance
from napari_emcad.widgets.kit.at_rest import REST
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.layers import LAYER_KIND, origin_of, place_of, remove_layer, voxel_size_of


@dataclass
class Foreground:
    """A run on one box of a volume, under way or done.

    Attributes
    ----------
    source : Image
    box : Box
    parameters : OpticalParameters
        Settled once the run is done.
    probability : (z, y, x) uint8
        x 255; written while it runs.
    sizes : (n,) int64
        Voxels of each neurite, the largest first.
    """

    source: Image
    box: Box
    parameters: OpticalParameters
    probability: NDArray[np.uint8] = field(init=False)
    probability_layer: Image | None = None
    labels_layer: Labels | None = None
    card: ModelCard | None = None
    sizes: NDArray[np.int64] | None = None

    def __post_init__(self):
        self.probability = np.zeros(self.box.shape, np.uint8)

    @property
    def layers(self) -> list[Layer]:
        """Those there are."""
        return [layer for layer in (self.probability_layer, self.labels_layer) if layer is not None]


def finding(volume: Any, model: Path, run: Foreground) -> Job[tuple[NDArray[np.uint32], OpticalParameters, ModelCard]]:
    """Load a foreground network, predict and label; what it used is told with the neurites."""
    yield Progress("loading the model", 0, 1)
    from napari_emcad.networks.checkpoint import load_foreground

    network, card = load_foreground(model)
    parameters = optical.resolve_parameters(run.parameters, volume, card)
    labels = yield from optical.run(volume, network, run.probability, run.box, parameters)
    return labels, parameters, card


class Neurites:
    """The neurites in a viewer, over which the threshold moves while they are the last that was made.

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

    @property
    def is_settled(self) -> bool:
        """Whether the neurites shown are those of the threshold asked for."""
        return not self._rest.is_active and not self._labeller.running

    def begin(self, run: Foreground) -> None:
        """Show the probability of a run that starts, still empty; what the one before has found is hidden."""
        for layer in self.current.layers if self.current else []:
            layer.visible = False
        self.drop()
        image = Image(run.probability, colormap="magma", contrast_limits=(0, 255), **_named(run, "foreground"))
        run.probability_layer = self._viewer.add_layer(image)

    def progress(self, run: Foreground) -> None:
        """Some sections have been finished."""
        if run.probability_layer in self._viewer.layers:
            run.probability_layer.refresh(extent=False)

    def end_early(self, run: Foreground) -> None:
        """A run was stopped or failed."""
        for layer in run.layers:
            remove_layer(self._viewer, layer)

    def finish(self, run: Foreground, labels: NDArray[np.uint32], parameters: OpticalParameters, card) -> None:
        """Show the neurites of a run that is done; its probability stays, hidden."""
        run.parameters, run.card = parameters, card
        run.probability_layer.visible = False
        run.labels_layer = self._viewer.add_layer(Labels(labels, opacity=0.7, **_named(run, "neurites")))
        self.current = run
        self._tell()

    def cut(self, threshold: float, min_size: int) -> None:
        """Another threshold, or smallest size, of the current ones: when it rests."""
        self.current.parameters = self.current.parameters.model_copy(
            update={"threshold": threshold, "min_size": min_size}
        )
        self._rest.start()

    def drop(self) -> None:
        """The threshold moves over these no more; their layers stay."""
        self._rest.stop()
        self._labeller.stop()
        if self.current is not None:
            self.current = None
            self.changed.emit()

    def forget_removed(self) -> None:
        """Layers have been removed: neurites without their layer are none."""
        if self.current is not None and self.current.labels_layer not in self._viewer.layers:
            self.drop()

    def close(self) -> None:
        """Let go of everything; the layers stay in the viewer."""
        self._rest.stop()
        self._labeller.close()

    def _label_again(self) -> None:
        run = self.current
        label = partial(neurites, run.probability, run.parameters.threshold, run.parameters.min_size)
        self._labeller.start(one_step(label), partial(self._on_labels, run))

    def _on_labels(self, run: Foreground, ended: Ended) -> None:
        if ended.error is not None:
            self.failed.emit(ended.error)
        elif ended.result is not None and run is self.current:
            run.labels_layer.data = ended.result
            self._tell()

    def _tell(self) -> None:
        run = self.current
        made = provenance(run.card, run.parameters, run.box, **origin_of(run.source))
        run.labels_layer.metadata["provenance"] = made
        run.sizes = fragment_sizes(run.labels_layer.data)[1:]
        self.changed.emit()


def _named(run: Foreground, what: str) -> dict[str, Any]:
    """Name, place and origin of a layer. The neurites are labels as any others: to be corrected, saved, proofread."""
    size = voxel_size_of(run.source)
    origin = {"voxel_size_nm": size and tuple(size), "source": origin_of(run.source)["source"]}
    made = {LAYER_KIND: what} if what == "foreground" else {}
    return {
        "name": f"{run.source.name} {what}",
        "metadata": made | origin,
        **place_of(run.source, run.box.start),
    }
