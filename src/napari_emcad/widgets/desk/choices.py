"""Everything that is chosen before a run: stack and its sections, model, device, region, threshold and settings."""

from napari.components import ViewerModel

from napari_emcad.core.geometry import Box, Shape, triple
from napari_emcad.core.pixel_size import Scale
from napari_emcad.pipeline import SegmentParameters, choose_scale
from napari_emcad.widgets.desk.device import DevicePick
from napari_emcad.widgets.desk.inspection import Inspection
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.model import SEGMENTING, ModelPick
from napari_emcad.widgets.desk.region import Region
from napari_emcad.widgets.desk.settings import Settings
from napari_emcad.widgets.desk.stack import StackPick
from napari_emcad.widgets.desk.threshold import Threshold
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.layers import volume_of
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.workers.estimates import Estimate, Planned, estimate, is_foreground


class Choices:
    """The choices, and the run that follows from all of them together.

    Attributes
    ----------
    stack : StackPick
    inspection : Inspection
    model : ModelPick
    device : DevicePick
    region : Region
    threshold : Threshold
    settings : Settings
    message : Message
    jobs : Jobs
        Runs the dock's one long job.
    """

    def __init__(self, viewer: ViewerModel, loop: Loop, remembered: Remembered):
        self._remembered = remembered
        self.message, self.jobs = Message(), loop.jobs()
        self.stack, self.region = StackPick(viewer), Region(viewer)
        self.stack.changed.connect(self._on_stack)  # before anybody else: who hears of a stack asks for its region
        self._on_stack()
        self.model = ModelPick(loop, remembered, roles=(*SEGMENTING, "foreground"))
        self.device = DevicePick(loop)
        self.inspection = Inspection(viewer, loop, self.stack, self.model)
        self.threshold, self.settings = Threshold(), Settings(remembered.palette)
        self.settings.palette_changed.connect(lambda: remembered.remember_palette(self.settings.palette))

    @property
    def why_not(self) -> str:
        """The reason why nothing can be segmented now; empty if something can."""
        return self.stack.why_not or self.model.why_not

    @property
    def why_no_affinities(self) -> str:
        """The reason why the model gives no affinities, which clicks and proofreading need; empty if it does."""
        if is_foreground(self.model.card):
            return "This model finds the foreground of optical volumes; choose a student or a teacher."
        return self.model.why_not

    def parameters(self) -> SegmentParameters:
        """Return the parameters of a run."""
        return self.settings.parameters(self.threshold.touched, self.device.wish)

    def planned(self, box: Box, shape: Shape | None = None) -> Planned:
        """Return a run of a box of a volume of a shape (z, y, x), that of the stack by default."""
        shape = triple(volume_of(self.stack.layer).shape) if shape is None else shape
        device = self.device.device
        kind, sigma = device.kind if device else "cpu", self.settings.values.seed_sigma
        return Planned(box, shape, kind, self.model.card, sigma, self.scale(shape))

    def scale(self, shape: Shape) -> Scale:
        """Return the scale at which the network sees a volume of a shape (z, y, x) with the stack's voxel size."""
        return self.settings.values.scale or choose_scale(shape, self.stack.voxel_size, self.model.card)

    def estimate(self, box: Box, shape: Shape | None = None) -> Estimate | None:
        """Return time and memory of such a run; None while the devices are not known."""
        device = self.device.device
        if device is None:
            return None
        speed = self._remembered.seconds_per_megavoxel(device.name, self.model.card)
        return estimate(self.planned(box, shape), speed)

    def remember_speed(self, device: str, planned: Planned, seconds: float) -> None:
        """Note the time of a run on a device, by its name, and that the model has been used."""
        self._remembered.remember_speed(device, planned, seconds)
        self.model.remember()

    def follow_layers(self) -> None:
        """Follow the viewer's layers."""
        self.stack.follow_layers()
        self.region.follow_layers()

    def close(self) -> None:
        """Stop all threads and let go of the layers."""
        self.inspection.close()
        self.device.close()
        self.model.close()
        self.region.close()

    def _on_stack(self) -> None:
        self.region.follow(self.stack.layer)
