"""tensorstore on Zarr 2, Zarr 3 and precomputed: what a store says of itself, without the attributes of others."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts
from readers_kit import Level, Truth, in_nm, main


def opened(path: Path, driver: str, **more: Any) -> Any:
    return ts.open({"driver": driver, "kvstore": f"file://{path}/", **more}, read=True).result()


def lengths_of(store: Any) -> list[float]:
    return in_nm(*zip(*((unit.multiplier, unit.base_unit) for unit in store.dimension_units), strict=True))


def precomputed(path: Path, truth: Truth) -> str:
    levels = []
    for scale in range(2):
        store = opened(path, "neuroglancer_precomputed", scale_index=scale)[..., 0].T
        size = lengths_of(store)
        levels.append(Level(store.read().result(), size, store.domain.origin * np.array(size)))
    return truth.check_levels("labels", levels)


def zarr(name: str, driver: str, *parts: str):
    def check(path: Path, truth: Truth) -> str:
        return truth.check_levels(name, [Level(opened(path / p, driver).read().result()) for p in parts])

    return check


main(
    "tensorstore",
    {
        "Zarr": zarr("labels", "zarr", ""),
        "affinities": zarr("affinities", "zarr", ""),
        "OME-Zarr 0.4": zarr("labels", "zarr", "0", "1"),
        "OME-Zarr 0.5": zarr("labels", "zarr3", "0", "1"),
        "precomputed": precomputed,
        "precomputed, sharded": precomputed,
    },
)
