"""What a mount measures: counters and histograms that layers keep, the one table of metrics, and samples of them.

Rule: whatever shows figures (`vfs stats`, `vfs top`, Prometheus, `docs/metrics.md`, the Grafana dashboard) renders the table and nothing else.
"""

from vfs.metrics.counters import Counters
from vfs.metrics.histogram import BOUNDS, Distribution, Histogram
from vfs.metrics.waits import Waits

__all__ = ["BOUNDS", "Counters", "Distribution", "Histogram", "Waits"]
