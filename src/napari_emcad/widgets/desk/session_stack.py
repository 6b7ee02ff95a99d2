"""The stack of a session that is opened from its folder, or an image that stands for it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from pydantic import ValidationError

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.volume import Volume
from napari_emcad.io.sessions.facts import SessionFacts, write_facts
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.io.stacks.find_stack import FoundStack, KnownStack, StackBehindUrl, is_same_place, search_stack
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.stack import GIVEN, content_fingerprint, content_of
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.proofreading.state import State
from napari_emcad.reader import LayerData, LayerKind, read_layers
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.kit.affinities_view import channel_of
from napari_emcad.widgets.kit.layers import is_image, origin_of, set_voxel_size, volume_of, voxel_size_of

STAND_IN = "stands in"
"""Key in the metadata of an image that is shown in the place of a stack that is not there."""

BEHIND_URL = "behind a URL"
"""Key in the metadata of such an image: the URL of the stack, which nobody has asked for yet."""

FIND = "Find the stack..."
"""Words of the button that asks for the stack of a session."""

LOAD = "Load"
"""Words of the button that fetches a stack from its URL."""


class ShownSession(NamedTuple):
    """The result that a session edits, and sentences on its stack and its parameters."""

    result: Result
    notes: tuple[str, ...]

    @property
    def lacks_stack(self) -> bool:
        """True if something else is shown in the place of the stack, and a sentence says so."""
        return bool(self.notes) and STAND_IN in self.result.source.metadata


@dataclass(frozen=True)
class SoughtStack:
    """The end of a search for the stack of a session.

    Attributes
    ----------
    found : FoundStack or None
    error : UserError or None
        Why it was not found.
    url : Url or None
        Address that it lies at, where it was not fetched as nobody has asked for it.
    layers : list of LayerData
        The image of the stack, read from its file; none if no image of it fits, or a layer seems to show it already.
    """

    found: FoundStack | None = None
    error: UserError | None = None
    url: Url | None = None
    layers: tuple[LayerData, ...] = ()


def seek_stack(opened: OpenSession, asked: Location | None = None, shown: Sequence[str] = ()) -> Job[SoughtStack]:
    """Look for the stack of a session, and read it unless it is among the files of the layers that are `shown`.

    Parameters
    ----------
    opened : OpenSession
    asked : path or URL, optional
        Looks only there for the stack.
    shown : sequence of str
        Paths and URLs.
    """
    known = _known_stack(opened)
    try:
        found = yield from search_stack(known, asked, f'press "{FIND}"')
    except StackBehindUrl as error:
        return SoughtStack(error=UserError(load_sentence(opened.folder, error.url)), url=error.url)
    except UserError as error:
        return SoughtStack(error=error)
    if any(is_same_place(source, found.path) for source in shown):
        return SoughtStack(found)
    yield Progress("reading the stack", 0, 1)
    return SoughtStack(found, layers=_layers_of(found, known))


def load_sentence(folder: Path, url: Url) -> str:
    """Return what is said of a session or a run whose stack is behind a URL."""
    return f'{folder}: its image is at {url}; press "{LOAD}" to fetch it, or "{FIND}" if you have it here.'


def url_of_stack(layer: Layer) -> Url | None:
    """Return the URL of the stack that an image stands for; None if it stands for none behind a URL."""
    found = layer.metadata.get(BEHIND_URL)
    return found if isinstance(found, Url) else None


def stopped_search(opened: OpenSession) -> SoughtStack:
    """Return the end of a search that a person stopped."""
    return SoughtStack(error=UserError(f'{opened.folder}: the search for its stack was stopped; press "{FIND}".'))


def result_of(viewer: ViewerModel, opened: OpenSession, sought: SoughtStack | None = None) -> ShownSession:
    """Return the result that a session edits; its stack is added to the viewer if it is not there.

    If no stack with its voxels is found, the affinities stand for it, and without these the neurons stand alone; that
    is said. Where the stack lies now is kept in the session, if it can be edited.

    Parameters
    ----------
    viewer : ViewerModel
    opened : OpenSession
    sought : SoughtStack, optional
        The end of the search for its stack; None = it is looked for here and now.
    """
    source, box, notes = _stack_of(viewer, opened, sought or drive(seek_stack(opened)))
    facts = opened.facts
    if source not in viewer.layers:
        if facts.voxel_size and (facts.voxel_size_source == GIVEN or voxel_size_of(source) is None):
            set_voxel_size([source], source, facts.voxel_size)
        source = viewer.add_layer(source)
    card = ModelCard(title=facts.model, sha256=facts.model_sha256)
    parameters, note = parameters_of(facts)
    result = Result(source, box, parameters, opened.affinities, card=card, plan=facts.plan, read_from=facts.affinities)
    return ShownSession(result, tuple(filter(None, (*notes, note))))


def parameters_of(facts: SessionFacts) -> tuple[SegmentParameters, str]:
    """Return the parameters of a session, and a sentence on those that are left out as another version wrote them."""
    known, left_out = dict(facts.parameters), set[str]()
    while True:
        try:
            parameters = SegmentParameters(**known)
        except ValidationError as error:
            wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]} & known.keys() or set(known)
            left_out |= wrong
            known = {name: value for name, value in known.items() if name not in wrong}
            continue
        names = ", ".join(f"{name} = {facts.parameters[name]}" for name in sorted(left_out))
        note = f"Parameters of another version are left out: {names}." if names else ""
        return parameters, note


def _known_stack(opened: OpenSession) -> KnownStack:
    return opened.facts.stack_in(opened.folder, triple(opened.session.state.base.fragments.shape))


def _stack_of(viewer: ViewerModel, opened: OpenSession, sought: SoughtStack) -> tuple[Image, Box, tuple[str, ...]]:
    """Return the layer of the stack, the box of the session in it, and what is to be said of it."""
    state = opened.session.state
    box, known, found = opened.facts.box_of(state.base.fragments.shape), _known_stack(opened), sought.found
    if found is None:
        layer = _layer_there(viewer, box, _same_voxels(known))
        if layer is not None:
            return layer, box, (f'The layer "{layer.name}" holds the voxels of its stack {known.name}.',)
        return *_stand_in(opened, sought.url), (f"{sought.error} {_words_of_stand_in(opened)}",)
    layer = _layer_there(viewer, box, _same_stack(known, found)) or _layer_of(sought.layers or _layers_of(found, known))
    if layer is None:
        return *_stand_in(opened), (f'{found.path}: no image of it fits the session; press "{FIND}".',)
    if _are_labels(volume_of(layer), box, state):  # a session of labels without a stack
        return *_stand_in(opened), ()
    if found.note and found.is_same:
        _keep_place(opened, found)
    return layer, box, (found.note,)


def _stand_in(opened: OpenSession, url: Url | None = None) -> tuple[Image, Box]:
    """Return a new image of the affinities, or of nothing, and the box of the session in it."""
    shape = triple(opened.session.state.base.fragments.shape)
    values = np.zeros(shape, np.uint8) if opened.affinities is None else channel_of(opened.affinities, 1)
    size = opened.facts.voxel_size
    place = {"scale": tuple(size), "units": ("nm",) * 3} if size else {}
    look = {"name": opened.folder.stem, "axis_labels": ("z", "y", "x"), "metadata": {STAND_IN: True, BEHIND_URL: url}}
    return Image(values, **look, **place), Box.whole(shape)


def _words_of_stand_in(opened: OpenSession) -> str:
    return "The neurons stand alone." if opened.affinities is None else "Its affinities are shown instead."


def _layer_there(viewer: ViewerModel, box: Box, is_it: Callable[[Image], bool]) -> Image | None:
    """Return the layer of the viewer that shows the stack, whatever opened it; None if there is none."""
    for layer in filter(is_image, viewer.layers):
        if STAND_IN not in layer.metadata and _fits(layer, box) and is_it(layer):
            return layer
    return None


def _fits(layer: Image, box: Box) -> bool:
    return layer.ndim == 3 and not layer.rgb and _lies_in(box, volume_of(layer))


def _lies_in(box: Box | None, volume: Volume) -> bool:
    return len(volume.shape) == 3 and (box is None or box.clipped(volume.shape) == box)


def _same_stack(known: KnownStack, found: FoundStack) -> Callable[[Image], bool]:
    """Return a test for layers of the file that was found, with its voxels if they can be told."""

    def is_it(layer: Image) -> bool:
        origin = origin_of(layer)
        if not origin["source"] or not is_same_place(origin["source"], found.path):
            return False
        if not known.fingerprint or not found.is_same:
            return "dataset" not in layer.metadata or known.dataset in (None, origin["dataset"])
        return _content(volume_of(layer)) == content_of(known.fingerprint)

    return is_it


def _same_voxels(known: KnownStack) -> Callable[[Image], bool]:
    """Return a test for layers that hold the voxels of the stack, wherever they come from."""
    return lambda layer: bool(known.fingerprint) and _content(volume_of(layer)) == content_of(known.fingerprint)


def _content(volume: Volume) -> str:
    with suppress(OSError, ValueError, UserError):  # its file may have gone
        return content_fingerprint(volume)
    return ""


def _layer_of(layers: Sequence[LayerData]) -> Image | None:
    """Return a new layer of the stack that was read; None if there is none."""
    return next((Image(data, **{**meta, "rgb": False}) for data, meta, _ in layers), None)


def _layers_of(found: FoundStack, known: KnownStack) -> tuple[LayerData, ...]:
    """Read the stack that was found; nothing if no image in the file is the one.

    The images that open by default go first, as they come with their levels; then the dataset that was found.
    """
    for dataset in dict.fromkeys((None, found.dataset)):
        for data, meta, kind in _read(found, dataset):
            volume = data[0] if isinstance(data, list) else data
            if _lies_in(known.box, volume) and _is_meant(volume, meta["metadata"].get("dataset"), kind, found, known):
                return ((data, meta, kind),)
    return ()


def _is_meant(volume: Volume, dataset: str | None, kind: LayerKind, found: FoundStack, known: KnownStack) -> bool:
    """Return True for the stack among the images and labels of its file: by its voxels, or by its dataset."""
    if known.fingerprint and found.is_same:
        return _content(volume) == content_of(known.fingerprint)
    return kind == "image" and found.dataset in (None, dataset)


def _read(found: FoundStack, dataset: str | None) -> list[LayerData]:
    with suppress(UserError):
        return read_layers(str(found.path), dataset)
    return []


def _keep_place(opened: OpenSession, found: FoundStack) -> None:
    """Write into a session that can be edited where its stack lies now."""
    if opened.lock is None or opened.lock.why_not:
        return
    now = {"source": str(found.path.absolute()), "dataset": found.dataset}
    with suppress(UserError):  # a folder that became read-only: it is found again the next time
        write_facts(opened.folder, opened.facts.model_copy(update=now).placed(opened.folder))


def _are_labels(data: Volume, box: Box, state: State) -> bool:
    """Return True if these are the labels that the fragments were made of; the name of a file does not tell.

    Grey values are never the same all over a fragment; one section tells, unless it was left out, as blank ones are.
    """
    first, *plane = box.slices
    depth, planned = box.shape[0], state.planned
    seen = [z for z in range(depth) if not (planned and planned.plan.left_out[z + planned.box.start[0]])]
    middle = min(seen, key=lambda z: abs(z - depth // 2), default=depth // 2)
    values, pieces = np.asarray(data[(first.start + middle, *plane)]), state.base.fragments[middle]
    value_of = np.zeros(int(pieces.max()) + 1, values.dtype)
    value_of[pieces] = values
    return bool(pieces.any() and (value_of[pieces] == values)[pieces > 0].all())
