"""What is known of the outputs, and checks of what a reader saw of them. Runs in the readers' own environments."""

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

AS_STATED = 1e-9
"""Relative difference up to which two lengths are the same."""

VOLUME_SHARE = 0.9
"""Part of its voxels that a surface holds at least: marching cubes cuts corners off."""


class Wrong(Exception):
    """What a reader saw is not what was written."""


class Unread(Exception):
    """A reader is not made for this, in words."""


@dataclass(frozen=True)
class Level:
    """One resolution as a reader sees it: values ([c,] z, y, x), voxel size and place in nm; None = it does not say."""

    values: Any
    size: Sequence[float] | None = None
    place: Sequence[float] | None = None


@dataclass(frozen=True)
class Shell:
    """A surface as a reader sees it: vertices (n, 3) x, y, z in nm, faces (m, 3)."""

    vertices: Any
    faces: Any


@dataclass(frozen=True)
class Truth:
    """What was written."""

    folder: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / "truth.json").read_text("utf-8"))

    @property
    def size(self) -> Any:
        return np.array(self.facts["voxel_size_nm"])

    @property
    def start(self) -> Any:
        return np.array(self.facts["start"])

    def array(self, name: str) -> Any:
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")

    def check_levels(self, name: str, levels: Sequence[Level], count: int | None = None) -> str:
        """Check all levels of an array, each voxel at the place that its level states."""
        if count and len(levels) != count:
            raise Wrong(f"{len(levels)} levels for {count}")
        checked = [self._check_level(self.array(name), level, 2**k) for k, level in enumerate(levels)]
        return " ".join(min(checked, key=len))

    def _check_level(self, truth: Any, level: Level, step: int) -> list[str]:
        values, steps = np.asarray(level.values), np.array([1, step, step])
        said = self.check_stated(level.size, level.place, steps)
        first = np.zeros(3) if level.place is None else np.array(level.place) / self.size - self.start
        z, y, x = (slice(round(a), None, int(s)) for a, s in zip(first, steps, strict=True))
        expected = truth[..., z, y, x]
        if values.shape != expected.shape:
            raise Wrong(f"shape {values.shape} for {expected.shape}")
        if values.dtype.kind not in "ui" or not np.array_equal(values, expected):
            raise Wrong(f"values of {values.dtype}, {np.mean(values != expected):.0%} of them others")
        return ["v", *said]

    def check_stated(self, size: Any, place: Any, steps: Any = 1) -> list[str]:
        """Check voxel size and place in nm of a level, as far as they are stated, and say which are."""
        if size is not None:
            _check_close("size", size, self.size * steps)
        if place is not None:
            first = np.array(place) / self.size - self.start
            if (np.abs(first - np.rint(first)) > 1e-6).any() or (first < 0).any() or (first >= steps).any():
                raise Wrong(f"place {_text(place)} nm for {_text(self.size * self.start)} nm")
        return [letter for letter, stated in (("s", size), ("p", place)) if stated is not None]

    def check_shells(self, name: str, shells: Mapping[int, Shell]) -> str:
        """Check the surface of each label: its box, to half a voxel, its volume, and that it is seen from outside."""
        labels = self.array(name)
        self._check_ids(np.unique(labels[labels > 0]), shells)
        for label, shell in shells.items():
            self._check_shell(f"surface {label}", np.argwhere(labels == label), shell)
        return "o b c"

    def check_one_shell(self, name: str, shell: Shell, bodies: int | None = None) -> str:
        """Check the surfaces of all labels, given as one; `bodies` is how many parts it has, each of one label."""
        labels = self.array(name)
        count = len(np.unique(labels[labels > 0]))
        if bodies is not None and bodies < count:
            raise Wrong(f"{bodies} objects for {count}")
        self._check_shell("surface", np.argwhere(labels > 0), shell)
        return "b c" if bodies is None else "o b c"

    def _check_shell(self, name: str, voxels: Any, shell: Shell) -> None:
        seen = np.asarray(shell.vertices, float)[:, ::-1]
        box = np.array([voxels.min(0), voxels.max(0) + 1]) + self.start
        off = np.abs(np.array([seen.min(0), seen.max(0)]) / self.size - box).max()
        if off > 0.5 + 1e-3:
            raise Wrong(f"{name} is {off:.1f} voxels off")
        whole, part = len(voxels) * self.size.prod(), _volume(shell)
        if not VOLUME_SHARE * whole <= part <= 1.001 * whole:
            raise Wrong(f"{name} holds {part:.4g} nm3 for {whole:.4g}")

    def check_neurons(self, columns: Mapping[str, Any]) -> str:
        """Check a table of neurons: a row each, with voxels, volume and box."""
        labels = self.array("session")
        ids, voxels = np.unique(labels[labels > 0], return_counts=True)
        self._check_ids(ids, np.asarray(columns["id"]).tolist())
        _check_equal("voxels", columns["voxels"], voxels)
        _check_close("volume", columns["volume_um3"], voxels * self.size.prod() / 1e9, 1e-6)
        for row, label in enumerate(ids):
            places = np.argwhere(labels == label) + self.start
            box = np.concatenate([places.min(0) * self.size, (places.max(0) + 1) * self.size])
            seen = [columns[f"{axis}{end}_nm"][row] for end in (0, 1) for axis in "zyx"]
            _check_close(f"box of {label}", seen, box)
        return "v s p"

    def check_segments(self, columns: Mapping[str, Any]) -> str:
        """Check a table from fragments to segments."""
        for name in ("fragment", "segment"):
            _check_equal(name, columns[name], self.array(name))
        return "v"

    def _check_ids(self, expected: Any, seen: Iterable[int]) -> None:
        if sorted(seen) != sorted(expected.tolist()):
            raise Wrong(f"ids {sorted(seen)} for {expected.tolist()}")


