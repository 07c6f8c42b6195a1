"""Networks of tasks; each imports only the host that it needs."""

from .base import Sample, TaskNetwork
from .build import Options, build_network

__all__ = ['Options', 'Sample', 'TaskNetwork', 'build_network']
