"""Pipelines: the stages of a working tree, what changed, their runs, and the record of these (docs/pipelines.md)."""
