"""The choice of a model: one that has a name, one used lately, or a file; and its card."""

from collections.abc import Sequence
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job
from napari_emcad.io.regular_files import SHORT_PATIENCE, await_path, check_path
from napari_emcad.networks.card import ModelCard, Role, card_beside
from napari_emcad.networks.zoo import BUNDLED, available_models, bundled_models
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.widgets.kit.signals import Signal

SEGMENTING: tuple[Role, ...] = ("student", "teacher")
"""Roles of networks that predict affinities."""


class ModelPick:
    """A choice among the models that are known, to which files can be added.

    Parameters
    ----------
    loop : Loop
    remembered : Remembered
    roles : sequence of "student", "teacher" and "foreground"
        Roles that will do. Models known to have another one are not offered; a file of such is refused in `why_not`.
    nothing : str
        Words for no model at all, offered first; empty if there has to be one.

    Attributes
    ----------
    offers : dict of str to Path or None
        Words -> file, in the order in which they are offered.

    Signals
    -------
    changed
        Another model is chosen, or its card has been read.
    offers_changed
    failed : Exception
        A file is no model.
    """

    changed = Signal()
    offers_changed = Signal()
    failed = Signal(object)

    def __init__(self, loop: Loop, remembered: Remembered, roles: Sequence[Role] = SEGMENTING, nothing: str = ""):
        self._remembered, self._roles, self._nothing = remembered, roles, nothing
        self._reader = loop.jobs()
        self._cards: dict[Path, ModelCard] = {}
        self._reading: Path | None = None
        self._unread: Path | None = None
        self._path: Path | None = None
        self.offers: dict[str, Path | None] = {}
        self._offer(None)

    @property
    def path(self) -> Path | None:
        """The weights file chosen; None if there is none."""
        return self._path

    @path.setter
    def path(self, path: Path | None) -> None:
        if path not in self.offers.values():
            raise ValueError(f"model: {path} is not offered; use open_file.")
        if path != self._path:
            self._path = path
            self._on_choice()

    @property
    def name(self) -> str:
        """The words under which the model is offered; empty if there is none."""
        return next((words for words, path in self.offers.items() if path == self._path), "")

    @property
    def card(self) -> ModelCard | None:
        """The card of the model; None until it has been read."""
        return self._cards.get(self._path) if self._path else None

    @property
    def is_optional(self) -> bool:
        """True if no model is a choice as well."""
        return bool(self._nothing)

    @property
    def is_unreadable(self) -> bool:
        """True if the file chosen was found to be no model."""
        return self._path is not None and self._path == self._unread

    @property
    def why_not(self) -> str:
        """The reason why this model will not do; empty if it will, or if that is not known yet."""
        if self._path is None:
            return "" if self._nothing else f'Choose a {self._wanted} first: press "Open file...".'
        return "This file is no model; choose another one." if self.is_unreadable else self.why_wrong_role

    @property
    def why_wrong_role(self) -> str:
        """A sentence if the model is known to have another role than is needed; else empty."""
        card = self.card
        if card is None or card.role in self._roles:
            return ""
        needed = f"A {self._wanted} is needed, {self.name} is"
        if card.role == "foreground":
            return f"{needed} the network {card.architecture}; choose another one."
        return f"{needed} a {card.role}; choose it as the {card.role}."

    @property
    def line(self) -> str:
        """The card in one line, or the reason why there is none."""
        if self._path is None:
            return "" if self._nothing else "There is none yet: open a file."
        if self.card is None:
            return "no model" if self.is_unreadable else "reading ..."
        return self.why_wrong_role or self.card.summary()

    def open_file(self, path: Path) -> None:
        """Choose a file; it is read anew."""
        path = Path(path).expanduser().absolute()
        self._cards.pop(path, None)
        self._unread = None
        self._offer(path)
        self._on_choice()

    def refresh(self) -> None:
        """Offer the models that there are now, such as one that has just been kept; the choice stays."""
        before = self._path
        self._offer(before)
        if self._path != before:
            self._on_choice()

    def read_card(self) -> None:
        """Read the card of the model chosen, in a thread."""
        if self._path is None or self.card is not None or self._reader.running:
            return
        self._reading = self._path
        self._reader.start(_card_job(self._path), self._on_card)

    def remember(self) -> None:
        """Note that the model chosen has been used."""
        if self._path is not None and self._path not in available_models().values():
            self._remembered.remember_model(self._path)

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    @property
    def _wanted(self) -> str:
        return " or ".join(self._roles)

    def _offer(self, chosen: Path | None) -> None:
        """Offer the models that there are, with the file `chosen`; without one choose nothing or the first of them."""
        files = self._files(chosen)
        self.offers = {self._nothing: None, **files} if self._nothing else dict(files)
        self._path = chosen or next(iter(self.offers.values()), None)
        self.offers_changed.emit()

    def _files(self, chosen: Path | None) -> dict[str, Path]:
        """Return words -> file, in the order in which they are offered."""
        ours = bundled_models()
        named = {f"bundled: {n}" if n in ours and n != BUNDLED else n: path for n, path in available_models().items()}
        files = {name: path for name, path in named.items() if path == chosen or self._may_do(path)}
        lately = [path for path in self._remembered.models if self._may_do(path)]
        for path in [*([chosen] if chosen else []), *lately]:
            if path not in files.values():
                files[path.name if path.name not in files else str(path)] = path
        return files

    def _may_do(self, path: Path) -> bool:
        """True if a model has a role that will do, as far as is known without reading the weights."""
        try:
            check_path(path, SHORT_PATIENCE)
            card = self._cards.get(path) or card_beside(path)
        except UserError:
            return True  # choosing it says what is wrong
        return card is None or card.role in self._roles

    def _on_choice(self) -> None:
        self.changed.emit()
        self.read_card()

    def _on_card(self, ended: Ended) -> None:
        if ended.stopped:
            return
        if ended.error is not None:
            self._unread = self._reading
            self.failed.emit(ended.error)
        else:
            path, card = ended.result
            self._cards[path] = card
        self.changed.emit()
        if self._path != self._unread:
            self.read_card()


def _card_job(path: Path) -> Job[tuple[Path, ModelCard]]:
    """Read a card once the disk of a file answers."""
    yield from await_path(path)
    return read_card_of(path)


def read_card_of(path: Path) -> tuple[Path, ModelCard]:
    """Return a weights file and its card; imports torch."""
    from napari_emcad.networks.checkpoint import inspect

    if not path.is_file():
        raise UserError(f"model: {path} is not there any more; choose another file.")
    return path, inspect(path)
