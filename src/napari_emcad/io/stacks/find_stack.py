"""The one door to the stack of a session or a run: where it was, beside it, or wherever the same voxels lie near.

What holds other voxels is never taken in its place, and how a stack was found is said.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from unicodedata import normalize

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.wording import shape_text
from napari_emcad.io.regular_files import NoAnswer, NotRegular, await_path
from napari_emcad.io.stacks.hosts import nothing_fetched
from napari_emcad.io.stacks.locations import Location, Url, parse_location
from napari_emcad.io.stacks.stack import content_of, open_stack

SESSION = ".emcad"
"""Suffix of the folders of sessions, which hold no stack."""

ARRAYS = (".zarr", ".n5", ".precomputed")
"""Suffixes of folders that are looked at wherever they lie near; others only if the stack had the same suffix."""

MOST_FILES = 100
"""Files near a session, at most, whose voxels are compared with those of its stack."""

ABOVE = 3
"""Number of folders, from that of the session upwards, below which the stack is looked for by its name."""

PARTS = 4
"""Last parts of the old path, at most, that are looked for there."""

LOOKING = "looking for the stack"
"""Stage of the job."""

RELATIVE, BY_NAME, BY_VOXELS = (
    "at the same place relative to the session",
    "by its name near the session",
    "by its voxels among the files near the session",
)
"""Ways in which a stack was found, as the end of a sentence."""


class StackNotFound(UserError):
    """No stack is where the one of a session or a run should be, or it holds other voxels."""


class StackBehindUrl(StackNotFound):
    """The stack of a session or a run lies behind a URL, which nobody has asked for.

    Attributes
    ----------
    url : Url
    """

    def __init__(self, sentence: str, url: Url):
        super().__init__(sentence)
        self.url = url


@dataclass(frozen=True)
class KnownStack:
    """The facts that a session or a run knows of its stack.

    Attributes
    ----------
    folder : Path
        Folder of the session.
    source : str
        Path or URL; empty if it is not known.
    relative : str or None
        Path from the folder of the session, with slashes.
    dataset : str or None
        See `Stack`.
    fingerprint : str
        `Stack.fingerprint`, or its first words; empty if it is not known.
    box : Box, optional
        Box that has to lie in the stack.
    """

    folder: Path
    source: str
    relative: str | None = None
    dataset: str | None = None
    fingerprint: str = ""
    box: Box | None = None

    @property
    def name(self) -> str:
        """The name of the stack, without its folders."""
        return _parts(self.source)[-1] if self.source else ""


@dataclass(frozen=True)
class FoundStack:
    """A stack that holds the voxels of a session or a run.

    Attributes
    ----------
    path : Path or Url
    dataset : str or None
    note : str
        How it was found, a sentence; empty if it is where it was.
    is_same : bool
        False if a person named it though it holds other voxels.
    """

    path: Location
    dataset: str | None
    note: str = ""
    is_same: bool = True


def relative_source(source: str, folder: Path) -> str | None:
    """Return the path from a session to its stack, with slashes; None behind a URL or on another drive."""
    if not source or "://" in source:
        return None
    try:
        return os.path.relpath(os.path.abspath(source), os.path.abspath(folder)).replace(os.sep, "/")
    except ValueError:
        return None


def find_stack(
    known: KnownStack, asked: Location | None = None, remedy: str = "name it with --stack", strict: bool = False
) -> FoundStack:
    """Find the stack of a session or a run. Looks where it was, beside the session, and among the files near it.

    What lies behind a URL is fetched only if it was asked for: sessions come from anybody.

    Parameters
    ----------
    known : KnownStack
    asked : path or URL, optional
        Looks only there. A stack of other voxels is taken, and told, if the box lies in it, unless `strict`.
    remedy : str
        What else a person can do, the end of the error's sentence.
    strict : bool
        True: other voxels are refused even if they were asked for.

    Raises
    ------
    StackNotFound
        If it is nowhere, or what is there holds other voxels.
    StackBehindUrl
        If it is behind a URL that was not asked for.
    UserError
        If what was asked for cannot be opened.
    """
    return drive(search_stack(known, asked, remedy, strict))


def search_stack(
    known: KnownStack, asked: Location | None = None, remedy: str = "name it with --stack", strict: bool = False
) -> Job[FoundStack]:
    """Find the stack of a session or a run as `find_stack` does, step by step.

    Yields
    ------
    Progress
        Stage "looking for the stack", one place after the other.
    """
    yield Progress(LOOKING, 0, 1)
    if asked is not None:
        yield from _await(asked)
        return _take(known, asked, remedy, strict)
    others: list[str] = []
    seen: set[str] = set()
    for places in (_named_places, _near):
        listed = list(places(known))
        for done, (how, path) in enumerate(listed):
            if str(path) in seen or isinstance(path, Url):
                continue
            seen.add(str(path))
            yield Progress(LOOKING, done, len(listed))
            try:
                yield from _await(path)
            except (NoAnswer, NotRegular) as error:
                others.append(str(error).rstrip("."))
                continue
            with nothing_fetched():
                found = _compare(known, path)
            if found.is_it:
                return FoundStack(path, found.dataset, _note(known, how, path, others, found.note))
            if how != BY_VOXELS and found.why_not:
                others.append(found.why_not)
    _refuse_to_fetch(known, remedy)
    raise StackNotFound(_sentence(known, others, remedy))


def _refuse_to_fetch(known: KnownStack, remedy: str) -> None:
    """Say that the stack is behind a URL, if it is."""
    place = None
    with suppress(UserError):
        place = parse_location(known.source) if known.source else None
    if isinstance(place, Url):
        raise StackBehindUrl(f"{known.folder}: its image is at {place}, which was not fetched yet; {remedy}.", place)


def _await(place: Location) -> Job[None]:
    """Wait until the disk of a place answers."""
    if isinstance(place, Path):
        yield from await_path(place)


@dataclass(frozen=True)
class _Compared:
    """A stack compared with the one that is looked for: why it is another one, or what is to be said of it."""

    dataset: str | None = None
    why_not: str = ""
    note: str = ""
    is_it: bool = False
    fits: bool = False


def _compare(known: KnownStack, path: Location) -> _Compared:
    """Open what lies at a place and compare it; `why_not` is empty where nothing lies."""
    if isinstance(path, Path) and not path.exists():
        return _Compared()
    why_not = ""
    for dataset in dict.fromkeys((known.dataset, None)):
        try:
            with open_stack(path, dataset) as stack:
                found = _judge(known, path, stack.dataset, stack.array.shape, stack.fingerprint)
        except UserError as error:
            why_not = why_not or str(error).rstrip(".")
            continue
        if found.is_it or found.fits:
            return found
        why_not = found.why_not
    return _Compared(why_not=why_not)


def _judge(known: KnownStack, path: Location, dataset: str | None, shape: Sequence[int], fingerprint: str) -> _Compared:
    if known.box is not None and known.box.clipped(shape) != known.box:
        return _Compared(
            dataset, f"{path} has {shape_text(shape)} voxels, the region {known.box.text} does not lie in it"
        )
    if not known.fingerprint:
        return _Compared(dataset, note="nothing is known to compare its voxels with", is_it=True, fits=True)
    if content_of(fingerprint) != content_of(known.fingerprint):
        return _Compared(dataset, f"{path} holds other voxels than were segmented", fits=True)
    sizes = [words.split()[3:4] for words in (fingerprint, known.fingerprint)]
    grew = all(sizes) and sizes[0] != sizes[1]
    return _Compared(dataset, note="its size has changed, its voxels look the same" if grew else "", is_it=True)


def _take(known: KnownStack, path: Location, remedy: str, strict: bool) -> FoundStack:
    """Take what a person names, if it fits."""
    if isinstance(path, Path) and not path.exists():
        raise StackNotFound(f"{path}: there is no such file or folder; check its name and place.")
    found = _compare(known, path)
    if found.is_it:
        return FoundStack(path, found.dataset, f"The stack is {path}.")
    if found.fits and not strict:
        return FoundStack(path, found.dataset, f"Attention: {found.why_not}; it is used as you asked for it.", False)
    raise StackNotFound(f"{known.folder}: its stack is needed, and {found.why_not}; {remedy}.")


def _note(known: KnownStack, how: str, path: Location, others: Sequence[str], remark: str) -> str:
    """Say how a stack was found; nothing of one that is where it was."""
    if not how:
        return f"The stack {path}: {remark}." if remark and known.fingerprint else ""
    before = f"{'; '.join(others)}. " if others else ""
    return f"{before}The stack {known.name} was found {how}: {path}{remark and f'; {remark}'}."


def _sentence(known: KnownStack, others: Sequence[str], remedy: str) -> str:
    if not known.source:
        return f"{known.folder}: it does not know its stack; {remedy}."
    if others:
        return f"{known.folder}: its stack {known.name} is not there: {'; '.join(dict.fromkeys(others))}; {remedy}."
    return (
        f"{known.folder}: its stack {known.source} is not there any more, and nothing near holds its voxels; {remedy}."
    )


def _named_places(known: KnownStack) -> Iterator[tuple[str, Location]]:
    """Yield the places where the stack may be by its path, with how it is found there; "" = where it was."""
    if known.source:
        with suppress(UserError):
            place = parse_location(known.source)
            if isinstance(place, Path) and not place.is_absolute():  # sessions of earlier versions
                yield RELATIVE, Path(os.path.abspath(known.folder.parent / place))
            yield "", place.absolute()
    if known.relative:
        for folder in dict.fromkeys((Path(os.path.abspath(known.folder)), known.folder.resolve())):
            yield RELATIVE, Path(os.path.normpath(folder / known.relative))
    parts = _parts(known.source)
    for folder in _folders(known.folder):
        for n in range(min(PARTS, len(parts)), 0, -1):
            path = _existing(folder, parts[-n:])
            if path is not None:
                yield BY_NAME, path


def _folders(session: Path) -> Iterator[Path]:
    """Yield the folder of a session, those above it, and the session itself."""
    folder = Path(os.path.abspath(session))
    yield from islice(folder.parents, ABOVE)
    yield folder


def _parts(source: str) -> tuple[str, ...]:
    """Return the parts of a path or URL below its root or drive, as any system writes it."""
    is_windows = "\\" in source or source[1:2] == ":"
    path = PureWindowsPath(source) if is_windows else PurePosixPath(source.partition("://")[2] or source)
    return tuple(part for part in path.parts if part not in (path.anchor, "..", "~"))


def _existing(folder: Path, parts: Sequence[str]) -> Path | None:
    """Return the path below a folder, whatever the case and the composition of its letters; None if there is none."""
    for part in parts:
        if not (folder / part).exists():
            named = _alike(folder, part)
            if named is None:
                return None
            part = named
        folder = folder / part
    return folder


def _alike(folder: Path, name: str) -> str | None:
    with suppress(OSError):
        return next((found for found in sorted(os.listdir(folder)) if _plain(found) == _plain(name)), None)
    return None


def _plain(name: str) -> str:
    return normalize("NFC", name).casefold()


def _near(known: KnownStack) -> Iterator[tuple[str, Location]]:
    """Yield what lies near a session and may hold its stack, the likeliest first; nothing if none could be told."""
    if not known.fingerprint:
        return
    beside = Path(os.path.abspath(known.folder)).parent
    inside = [path for path in _entries(beside) if path.is_dir() and not path.suffix]
    suffix = PurePosixPath(known.name).suffix.lower()
    found = [path for folder in (beside, *inside, beside.parent) for path in _entries(folder)]
    likely = [path for path in found if _may_hold(path, suffix)]
    likely.sort(key=lambda path: path.suffix.lower() != suffix)
    for path in likely[:MOST_FILES]:
        yield BY_VOXELS, path


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder but hidden files and sessions; nothing if it may not be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.suffix != SESSION)
    except OSError:
        return []


def _may_hold(path: Path, suffix: str) -> bool:
    try:
        return path.is_file() or (path.is_dir() and path.suffix.lower() in {suffix, *ARRAYS})
    except OSError:
        return False


def is_same_place(one: Location | str, other: Location | str) -> bool:
    """Return True if two paths or URLs mean one file, also by links, and in whatever case where that does not count."""
    if str(one) == str(other):
        return True
    try:
        places = [parse_location(place) for place in (one, other)]
        if any(isinstance(place, Url) for place in places):
            return str(places[0]) == str(places[1])
        return os.path.samefile(str(places[0]), str(places[1]))
    except (OSError, UserError, ValueError):
        return False
