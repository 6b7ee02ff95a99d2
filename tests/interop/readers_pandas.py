"""pandas on tables: columns with the types that it gives them."""

from pathlib import Path

import pandas
from readers_kit import Truth, main


def read(path: Path) -> dict:
    table = pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)
    return {name: table[name].to_numpy() for name in table}


def neurons(path: Path, truth: Truth) -> str:
    return truth.check_neurons(read(path))


def segments(path: Path, truth: Truth) -> str:
    return truth.check_segments(read(path))


main(
    "pandas",
    {
        "neurons, CSV": neurons,
        "neurons, Parquet": neurons,
        "fragments, CSV": segments,
        "fragments, Parquet": segments,
    },
)
