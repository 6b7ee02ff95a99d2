"""Neurons that are there, cut and agglomerated again as threshold and settings move."""

import numpy as np

from napari_emcad import optical
from napari_emcad.core.errors import UserError
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.wording import neurons_text
from napari_emcad.pipeline import recommended_threshold
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.desk.neurites import Neurites
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.results import Results
from napari_emcad.widgets.desk.runs import Runs
from napari_emcad.widgets.desk.threshold import NOTHING_YET
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.workers.estimates import is_foreground
from napari_emcad.workers.segmentation import Cut, CutNeurons, agglomerate_again

SETTLE = 700
"""Milliseconds that seed smoothing or scoring rest before the neurons are agglomerated again."""


class Recut:
    """Lets threshold and settings act on the neurons or neurites that are there, and counts them."""

    def __init__(self, loop: Loop, choices: Choices, runs: Runs, results: Results, neurites: Neurites):
        self._choices, self._runs, self._results, self._neurites = choices, runs, results, neurites
        self._jobs, self._message = choices.jobs, choices.message
        self._is_optical = False
        self._again = loop.pause(SETTLE, self.agglomerate_again)
        self._counting = AtRest(loop, self._count, self._show_count, self._fragments)
        self._connect()
        self._recommend()

    def close(self) -> None:
        """Stop all that waits."""
        self._again.stop()
        self._counting.stop()

    def agglomerate_again(self) -> None:
        """Make neurons anew from the affinities that are there, if the settings ask for other fragments."""
        result = self._results.current
        if result is None or self._has_these_fragments(result):
            return
        if result.is_edited or not isinstance(result.affinities, np.ndarray):
            self._put_back(result)
            why_not = "these neurons are being proofread, and other fragments would lose the edits"
            self._message.error(UserError(f"agglomerate: {why_not}; press Run for a new result."))
        elif self._jobs.running:
            self._again.start()
        else:
            self._message.say("Agglomerating again from the affinities that are there.")
            sections = PlannedBox.of(result.plan, result.box)
            parameters = self._choices.parameters().model_copy(update={"scale": result.parameters.scale})
            job = agglomerate_again(result.affinities, parameters, self._cut(), sections)
            self._jobs.start(job, self._on_agglomerated)

    def _connect(self) -> None:
        settings, threshold = self._choices.settings, self._choices.threshold
        threshold.moved.connect(self._on_cut)
        settings.cut_changed.connect(self._on_cut)
        settings.fragments_changed.connect(self._on_fragments)
        settings.agglomeration_changed.connect(self._on_agglomeration)
        settings.look_changed.connect(self._on_look)
        settings.palette_changed.connect(self._on_palette)
        self._choices.model.changed.connect(self._on_model)
        self._results.changed.connect(self._on_results)
        self._neurites.changed.connect(self._on_neurites)

    def _cut(self) -> Cut:
        values = self._choices.settings.values
        return Cut(self._choices.threshold.value, values.min_size, values.crumbs)

    def _on_cut(self) -> None:
        if self._neurites.current is not None:
            self._neurites.cut(self._choices.threshold.value, self._choices.settings.values.min_size)
        else:
            self._results.cut(self._cut())

    def _on_fragments(self) -> None:
        self._again.start()

    def _on_look(self) -> None:
        for result in filter(None, (self._runs.under_way, self._results.current)):
            self._results.show_affinities(result, self._choices.settings.shows_channels)

    def _on_palette(self) -> None:
        self._results.choose_palette(self._choices.settings.palette)

    def _has_these_fragments(self, result: Result) -> bool:
        return self._choices.settings.of_fragments.items() <= result.parameters.model_dump().items()

    def _put_back(self, result: Result) -> None:
        """Show the settings and the threshold that made the neurons that are there."""
        self._choices.settings.put(result.parameters)
        self._choices.threshold.put(result.neurons.cut.threshold)

    def _on_agglomerated(self, ended: Ended) -> None:
        result = self._results.current
        if ended.result is not None and result is not None:
            self._take(result, *ended.result)
        elif result is not None:
            self._put_back(result)
            self._message.result("Stopped: the neurons are those from before.")
        if ended.error is not None:
            self._message.error(ended.error)

    def _take(self, result: Result, segmentation: Segmentation, neurons: CutNeurons) -> None:
        result.parameters = result.parameters.model_copy(update=self._choices.settings.of_fragments)
        self._results.show_segmentation(result, segmentation, neurons)
        self._message.result(f"{neurons_text(result.neurons.sizes)}; nothing was predicted again.")

    def _on_agglomeration(self) -> None:
        """Forget the threshold of another agglomeration, as it means nothing for this one."""
        self._choices.threshold.forget()
        self._recommend()

    def _on_model(self) -> None:
        card = self._choices.model.card
        if is_foreground(card) is not self._is_optical:
            self._is_optical = not self._is_optical
            self._choices.threshold.forget()
        self._recommend()
        self._choices.settings.follow(card)
        current = self._results.current
        if current is not None and self._results.is_settled:  # neurons on screen stay where they are
            self._choices.threshold.put(current.neurons.cut.threshold)

    def _recommend(self) -> None:
        card, threshold = self._choices.model.card, self._choices.threshold
        if card is not None and is_foreground(card):
            threshold.recommend(optical.recommended_threshold(card), "Higher keeps less, lower keeps more.")
        else:
            threshold.recommend(recommended_threshold(card, self._choices.settings.values.agglomeration))

    def _on_results(self) -> None:
        if self._results.current is None:
            self._counting.stop()
            self._choices.threshold.read_out = NOTHING_YET
        else:
            self._counting.ask()

    def _fragments(self) -> int:
        return len(self._results.current.neurons.table) if self._results.current else 0

    def _count(self) -> str:
        return neurons_text(self._results.current.neurons.sizes) if self._results.current else NOTHING_YET

    def _show_count(self, words: str) -> None:
        self._choices.threshold.read_out = words

    def _on_neurites(self) -> None:
        if self._neurites.current is not None:
            self._choices.threshold.read_out = neurons_text(self._neurites.current.sizes, "neurite")
