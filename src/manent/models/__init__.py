"""Model files and word vectors on disk. Training writes model files. Reading a model file verifies its hashes."""
