"""The components of the pipeline. Each file contains one component, or a few that share code."""
