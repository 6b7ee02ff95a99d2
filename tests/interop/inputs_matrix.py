"""What is read of other programs' stacks, as a table in docs/inputs.md: python tests/interop/inputs_matrix.py WORK.

Every writer runs in an environment of its own, which pip makes in WORK/envs; programs that are no packages of Python
are those that are installed. Writers: tifffile, zarr ... (see WRITERS), or those that are named; none: what is there
is read again.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from inputs import check
from outputs_matrix import make_environment
from page import markdown, put_between
from writers_kit import Written

HERE = Path(__file__).parent
START, END = "<!-- inputs: made by tests/interop/inputs_matrix.py -->", "<!-- end of inputs -->"

WRITERS = {
    "tifffile": ("tifffile", "imagecodecs"),
    "imageio": ("imageio", "tifffile"),
    "scikit_image": ("scikit-image",),
    "pillow": ("pillow", "numpy"),
    "opencv": ("opencv-python-headless",),
    "imagemagick": ("pillow", "numpy"),
    "graphicsmagick": ("pillow", "numpy"),
    "libtiff": ("tifffile", "pillow"),
    "vips": ("tifffile", "pillow"),
    "gdal": ("pillow", "numpy"),
    "numpy": ("numpy",),
    "h5py": ("h5py", "hdf5plugin"),
    "pytables": ("tables",),
    "hdf5storage": ("hdf5storage",),
    "netcdf": ("xarray", "netCDF4", "h5netcdf", "h5py"),
    "hyperspy": ("hyperspy", "rosettasciio[hdf5,tiff,mrcz]", "scikit-image"),
    "npy2bdv": ("npy2bdv",),
    "mrcfile": ("mrcfile",),
    "mrcz": ("mrcz",),
    "nibabel": ("nibabel",),
    "pynrrd": ("pynrrd",),
    "simpleitk": ("SimpleITK", "numpy"),
    "itk": ("itk",),
    "zarr": ("zarr",),
    "zarr2": ("zarr<3", "numcodecs<0.16"),
    "xarray": ("xarray", "zarr"),
    "tensorstore": ("tensorstore",),
    "z5py": ("z5py",),
    "ome_zarr": ("ome-zarr",),
    "ngff_zarr": ("ngff-zarr",),
    "bioio": ("bioio", "bioio-ome-tiff", "bioio-ome-zarr"),
    "aicsimageio": ("aicsimageio", "numcodecs<0.16"),
    "iohub": ("iohub",),
    "pyometiff": ("pyometiff",),
    "funlib": ("funlib.persistence",),
    "cloud_volume": ("cloud-volume", "igneous-pipeline"),
    "webknossos": ("webknossos",),
}
"""Writers -> what pip installs for them; the script of a writer is `writers_NAME.py`."""

Cell = tuple[str, str, str, str]
"""A writer with its version, a format, a dialect, and what was read of it."""


def write_all(work: Path, writers: Iterable[str]) -> None:
    """Have the writers write, unless they have."""
    for name in writers:
        folder = work / "inputs" / name
        if (folder / "written.json").exists():
            continue
        python = make_environment(work / "envs" / f"writer_{name}", WRITERS[name])
        subprocess.run([python, HERE / f"writers_{name}.py", folder], check=False)


def read_all(work: Path) -> list[Cell]:
    """Open all that was written, and compare it."""
    cells = []
    for name in WRITERS:
        folder = work / "inputs" / name
        if (folder / "written.json").exists():
            facts = json.loads((folder / "written.json").read_text("utf-8"))
            for stated in facts["dialects"]:
                written = Written(**stated)
                result = check(folder, written)
                cells.append((f"{facts['writer']} {facts['version']}", written.format, written.dialect, result))
    return cells


def table(cells: Iterable[Cell]) -> str:
    """The table in Markdown: a line a writer and format, and in it all dialects of which the same was found right."""
    rows: dict[tuple[str, str], dict[str, list[str]]] = {}
    for writer, kind, dialect, result in cells:
        if not result.startswith("not written"):
            rows.setdefault((writer, kind), {}).setdefault(result, []).append(dialect)
    lines = [[writer, kind, _found(found)] for (writer, kind), found in rows.items()]
    return markdown(["written by", "format", "read: dialects"], lines)


def _found(found: Mapping[str, list[str]]) -> str:
    """Dialects by what was found; of a refusal the beginning of its sentence."""
    cells = {result.partition(";")[0].partition(" (")[0]: dialects for result, dialects in found.items()}
    return "; ".join(f"**{result}**: {' · '.join(dialects)}" for result, dialects in cells.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for environments and inputs")
    parser.add_argument("writers", nargs="*", choices=[[], *WRITERS, "none"], help="default: all")
    options = parser.parse_args()
    work = options.work.absolute()
    write_all(work, [name for name in options.writers or WRITERS if name != "none"])
    cells = read_all(work)
    for cell in cells:
        if cell[3].startswith(("wrong", "not written")):
            sys.stderr.write(f"{': '.join(cell)}\n")
    put_between(START, END, table(cells))


if __name__ == "__main__":
    main()
