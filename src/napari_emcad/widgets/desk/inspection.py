"""The look at the sections of the stack chosen: beside the window, stopped at will, and never out of date."""

from dataclasses import dataclass
from math import prod

from napari.components import ViewerModel
from napari.layers import Image, Layer
from psygnal import SignalInstance

from napari_emcad.blocks.sections import placed
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.sections import SectionReport, inspect_levels
from napari_emcad.core.sections.judge import JUDGING
from napari_emcad.core.sections.look import level_to_read
from napari_emcad.core.sections.plan import SectionPlan, sections_around
from napari_emcad.core.volume import Volume
from napari_emcad.core.wording import progress_text
from napari_emcad.io.stacks.locations import Url, parse_location
from napari_emcad.widgets.desk.message import sentence_of
from napari_emcad.widgets.desk.model import ModelPick
from napari_emcad.widgets.desk.section_choices import SectionChoices
from napari_emcad.widgets.desk.section_pictures import SectionPictures
from napari_emcad.widgets.desk.section_use import plan_of_uses
from napari_emcad.widgets.desk.stack import StackPick
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.layer_boxes import section_at, show_section
from napari_emcad.widgets.kit.layers import origin_of, volume_of
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.shared_job import SharedJob
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.kit.stack_levels import resolutions_of
from napari_emcad.workers.estimates import is_foreground

BY_ITSELF = 4_000_000_000
"""Voxels up to which a stack is looked at without being asked: twenty seconds on one core, and the time to read it."""

LOOK, LOOK_AGAIN = "Look at sections", "Look again"
"""Words of the button that looks."""

ADVICE = 'press "Look at sections", or use them as they are'


@dataclass
class StackLook:
    """One stack, what is known of its sections, and how far the look at them is.

    Attributes
    ----------
    layer : Image
    volume : Volume
        What it showed when the look began: a layer that shows another one is another stack.
    levels : list of Volume
        The same at all resolutions that there are, the finest first.
    choices : SectionChoices
    job : SharedJob
    is_wanted : bool
        True while the look is to go on.
    error : str
        The sentence that it ended with; empty if it did not fail.
    """

    layer: Image
    volume: Volume
    levels: list[Volume]
    choices: SectionChoices
    job: SharedJob[SectionReport]
    is_wanted: bool = False
    error: str = ""

    @classmethod
    def of(cls, layer: Image, levels: list[Volume]) -> "StackLook":
        """Return the beginning of a look at the stack that a layer shows now."""
        choices = SectionChoices(triple(levels[0].shape))
        return cls(layer, levels[0], levels, choices, SharedJob(inspect_levels(levels)))

    @property
    def read(self) -> Volume:
        """The level that sections are read from."""
        return level_to_read(self.levels)

    @property
    def is_current(self) -> bool:
        """True if its layer still shows the same stack."""
        return volume_of(self.layer) is self.volume