def _volume(shell: Shell) -> float:
    a, b, c = np.moveaxis(np.asarray(shell.vertices, float)[np.asarray(shell.faces)], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _check_equal(name: str, seen: Any, expected: Any) -> None:
    values = np.asarray(seen)
    if values.dtype.kind not in "ui" or not np.array_equal(values, expected):
        raise Wrong(f"{name} {values} for {expected}")


def _check_close(name: str, seen: Any, expected: Any, far: float = AS_STATED) -> None:
    values = np.asarray(seen, float)
    if values.shape != np.shape(expected) or not np.allclose(values, expected, far, 0):
        raise Wrong(f"{name} {_text(values)} for {_text(expected)}")


def _text(values: Any) -> str:
    return " x ".join(f"{value:.12g}" for value in values)


def in_nm(lengths: Sequence[float], units: Sequence[str | None]) -> list[float]:
    """Return lengths in nm; a unit that is none raises."""
    known = {"nm": 1, "nanometer": 1, "um": 1e3, "\N{MICRO SIGN}m": 1e3, "micrometer": 1e3, "m": 1e9}
    return [length * known[str(unit)] for length, unit in zip(lengths, units, strict=True)]


Check = Callable[[Path, Truth], str]
"""Reads one output, and returns what was found right: letters as in the table."""


def main(package: str, checks: Mapping[str, Check], release: str = "") -> None:
    """Run the checks on the outputs in a folder, and write what came out: python readers_NAME.py FOLDER RESULT.json.

    `release` is the version of a reader that is no package of Python.
    """
    folder, result = Path(sys.argv[1]), Path(sys.argv[2])
    truth = Truth(folder)
    cells = {name: _cell(check, folder / truth.facts["outputs"][name], truth) for name, check in checks.items()}
    result.write_text(json.dumps({"reader": package, "version": release or version(package), "cells": cells}), "utf-8")


def _cell(check: Check, path: Path, truth: Truth) -> str:
    try:
        return check(path, truth)
    except Wrong as error:
        return f"wrong: {error}"
    except Unread as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # whatever a reader raises is its answer
        traceback.print_exc()
        return f"fails: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
