"""The compressor: Deep Compression from trained weights to the model file and the array image."""
