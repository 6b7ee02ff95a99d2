"""tifffile on TIFF: ImageJ's lines and the resolution tags, which Fiji and Bio-Formats read as well."""

from pathlib import Path

import numpy as np
import tifffile
from readers_kit import Level, Truth, in_nm, main


def read(path: Path) -> Level:
    with tifffile.TiffFile(path) as tiff:
        lines, tags = tiff.imagej_metadata, tiff.pages.first.tags
        pixels = [tags[name].value for name in ("YResolution", "XResolution")]
        size = in_nm([lines["spacing"], *(below / above for above, below in pixels)], [lines["unit"]] * 3)
        origin = [-float(lines.get(f"{axis}origin", 0)) for axis in "zyx"]
        values = tiff.series[0].asarray()
    return Level(values.reshape(-1, *values.shape[-2:]), size, np.array(origin) * size)


def tiff(path: Path, truth: Truth) -> str:
    return truth.check_levels("labels32", [read(path)])


def series(path: Path, truth: Truth) -> str:
    sections = [read(file) for file in sorted(path.iterdir())]
    values = np.concatenate([section.values for section in sections])
    return truth.check_levels("labels32", [Level(values, sections[0].size, sections[0].place)])


main("tifffile", {"TIFF": tiff, "TIFF series": series})
