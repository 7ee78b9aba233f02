"""Charts drawn by their template."""

from vfs.drawing.bars import draw_bars
from vfs.drawing.chart import TEMPLATES, Chart, Drawing
from vfs.drawing.lines import draw_lines
from vfs.drawing.matrix import draw_matrix
from vfs.drawing.svg import Markup


def draw(chart: Chart) -> Drawing:
    """Draw a chart; one of an unknown template as lines, which is said."""
    if not any(series.points for series in chart.series):
        return Drawing(Markup(""), ("no points",))
    if chart.template.startswith("confusion") and chart.template in TEMPLATES:
        return draw_matrix(chart)
    if chart.template.startswith("bar_horizontal") and chart.template in TEMPLATES:
        return draw_bars(chart)
    drawn = draw_lines(chart)
    if chart.template in TEMPLATES:
        return drawn
    note = f"the template {chart.template} is not built in: drawn as linear"
    return Drawing(drawn.picture, (note, *drawn.notes))
