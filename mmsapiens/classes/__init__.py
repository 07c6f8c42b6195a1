"""Sets of body-part classes: names, colors, left and right, correspondences."""

from .class_sets import (
    ClassSet,
    check_flip_pairs,
    class_set_names,
    conversion_table,
    find_wrong_pairs,
    get_class_set,
)

__all__ = [
    'ClassSet',
    'check_flip_pairs',
    'conversion_table',
    'find_wrong_pairs',
    'get_class_set',
    'class_set_names',
]
