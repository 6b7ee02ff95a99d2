"""What other programs read of our outputs, as a table in docs/inputs.md: python tests/interop/outputs_matrix.py WORK.

Every reader runs in an environment of its own, which is made in WORK/envs by pip.
"""

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from page import markdown, put_between

HERE = Path(__file__).parent
START, END = "<!-- outputs: made by tests/interop/outputs_matrix.py -->", "<!-- end of outputs -->"

VOLUMES = {
    "tifffile": ("tifffile", "imagecodecs"),
    "imagej": ("numpy",),
    "zarr": ("zarr",),
    "tensorstore": ("tensorstore",),
    "funlib": ("funlib.persistence",),
    "ome_zarr": ("ome-zarr",),
    "ome_zarr_models": ("ome-zarr-models",),
    "cloud_volume": ("cloud-volume",),
    "neuroglancer": ("neuroglancer", "tensorstore"),
    "webknossos": ("webknossos[tifffile]",),
}
"""Readers of volumes -> what pip installs for them; the script of a reader is `readers_NAME.py`."""

OTHERS = {"trimesh": ("trimesh", "scipy"), "meshio": ("meshio",), "pandas": ("pandas", "pyarrow")}
"""Readers of surfaces and tables."""

READERS = VOLUMES | OTHERS

Results = Mapping[str, Mapping[str, Any]]


def read_all(work: Path, readers: Iterable[str]) -> None:
    """Make the outputs, unless they are there, and have them read."""
    outputs, results = work / "outputs", work / "results"
    results.mkdir(parents=True, exist_ok=True)
    if not outputs.exists():
        subprocess.run([sys.executable, HERE / "outputs.py", outputs], check=True)
    for name in readers:
        python = make_environment(work / "envs" / name, READERS[name])
        subprocess.run([python, HERE / f"readers_{name}.py", outputs, results / f"{name}.json"], check=True)


def make_environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Make an environment with pip, unless it is there; returns its Python."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not folder.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
    return python


def tables(results: Results) -> str:
    """The tables in Markdown: a line an output, a column a reader; cells that did not run are empty."""
    groups = [[name for name in group if name in results] for group in (VOLUMES, OTHERS)]
    return "\n\n".join(_table([results[name] for name in group]) for group in groups if group)


def _table(readers: Sequence[Mapping[str, Any]]) -> str:
    outputs = dict.fromkeys(output for reader in readers for output in reader["cells"])
    heads = [f"{reader['reader']} {reader['version']}" for reader in readers]
    rows = [[output, *(reader["cells"].get(output, "") for reader in readers)] for output in outputs]
    return markdown(["", *heads], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for outputs, environments and results")
    parser.add_argument("--reader", action="append", choices=READERS, help="may be given again; default: all")
    options = parser.parse_args()
    work = options.work.absolute()
    read_all(work, options.reader or READERS)
    results = {name: work / "results" / f"{name}.json" for name in READERS}
    found = {name: json.loads(path.read_text("utf-8")) for name, path in results.items() if path.exists()}
    put_between(START, END, tables(found))


if __name__ == "__main__":
    main()
