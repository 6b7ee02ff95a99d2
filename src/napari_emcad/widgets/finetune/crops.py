"""The crops chosen for a run, their roles, and the plan that follows from them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from napari.layers import Layer

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import count, shape_text
from napari_emcad.training.params import HEARS_TEACHER, NEEDS_LABELS, Mode
from napari_emcad.widgets.finetune.crop_places import Place, Role, free_name
from napari_emcad.widgets.finetune.plan import Plan
from napari_emcad.widgets.finetune.truth import CropTruth
from napari_emcad.widgets.kit.signals import Signal

NO_CROPS = "Add a crop first: a box, done neurons, edits, or labels."


class Crops:
    """The list of crops.

    Attributes
    ----------
    places : sequence of Place
        The crops listed.
    roles : sequence of Role
        The role of each crop listed.
    plan : Plan or None
        None if no plan can be made, for the reason in `why_no_plan`.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self._automatic = True
        self._uncorrected: Place | None = None
        self.places: tuple[Place, ...] = ()
        self.roles: tuple[Role, ...] = ()
        self.plan: Plan | None = None
        self.why_no_plan = ""
        self._plan()

    @property
    def automatic(self) -> bool:
        """True if the crops to hold out are chosen automatically."""
        return self._automatic

    @automatic.setter
    def automatic(self, automatic: bool) -> None:
        if automatic == self._automatic:
            return
        if not automatic and self.plan is not None:  # the roles stay as they were chosen
            self.places = tuple(replace(p, role=r) for p, r in zip(self.places, self.roles, strict=True))
        self._automatic = automatic
        self.refresh()

    @property
    def uncorrected(self) -> Place | None:
        """Sections that teach too, without being listed."""
        return self._uncorrected

    @uncorrected.setter
    def uncorrected(self, place: Place | None) -> None:
        self._uncorrected = place
        self.refresh()

    @property
    def facts(self) -> str:
        """The plan in one sentence, or why there is none."""
        if not self.places:
            return "No crops yet: add places where the neurons are right."
        if self.plan is None:
            return self.why_no_plan
        learnt, scored = self.plan.voxels
        listed = len(self.plan.train) - (self._uncorrected is not None)
        parts = [f"{count(listed, 'crop')} to learn from with {voxels_text(learnt)} verified"]
        parts.append(f"{len(self.plan.held_out)} held out with {voxels_text(scored)}")
        also = "; uncorrected sections teach, too" if self._uncorrected is not None else ""
        return f"{', '.join(parts)}{also}."

    def why_not(self, mode: Mode) -> str:
        """Return the reason why nothing can be trained with them in a mode; empty if something can."""
        if not self.places:
            return NO_CROPS
        if self.plan is None:
            return self.why_no_plan
        if not self.plan.train:
            return "All crops are held out: leave one to train on."
        if mode not in NEEDS_LABELS:
            return ""
        others_teach = mode in HEARS_TEACHER or self._uncorrected is not None
        may_be_blank = others_teach and any(crop.voxels_known for crop in self.plan.train)
        for crop in self.plan.train:
            if not (crop.voxels_known or may_be_blank):
                return (
                    f'Nothing is verified in "{crop.place.name}": tick "checked" if all of it is right, or remove it.'
                )
        return "" if self.plan.voxels[1] else 'Nothing verified is held out to score on: tick "hold out automatically".'

    def add(self, places: Iterable[Place]) -> int:
        """Add crops that are not listed yet, and return how many these are."""
        new = {_identity(place): place for place in places}
        for place in self.places:
            new.pop(_identity(place), None)
        for place in new.values():
            named = replace(place, name=free_name(place.name, {p.name for p in self.places}))
            self.places = (*self.places, named)
        self.refresh()
        return len(new)

    def remove(self, i: int) -> None:
        """Take a crop off the list."""
        self.places = (*self.places[:i], *self.places[i + 1 :])
        self.refresh()

    def remove_in(self, layer: Layer) -> bool:
        """Take off the crops that lie in a layer, or have its labels; return True if there were any."""
        rest = tuple(place for place in self.places if not place.lies_in(layer))
        is_different = len(rest) < len(self.places)
        if is_different:
            self.places = rest
            self.refresh()
        return is_different

    def choose_role(self, i: int, role: Role) -> None:
        """Choose the role of a crop, as a person does; from then on none is chosen automatically."""
        self.automatic = False
        self._change(i, replace(self.places[i], role=role))

    def set_checked(self, i: int, checked: bool) -> None:
        """Say that a person has looked at every voxel of a crop, or has not."""
        self._change(i, replace(self.places[i], all_checked=checked))

    def put_truths(self, truths: Sequence[CropTruth]) -> None:
        """Give each crop another truth; call `refresh` to plan with it."""
        self.places = tuple(replace(p, truth=truth) for p, truth in zip(self.places, truths, strict=True))

    def refresh(self) -> None:
        """See anew what is verified, and plan with it."""
        self._plan()
        self.changed.emit()

    def _change(self, i: int, place: Place) -> None:
        self.places = (*self.places[:i], place, *self.places[i + 1 :])
        self.refresh()

    def _plan(self) -> None:
        self.plan, self.why_no_plan = None, ""
        uncorrected = () if self._uncorrected is None else (self._uncorrected,)
        try:
            self.plan = Plan.of([*self.places, *uncorrected], self._automatic)
        except UserError as error:
            self.why_no_plan = str(error)
        plan = self.plan if self._automatic else None
        self.roles = tuple(place.role if plan is None else plan.role_of(place) for place in self.places)


def facts_of(place: Place) -> str:
    """Return the shape of a crop and its share that is verified: "3 x 40 x 40, 62 % verified"."""
    return f"{shape_text(place.box.shape)}, {percent_text(place.share)}"


def percent_text(share: float) -> str:
    """Return a share in words: "43 % verified"; more than nothing is never 0 %."""
    shown = f"{100 * share:.0f}" if share >= 0.005 or share == 0 else "< 1"
    return f"{shown} % verified"


def voxels_text(voxels: int) -> str:
    """Return a number of voxels in words: "1.2 million voxels"."""
    return f"{voxels / 1e6:.1f} million voxels" if voxels >= 1e6 else count(voxels, "voxel")


def _identity(place: Place) -> tuple[int, Box, type[CropTruth]]:
    """Return what two places share if one of them is enough."""
    return id(place.stack), place.box, type(place.truth)
