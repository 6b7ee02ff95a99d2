"""What a training run is told."""

from pydantic import BaseModel, ConfigDict, Field


class TrainingParameters(BaseModel):
    """Parameters of a supervised run of the student."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(2000, ge=1, title="Steps", description="Optimiser steps in all.")
    batch: int = Field(4, ge=1, title="Batch", description="Pairs of sections a step.")
    size: int = Field(256, ge=32, multiple_of=16, title="Crop", description="Height and width of a pair, pixels.")
    learning_rate: float = Field(1e-3, gt=0, title="Learning rate", description="Peak, reached after the warm-up.")
    weight_decay: float = Field(1e-4, ge=0, title="Weight decay")
    warm_up: int = Field(50, ge=0, title="Warm-up", description="Steps until the peak learning rate.")
    ema: float = Field(0.99, ge=0, lt=1, title="EMA", description="Decay of the running mean of the weights.")
    clip: float = Field(1.0, gt=0, title="Gradient clipping", description="Largest norm of a step's gradient.")
    seed: int = Field(0, ge=0, title="Seed")
