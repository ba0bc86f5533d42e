"""The model file on disk: written once by training, read and verified by everything that runs a model."""
