"""Ways to damage an input: bytes, lengths, numbers and keys of its files, and the files themselves."""

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_HEAD = 1024
"""Bytes at the beginning of a file where most damage is done: headers lie there."""

_TEXT = 2**16
"""Bytes at the beginning of a file in which numbers are looked for as text."""

_BYTES = (0, 1, 127, 128, 255)
_WHOLE = (0, -1, 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, -(2**63))
_WORDS = (b"0", b"-1", b"4294967296", b"9223372036854775807", b"nan", b"inf", b"1e308", b"-0.0", b"", b"9" * 5000)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 1.5, 2**31, 2**63, 10**30, 1e308, 1e-308, float("nan"), float("-inf")),
    *("", "x", "x" * 100_000, "../..", "/", "\0", [], {}, [None], [0, 0, 0], [1, 2], [[]], {"a": 1}),
)
_DEEP = 100_000
"""Brackets of JSON that is nested too deep."""


class Damage(NamedTuple):
    """What was done: the way, the file by its path in the folder, and the bytes of it that were changed."""

    way: str
    file: str
    start: int = 0
    stop: int = 0


def change_bytes(rng: random.Random, file: Path) -> tuple[int, int]:
    """Change a few bytes, most of them near each other."""
    data = bytearray(file.read_bytes())
    if not data:
        return 0, 0
    first = _place(rng, len(data))
    places = [min(len(data) - 1, first + rng.randrange(0, 16)) for _ in range(rng.choice((1, 1, 1, 2, 4, 8)))]
    for place in places:
        kind = rng.random()
        if kind < 0.3:
            data[place] ^= 1 << rng.randrange(8)
        else:
            data[place] = rng.choice(_BYTES) if kind < 0.6 else rng.randrange(256)
    file.write_bytes(data)
    return min(places), max(places) + 1


def zero_bytes(rng: random.Random, file: Path) -> tuple[int, int]:
    """Make a run of bytes 0, or 255."""
    data = bytearray(file.read_bytes())
    start = _place(rng, len(data))
    stop = min(len(data), start + rng.choice((4, 16, 64, 512, 4096)))
    data[start:stop] = bytes([rng.choice((0, 0, 255))]) * (stop - start)
    file.write_bytes(data)
    return start, stop


def cut(rng: random.Random, file: Path) -> tuple[int, int]:
    size = file.stat().st_size
    end = rng.choice((0, 1, rng.randrange(size + 1), rng.randrange(size + 1), min(size, _place(rng, size)), size - 1))
    os.truncate(file, max(0, end))
    return max(0, end), size


def extend(rng: random.Random, file: Path) -> tuple[int, int]:
    size = file.stat().st_size
    with file.open("ab") as more:
        more.write(rng.choice((bytes(4096), rng.randbytes(4096), rng.randbytes(1), b"\n")))
    return size, file.stat().st_size


def write_number(rng: random.Random, file: Path) -> tuple[int, int]:
    """Write an absurd number over an aligned place of 2, 4 or 8 bytes."""
    data = bytearray(file.read_bytes())
    width = rng.choice((2, 4, 4, 8, 8))
    if len(data) < width:
        return change_bytes(rng, file)
    place = min(_place(rng, len(data)), len(data) - width) // 2 * 2
    number = rng.choice(_WHOLE) % 2 ** (8 * width)
    data[place : place + width] = number.to_bytes(width, rng.choice(("little", "little", "big")))
    file.write_bytes(data)
    return place, place + width


def rewrite_number(rng: random.Random, file: Path) -> tuple[int, int]:
    """Replace a number that stands as text, as in headers of NPY, NRRD, XML and JSON; the length mostly stays."""
    data = file.read_bytes()
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data[:_TEXT]))
    if not found:
        return write_number(rng, file)
    hit, word = rng.choice(found), rng.choice(_WORDS)
    if rng.random() < 0.6:
        word = word[: hit.end() - hit.start()].ljust(hit.end() - hit.start())
    file.write_bytes(data[: hit.start()] + word + data[hit.end() :])
    return hit.start(), hit.start() + len(word)


