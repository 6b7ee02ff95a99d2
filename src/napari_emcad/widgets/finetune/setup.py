"""Everything that is chosen before a run: networks, crops, budget, and whether uncorrected sections teach."""

from collections.abc import Callable, Sequence
from typing import Any

from napari.utils.events import Event

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import size_text
from napari_emcad.finetuning.folder import TrainingOrder
from napari_emcad.training.params import LEARNS_ALONE, TrainingParameters
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.stack import NO_STACK
from napari_emcad.widgets.finetune.budget import Budget
from napari_emcad.widgets.finetune.crop_places import Place
from napari_emcad.widgets.finetune.crops import Crops
from napari_emcad.widgets.finetune.networks import TrainingNetworks
from napari_emcad.widgets.finetune.outline import CropOutline
from napari_emcad.widgets.finetune.plan import Plan
from napari_emcad.widgets.finetune.request import Request
from napari_emcad.widgets.finetune.runs import runs_folder
from napari_emcad.widgets.finetune.sources import CropSources
from napari_emcad.widgets.finetune.truth import CropTruth, LayerTruth, SessionTruth
from napari_emcad.widgets.kit.layers import voxel_size_of
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.signals import Signal

REST = 700
"""Milliseconds that edits rest before the verified shares are counted again."""

LISTED = "crops: these are listed already."

PAINTED = (
    'Most of "{name}" is 0, which is taken for not painted: its profiles are learnt as they are, and nothing beyond '
    'them. If 0 is boundary, tick "checked".'
)


class RunSetup:
    """The choices for a run, and what follows from all of them together.

    Attributes
    ----------
    networks : TrainingNetworks
    sources : CropSources
    crops : Crops
    outline : CropOutline
    budget : Budget

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk = desk
        self.networks = TrainingNetworks(desk.loop, desk.remembered)
        self.sources, self.crops, self.budget = CropSources(desk), Crops(), Budget()
        self.outline = CropOutline(desk.viewer, self.crops)
        self._uses_uncorrected = False
        self._rest = desk.loop.pause(REST, self.crops.refresh)
        for pick in (self.networks.student, self.networks.teacher):
            pick.failed.connect(desk.message.error)
        for signal in (self.networks.changed, self.crops.changed, self.budget.changed, desk.device.changed):
            signal.connect(self._on_change)
        desk.stack.changed.connect(self._look_for_uncorrected)
        desk.sessions.changed.connect(self._on_session)
        desk.viewer.layers.events.removed.connect(self._on_removed, position="last")

    @property
    def uses_uncorrected(self) -> bool:
        """True if sections that nobody has corrected teach as well."""
        return self._uses_uncorrected

    @uses_uncorrected.setter
    def uses_uncorrected(self, uses: bool) -> None:
        if uses != self._uses_uncorrected:
            self._uses_uncorrected = uses
            self._look_for_uncorrected()

    @property
    def why_not(self) -> str:
        """The reason why no run can be started with these; empty if one can."""
        if self.sources.stack is None:
            return NO_STACK
        return self.networks.why_not or self.crops.why_not(self.networks.mode)

    @property
    def parameters(self) -> TrainingParameters:
        """The parameters of the run."""
        learns_alone = self.networks.mode in LEARNS_ALONE and self._uses_uncorrected
        return self.budget.parameters(self.networks.mode, "ema" if learns_alone else "off")

    @property
    def estimate(self) -> str:
        """The time, memory and disk that the run takes, in words."""
        device, parameters, plan = self._desk.device.device, self.parameters, self.crops.plan
        on = f" on {device.for_training.name}" if device is not None else ""
        disk = f", {size_text(plan.bytes_on_disk)} of disk" if plan is not None and self.crops.places else ""
        return f"{parameters.minutes:g} min at most{on}, ~ {size_text(parameters.memory)} of memory{disk}"

    def add(self, find: Callable[[], Sequence[Place]]) -> None:
        """List the crops that a function of `sources` finds, or say why there are none."""
        try:
            places = find()
            if not self.crops.add(places):
                raise UserError(LISTED)
        except UserError as error:
            self._desk.message.error(error)
            return
        for place in places:
            if isinstance(place.truth, LayerTruth) and not place.all_checked:
                self._desk.message.say(PAINTED.format(name=place.name))

    def request(self) -> Request:
        """Return the run that is asked for.

        Raises
        ------
        UserError
            If none can be started.
        """
        self.crops.refresh()
        plan = self.crops.plan
        if self.why_not or plan is None:
            raise UserError(self.why_not)
        order = TrainingOrder(
            student=self.networks.student_file,
            teacher=self.networks.teacher_file,
            parameters=self.parameters,
            device=self._desk.device.wish,
            about=self._about(plan),
        )
        at = self.sources.session
        session = at.opened.folder if at is not None and not at.opened.why_read_only else None
        return Request.of(runs_folder(session), order, plan, self._desk.choices.parameters())

    def close(self) -> None:
        """Stop all threads and let go of the layers."""
        self._rest.stop()
        self.networks.close()
        self.sources.close()
        self._desk.device.changed.disconnect(self._on_change)
        self._desk.stack.changed.disconnect(self._look_for_uncorrected)
        self._desk.sessions.changed.disconnect(self._on_session)
        self._desk.viewer.layers.events.removed.disconnect(self._on_removed)

    def _about(self, plan: Plan) -> dict[str, Any]:
        """Return the fields of the new model's card that are known before the run."""
        parent = self.networks.learner.card
        about = plan.about(parent.data if parent else "")
        size = voxel_size_of(self.sources.stack)
        return {**about, "voxel_size": list(size)} if size else about

    def _look_for_uncorrected(self) -> None:
        """Put the uncorrected sections of the stack chosen on the plan, if they are to teach."""
        place = None
        if self._uses_uncorrected and self.sources.stack is not None:
            try:
                place = self.sources.uncorrected_place()
            except UserError as error:
                self._desk.message.error(error)
        self.crops.uncorrected = place

    def _on_change(self) -> None:
        self.changed.emit()

    @netted
    def _on_removed(self, event: Event) -> None:
        if self.crops.remove_in(event.value):
            self._desk.message.say(f'The crops in "{event.value.name}" have gone with it.')

    def _on_session(self) -> None:
        """Follow a session that has begun, or has been edited: it says what is true."""
        if self._desk.sessions.current is not None:
            self.crops.put_truths([self._truth_of(place) for place in self.crops.places])
        if self.crops.places:
            self._rest.start()

    def _truth_of(self, place: Place) -> CropTruth:
        """Return the truth of a crop: the session that is open, if all of the crop lies in it."""
        if isinstance(place.truth, LayerTruth):
            return place.truth
        box, truth = self.sources.truth_in(place.stack, place.box)
        return truth if isinstance(truth, SessionTruth) and box == place.box else place.truth
