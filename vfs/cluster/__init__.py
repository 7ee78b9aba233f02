"""Stages whose commands run on the workers of a Dask scheduler (docs/pipelines.md, "Beyond one machine"): the client's side and the worker's."""
