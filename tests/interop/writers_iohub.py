"""iohub: fields of view and plates in OME-Zarr."""

from importlib.metadata import version

import numpy as np
from iohub.ngff import TransformationMeta, open_ome_zarr
from writers_kit import SIZE, dialect, greys, main

SCALE = TransformationMeta(type="scale", scale=[1, 1, *(n / 1000 for n in SIZE)])


def save(form, layout, name, values, channels=("em",), **facts):
    @dialect(f"OME-Zarr {form}", name, size=True, **facts)
    def write(folder):
        options = {"layout": layout, "mode": "w-", "channel_names": list(channels), "version": form}
        with open_ome_zarr(folder / "a.zarr", **options) as opened:
            field = opened if layout == "fov" else opened.create_position("A", "1", "0")
            field.create_image("0", values, transform=[SCALE])
        return folder / "a.zarr"


for form in ("0.4", "0.5"):
    save(form, "fov", "field of view", greys()[None, None])
    save(form, "hcs", "plate", greys()[None, None])
    save(form, "fov", "second channel", np.stack([255 - greys(), greys()])[None], ("a", "b"), select="0[c=1]")
main("iohub", version("iohub"))
