"""Neurites of an optical volume in a real window: python docs/optical_tour.py --model SDASN.ckpt [--images FOLDER].

Opens the optical sample and a foreground network, runs it, looks at the neurites in a slice and in 3D and saves them by
the panel Export; writes docs/images/optical.png and optical_3d.png. Wants a screen, or a virtual one (xvfb-run).
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("NAPARI_CONFIG", "")  # pictures do not depend on whose settings are in use

import napari
from screenshots import WINDOW, Camera, parser

from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.widgets.demo import finish, wait
from napari_emcad.widgets.dock import EMCADDock


def main() -> None:
    options = parser("Take the pictures of an optical volume.").parse_args()
    viewer = napari.Viewer(show=True)
    viewer.theme = options.theme
    viewer.window._qt_window.resize(*WINDOW)
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD", area="right")
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
