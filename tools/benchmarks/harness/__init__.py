"""What every benchmark shares: rows, clocks, limits, tables, the guard."""

from .clock import Timing, alternate
from .limits import Limits, measure_limits
from .rows import Benchmark, Measurement, Settings, benchmark, load_rows

__all__ = [
    'Benchmark',
    'Limits',
    'Measurement',
    'Settings',
    'Timing',
    'alternate',
    'benchmark',
    'load_rows',
    'measure_limits',
]
