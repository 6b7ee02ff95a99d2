"""Neurites of an optical volume in a real window: python docs/optical_tour.py --model SDASN.ckpt [--images FOLDER].

Opens the optical sample and a foreground network, runs it, looks at the neurites in a slice and in 3D and saves them by
the panel Export; writes docs/images/optical.png and optical_3d.png. Wants a screen, or a virtual one (xvfb-run).
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from screenshots import Camera, parser
from window import open_window

from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.widgets.demo import finish, wait


def main() -> None:
    options = parser("Take the pictures of an optical volume.").parse_args()
    viewer, dock = open_window(options.theme)
    dock.opener.open_sample("optical")
    finish(dock)
    dock.desk.model.open_file(options.model)
    wait(lambda: dock.desk.model.card is not None and dock.desk.model.card.role == "foreground")
    dock.desk.runs.run()
    finish(dock)
    take = Camera(viewer, options.images)
    take("optical")
    viewer.dims.ndisplay = 3
    viewer.layers[0].visible = False
    viewer.layers.selection.active = viewer.layers[-1]
    viewer.reset_view()
    viewer.scene.camera.angles = (0, -30, 30)
    take("optical_3d")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "neurites.tif"
        dock.export.exporter.save(path)
        finish(dock)
        print(f"{dock.desk.message.text}; threshold {read_provenance(path)['parameters']['threshold']:g}")
    viewer.close()


if __name__ == "__main__":
    main()
