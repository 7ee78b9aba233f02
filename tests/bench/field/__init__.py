"""The bench against the field: `make bench-field`. What vfs does beside its peers, on the same data, server and latency.

`__main__` runs it: `data` makes the data, `stores` puts it where the peers read it, `proxy` stands between and counts,
each module of `peers` starts one peer, each of `rows` measures one group of rows, `table` renders what `found` holds.

Rules: peers take turns within one run; a figure is the median of the rounds; what cannot be had or fails is told with the
reason, never left out; whatever was started is unmounted and ended, also when the run is interrupted.
"""
