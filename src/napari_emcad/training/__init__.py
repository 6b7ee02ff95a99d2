"""Training and fine-tuning of networks from labelled volumes; arrays in, checkpoints out."""