def retype_json(rng: random.Random, file: Path) -> tuple[int, int]:
    """Drop, replace or rename something in JSON; of other files, see `rewrite_number`."""
    try:
        stated = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return rewrite_number(rng, file)
    places = list(_places(stated))
    if not places or rng.random() < 0.05:
        file.write_text(rng.choice(("[" * _DEEP, '{"a":' * _DEEP, "null", "3", '""', "[]", "{}", "\xff", "{'a': 1}")))
        return 0, file.stat().st_size
    holder, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.25:
        del holder[key]
    elif kind < 0.35 and isinstance(holder, dict):
        holder[rng.choice(("x", "", "a/b", "9" * 2000))] = holder.pop(key)
    else:
        holder[key] = rng.choice(_VALUES)
    file.write_text(json.dumps(stated))
    return 0, file.stat().st_size


def remove(rng: random.Random, file: Path) -> tuple[int, int]:
    file.unlink()
    return 0, 0


def make_folder(rng: random.Random, file: Path) -> tuple[int, int]:
    """Put a folder where a file is expected."""
    file.unlink()
    file.mkdir()
    return 0, 0


def link(rng: random.Random, file: Path) -> tuple[int, int]:
    """Put a symbolic link in the place of a file: to itself, to nothing, to another file, or to a folder."""
    targets = (
        file.name,
        "nothing",
        "../outside.txt",
        "..",
        "/dev/null",
        str(rng.choice(sorted(file.parent.iterdir()))),
    )
    file.unlink()
    file.symlink_to(rng.choice(targets))
    return 0, 0


def swap(rng: random.Random, file: Path) -> tuple[int, int]:
    """Copy another file of the same folder over one."""
    others = [other for other in sorted(file.parent.iterdir()) if other.is_file() and other != file]
    if not others:
        return zero_bytes(rng, file)
    shutil.copyfile(rng.choice(others), file)
    return 0, 0


WAYS: dict[str, tuple[int, Callable[[random.Random, Path], tuple[int, int]]]] = {
    "bytes": (30, change_bytes),
    "zeros": (8, zero_bytes),
    "cut": (8, cut),
    "extended": (4, extend),
    "number": (16, write_number),
    "text number": (10, rewrite_number),
    "json": (14, retype_json),
    "missing": (2, remove),
    "folder": (2, make_folder),
    "link": (3, link),
    "swapped": (3, swap),
}
"""The ways, each with how often it is taken."""

OF_FILES = {"missing", "folder", "link", "swapped"}
"""Ways that damage no bytes of a file: no checksum sees them."""


def damage(rng: random.Random, folder: Path) -> Damage:
    """Damage a file in a folder, headers and metadata more often than voxels."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stated = [file for file in files if _is_metadata(file)]
    file = rng.choice(stated if stated and rng.random() < 0.6 else files)
    way = rng.choices(list(WAYS), [often for often, _ in WAYS.values()])[0]
    name = file.relative_to(folder).as_posix()
    start, stop = WAYS[way][1](rng, file)
    return Damage(way, name, start, stop)


def _is_metadata(file: Path) -> bool:
    return file.suffix in (".json", ".xml", ".nhdr", ".wkw") or file.name[0] == "." or file.name == "info"


def _place(rng: random.Random, size: int) -> int:
    return rng.randrange(max(1, min(_HEAD, size) if rng.random() < 0.6 else size))


def _places(stated: Any) -> Any:
    """Yield all places in JSON, as what holds them and the key or number in it."""
    for key, value in stated.items() if isinstance(stated, dict) else enumerate(stated) if _is_list(stated) else ():
        yield stated, key
        yield from _places(value)


def _is_list(stated: Any) -> bool:
    return isinstance(stated, list)
