"""Data on the device: image sets, batched augmentation, batches."""
