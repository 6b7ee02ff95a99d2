"""Labels against a ground truth: which layers, on what both cover, and what comes out."""

from napari.layers import Layer

from napari_emcad.core.errors import UserError
from napari_emcad.core.scores import Scores, score
from napari_emcad.core.volume import Volume
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.array_part import part_of
from napari_emcad.widgets.kit.jobs import Ended, one_step
from napari_emcad.widgets.kit.labels_view import FragmentLabels
from napari_emcad.widgets.kit.layer_boxes import overlap
from napari_emcad.widgets.kit.layer_pick import LayerPick
from napari_emcad.widgets.kit.layers import LAYER_KIND, is_labels, volume_of
from napari_emcad.widgets.kit.signals import Signal

NOTHING_YET = "VOI and ARAND: 0 is perfect."


class Evaluation:
    """Compares two Labels layers in a thread.

    Attributes
    ----------
    labels, truth : LayerPick
        The layer to judge, and the one that is right.
    read_out : str
        The scores found last.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._jobs, self._message = desk.jobs, desk.message
        self.labels, self.truth = LayerPick(desk.viewer, can_be_judged), LayerPick(desk.viewer, can_be_truth)
        self.read_out = NOTHING_YET
        for signal in (self.labels.changed, self.truth.changed, desk.jobs.running_changed):
            signal.connect(self._on_change)
        desk.layers_changed.connect(self._follow_layers)

    @property
    def why_not(self) -> str:
        """The reason that nothing can be compared now; empty if something can."""
        if not (self.labels.layer and self.truth.layer):
            return "Needs two Labels layers: neurons and a truth."
        if self.labels.layer is self.truth.layer:
            return "Choose two different layers."
        return "A job is running." if self._jobs.running else ""

    def compare(self) -> None:
        """Compare in a thread, on what both layers cover."""
        try:
            if self.why_not:
                raise UserError(self.why_not)
            parts = self._parts()
        except UserError as error:
            self._message.error(error)
            return
        self._put("comparing ...")
        self._jobs.start(one_step(score, *parts, stage="comparing"), self._on_ended)

    def _parts(self) -> tuple[Volume, Volume]:
        """Return the part of labels and truth that both cover, the labels as they stand now."""
        labels, truth = self.labels.layer, self.truth.layer
        inside_labels, inside_truth = overlap(labels, truth)
        return part_of(snapshot(volume_of(labels)), inside_labels), part_of(volume_of(truth), inside_truth)

    def _on_ended(self, ended: Ended) -> None:
        if ended.result is not None:
            words = scores_text(ended.result)
            self._put(words)
            self._message.result(words.replace("\n", "; "))
            return
        self._put(NOTHING_YET)
        if ended.error is not None:
            self._message.error(ended.error)
        else:
            self._message.result("Comparison stopped.")

    def _put(self, words: str) -> None:
        self.read_out = words
        self.changed.emit()

    def _follow_layers(self) -> None:
        self.labels.follow_layers()
        self.truth.follow_layers()
        self.changed.emit()

    def _on_change(self) -> None:
        self.changed.emit()


def scores_text(scores: Scores) -> str:
    """Return scores in two lines, such as "VOI 0.61 bits (split 0.40, merge 0.21)", then ARAND."""
    return (
        f"VOI {scores.voi:.3f} bits (split {scores.voi_split:.3f}, merge {scores.voi_merge:.3f})\n"
        f"ARAND {scores.arand:.3f}, {scores.segments:,} segments on labelled truth"
    )


def snapshot(labels: Volume) -> Volume:
    """Return neurons as they stand now, while the slider may move on."""
    return labels.snapshot() if isinstance(labels, FragmentLabels) else labels


def can_be_judged(layer: Layer) -> bool:
    """Return True for labels of any kind but our fragments."""
    return is_labels(layer) and layer.metadata.get(LAYER_KIND) != "fragments"


def can_be_truth(layer: Layer) -> bool:
    """Return True for labels that somebody opened or painted."""
    return is_labels(layer) and LAYER_KIND not in layer.metadata
