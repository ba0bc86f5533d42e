"""The components of the pipeline. Each file contains one of them, or a few that share their code."""
