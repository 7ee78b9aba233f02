"""Axes: where a value lies in pixels, and which values are written beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LABELS = 30
_MAX_WORD = 22
_MOST_TICKS = 12


def number(value: Any) -> float | None:
    """A value as a number that can be drawn; CSV has numbers as text. None if it is none."""
    if value is None or isinstance(value, list | dict):
        return None
    try:
        found = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if math.isfinite(found) else None


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart.

    Attributes:
        start, end: pixels of its ends; `start` has the smallest value.
        low, high: of numbers.
        names: of categories, in their order; none: it is of numbers.
    """

    start: float
    end: float
    low: float = 0.0
    high: float = 1.0
    names: tuple[str, ...] = ()

    @classmethod
    def over(
        cls, values: Sequence[Any], start: float, end: float, *, category: bool = False
    ) -> "Axis":
        """An axis for values: of numbers if all that are there are some, else of categories as they come."""
        there = [value for value in values if value is not None and value != ""]
        numbers = [number(value) for value in there]
        found = [one for one in numbers if one is not None]
        if not category and len(found) == len(numbers):
            low, high = (min(found), max(found)) if found else (0.0, 1.0)
            if low == high:
                pad = abs(low) * 0.1 or 1.0
                low, high = low - pad, high + pad
                if not (math.isfinite(low) and math.isfinite(high)):
                    low, high = min(low, 0.0) / 2, max(high, 0.0) / 2
                    low, high = max(low, -1e308), min(high, 1e308)
            return cls(start, end, low, high)
        return cls(start, end, names=tuple(dict.fromkeys(str(value) for value in there)))

    def at(self, value: Any) -> float | None:
        """The pixel of a value; None if it has none."""
        if self.names:
            try:
                place = (self.names.index(str(value)) + 0.5) / len(self.names)
            except ValueError:
                return None
            return self.start + (self.end - self.start) * place
        found = number(value)
        if found is None:
            return None
        span = self.high / 2 - self.low / 2  # halves: the difference of two floats may be none
        place = (found / 2 - self.low / 2) / span if span else 0.5
        return self.start + (self.end - self.start) * place

    def ticks(self) -> list[tuple[float, str]]:
        """Pixels and words."""
        if self.names:
            every = -(-len(self.names) // _LABELS)
            size = (self.end - self.start) / len(self.names)
            return [
                (self.start + size * (place + 0.5), short(name))
                for place, name in enumerate(self.names)
                if place % every == 0
            ]
        found = []
        for value in tick_values(self.low, self.high):
            pixel = self.at(value)
            if pixel is not None:
                found.append((pixel, f"{value:.10g}"))
        return found


def tick_values(low: float, high: float, wanted: int = 6) -> list[float]:
    """Round numbers between two; the two themselves where no step can be told from nothing."""
    rough = (high / 2 - low / 2) / wanted * 2
    if not math.isfinite(rough) or rough <= 0:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * by for by in (1, 2, 5, 10) if power * by >= rough), 0.0)
    if not step or not math.isfinite(low / step) or not math.isfinite(high / step):
        return [low, high]
    first, last = math.ceil(low / step), math.floor(high / step)
    if not 1 <= last - first + 1 <= _MOST_TICKS or low + step == low:
        return [low, high]
    digits = max(0, min(300, -math.floor(math.log10(step))))
    return [round(place * step, digits) for place in range(first, last + 1)]


def short(words: str) -> str:
    """Words that fit beside an axis."""
    return words if len(words) <= _MAX_WORD else words[: _MAX_WORD - 1] + "…"
