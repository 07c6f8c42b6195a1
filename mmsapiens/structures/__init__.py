"""Images on their way, what was found in them, and the table of dense fields."""

from .fields import FIELDS, Field, add_field, get_field
from .results import (
    Image,
    ImageResult,
    LazyImage,
    MapResult,
    People,
    PoseResult,
    ReadFailure,
    instances,
    prediction,
)

__all__ = [
    'FIELDS',
    'Field',
    'add_field',
    'get_field',
    'Image',
    'ImageResult',
    'LazyImage',
    'MapResult',
    'People',
    'PoseResult',
    'ReadFailure',
    'instances',
    'prediction',
]
