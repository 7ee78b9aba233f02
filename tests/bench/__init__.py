"""Benchmarks: `make bench`. Each `row_*.py` measures one group of rows of docs/benchmarks.md."""
