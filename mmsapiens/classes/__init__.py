"""Sets of body-part classes: names, colors, left and right, correspondences."""

from .class_sets import ClassSet as ClassSet
from .class_sets import class_set_names as class_set_names
from .class_sets import conversion_table as conversion_table
from .class_sets import convert_labels as convert_labels
from .class_sets import get_class_set as get_class_set
