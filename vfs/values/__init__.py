"""Parameters, metrics and plots of revisions: which there are, how they differ, how they are drawn.

Rule: knows a revision only as a `Tree` that somebody hands in; all but `collect` and `plots.collect` is pure.
"""