class Inspection:
    """Looks at the sections of the stack chosen, and keeps what was found and decided for each stack that is open.

    Volumes for a network that finds the foreground of light microscopy have no sections to look at.

    Attributes
    ----------
    pictures : SectionPictures
        Of the stack chosen.

    Signals
    -------
    changed
        Another line, other sections, or other buttons.
    rows_changed
        Other sections are listed, or something else is done with them.
    """

    changed = Signal()
    rows_changed = Signal()

    def __init__(self, viewer: ViewerModel, loop: Loop, stack: StackPick, model: ModelPick):
        self._viewer, self._stack, self._model = viewer, stack, model
        self._jobs, self.pictures = loop.jobs(), SectionPictures(loop)
        self._jobs.progressed.connect(self._on_progress)
        self._progress: Progress | None = None
        self._looks: list[StackLook] = []
        self._current: StackLook | None = None
        self._heard: Image | None = None
        for signal in self._heard_signals:
            signal.connect(self._on_stack)
        self._on_stack()

    @property
    def choices(self) -> SectionChoices | None:
        """The report and the decisions for the stack chosen; None if there is no stack of sections."""
        return self._current.choices if self._current else None

    @property
    def plan(self) -> SectionPlan | None:
        """The plan for the sections of the stack chosen; None while there is none."""
        return self._current.choices.plan if self._current else None

    @property
    def is_looking(self) -> bool:
        """True while sections are looked at."""
        return self._current is not None and self._current.is_wanted

    @property
    def line(self) -> str:
        """One sentence on the sections, or on the look at them; empty without a stack of sections."""
        look = self._current
        if look is None:
            return ""
        if look.is_wanted:
            progress = self._progress or Progress("sections", 0, 1)
            text = progress_text(progress)
            return text.capitalize() if progress.stage == JUDGING else f"Looking at {text}"
        return look.choices.summary or look.error or "Sections have not been looked at."

    @property
    def is_known(self) -> bool:
        """True if it is known what is done with the sections."""
        return self.plan is not None

    @property
    def why_not_add(self) -> str:
        """The reason why the section on screen cannot be listed; empty if it can."""
        choices = self.choices
        return "" if choices is not None and choices.report is not None else "The sections have not been looked at."

    @property
    def look_words(self) -> str:
        """The words of the button that looks."""
        look = self._current
        is_known = look is not None and (look.choices.report or look.choices.given or look.error)
        return LOOK_AGAIN if is_known else LOOK

    @property
    def look_tip(self) -> str:
        """The tooltip of the same button: what is read."""
        if self._current is None:
            return ""
        read = f"Reads {prod(self._current.read.shape) / 1e6:,.0f} million voxels"
        is_full = _is_far(self._current.layer) and self._current.read is self._current.volume
        return f"{read} at full resolution: there is no lower level to look at." if is_full else f"{read}."

    @property
    def section_shown(self) -> int | None:
        """The section of the stack that is on screen; None without a stack of sections."""
        return section_at(self._current.layer, self._viewer.dims.point) if self._current else None

    def look(self) -> None:
        """Look at the sections, or go on with it; a look that is over begins anew."""
        look = self._current
        if look is None or look.is_wanted:
            return
        if look.job.is_over:
            look.job = SharedJob(inspect_levels(look.levels))
            self.pictures.follow(None)
            self.pictures.follow(look.read)
        self._begin(look)

    def stop(self) -> None:
        """Look no further; what has been seen is not seen again."""
        self._jobs.stop()

    def show(self, z: int) -> None:
        """Go to a section of the stack in the viewer."""
        if self._current is not None:
            show_section(self._viewer, self._current.layer, z)

    def add_shown(self) -> int | None:
        """List the section on screen, so that a use can be chosen for it. Return it, or None if that cannot be."""
        z, choices = self.section_shown, self.choices
        if z is None or choices is None or self.why_not_add:
            return None
        choices.add(z)
        return z

    def take_plan(self, layer: Layer, plan: SectionPlan, given_by: str = "the session") -> None:
        """Use a plan that was made elsewhere for the stack in a layer, if it is one for it, and do not look at it."""
        if not isinstance(layer, Image) or tuple(volume_of(layer).shape) != plan.shape:
            return
        look = self._look_at(layer)
        if look is self._current:
            self._jobs.close(0)
        look.is_wanted = False
        look.choices.put_given(plan, given_by)
        self._emit_all()

    def plan_job(self, box: Box) -> Job[SectionPlan | None]:
        """Return a job that gives the plan for a run on the stack: at once, or once sections have been looked at.

        Of a large stack that nobody has looked at, those of the run's box and around it are. One that is far away, or
        could not be looked at, has no plan.
        """
        look = self._current
        if look is None or look.choices.plan is not None or look.error:
            return _known(look.choices.plan if look else None)
        if self._looks_by_itself(look):
            if not look.is_wanted:
                self._begin(look)
            return _seen(look.job, look.choices.interpolates)
        around = sections_around(box, look.volume.shape[0])
        if _is_far(look.layer) or len(around) * prod(look.read.shape[1:]) > BY_ITSELF:
            return _known(None)
        return _seen_around(look.levels, around, look.choices.interpolates)

    def close(self) -> None:
        """Stop looking, and let go of the layers."""
        for signal in self._heard_signals:
            signal.disconnect(self._on_stack)
        self._jobs.close()
        self.pictures.close()
        self._listen_to(None)
        self._looks, self._current = [], None

    # ---- inside ------------------------------------------------------------------------------------------------

    @property
    def _heard_signals(self) -> tuple[SignalInstance, ...]:
        return self._stack.changed, self._stack.facts_changed, self._model.changed

    def _on_stack(self) -> None:
        """Follow the stack chosen: go on with what was begun for it, and forget stacks that are gone."""
        self._looks = [look for look in self._looks if look.layer in self._viewer.layers and look.is_current]
        has_sections = not self._stack.why_not and not is_foreground(self._model.card)
        layer = self._stack.layer if has_sections else None
        now = None if layer is None else self._look_at(layer)
        if now is self._current:
            return
        if self._current is not None:
            self._current.is_wanted = False
            self._jobs.close(0)
        self._listen_to(self._stack.layer)
        self._current = now
        self.pictures.follow(now.read if now else None)
        if now is not None and now.choices.plan is None and not now.job.is_over and self._looks_by_itself(now):
            self._begin(now)
        self._emit_all()

    def _look_at(self, layer: Image) -> StackLook:
        """Return what is known of the stack in a layer."""
        for look in self._looks:
            if look.layer is layer and look.is_current:
                return look
        self._looks.append(StackLook.of(layer, resolutions_of(self._viewer.layers, layer)))
        self._looks[-1].choices.changed.connect(self._on_choices)
        return self._looks[-1]

    def _looks_by_itself(self, look: StackLook) -> bool:
        return not _is_far(look.layer) and prod(look.read.shape) <= BY_ITSELF

    def _begin(self, look: StackLook) -> None:
        look.is_wanted, look.error, self._progress = True, "", None
        self._jobs.start(look.job.drive(), lambda ended: self._on_ended(look, ended))
        self.changed.emit()

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        self.changed.emit()

    def _on_ended(self, look: StackLook, ended: Ended) -> None:
        look.is_wanted = False
        if not look.is_current:
            return
        if ended.error is not None:
            look.error = f"The sections could not be looked at: {sentence_of(ended.error)}"
        elif ended.result is not None:
            look.choices.put_report(ended.result)
        self._emit_all()

    def _listen_to(self, layer: Image | None) -> None:
        """Hear when a layer is given other voxels."""
        if self._heard is not None:
            self._heard.events.data.disconnect(self._on_data)
        self._heard = layer
        if layer is not None:
            layer.events.data.connect(self._on_data)

    @netted
    def _on_data(self, _event: object = None) -> None:
        self._on_stack()

    def _on_choices(self) -> None:
        self._emit_all()

    def _emit_all(self) -> None:
        self.changed.emit()
        self.rows_changed.emit()


def _is_far(layer: Image) -> bool:
    """Return True for a volume behind a URL."""
    source = origin_of(layer)["source"]
    return source is not None and isinstance(parse_location(source), Url)


def _known(plan: SectionPlan | None) -> Job[SectionPlan | None]:
    """Return a plan that is known, as a job."""
    yield from ()
    return plan


def _seen(job: SharedJob[SectionReport], interpolates: bool) -> Job[SectionPlan | None]:
    """Go on with the look at sections, and return the plan that is made of its report by default."""
    return plan_of_uses((yield from job.drive()), {}, interpolates)


def _seen_around(levels: list[Volume], around: range, interpolates: bool) -> Job[SectionPlan | None]:
    """Look at some whole sections, and return the plan for the stack in which the others are used as they are."""
    report = yield from inspect_levels(levels, around)
    return placed(plan_of_uses(report, {}, interpolates), around.start, triple(levels[0].shape))
