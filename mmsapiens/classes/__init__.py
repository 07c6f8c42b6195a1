"""Sets of body-part classes: names, colors, left and right, correspondences."""

from .class_sets import ClassSet, class_set_names, get_class_set

__all__ = ['ClassSet', 'class_set_names', 'get_class_set']
