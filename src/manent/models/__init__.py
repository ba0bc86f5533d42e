"""Model files and word vectors on disk. Training writes model files; every user verifies them on reading."""
