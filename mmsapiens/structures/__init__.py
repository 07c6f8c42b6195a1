"""Images on their way, what was found in them, and the table of dense fields."""

from .fields import FIELDS as FIELDS
from .fields import Field as Field
from .fields import add_field as add_field
from .fields import get_field as get_field
from .results import Image as Image
from .results import ImageResult as ImageResult
from .results import LazyImage as LazyImage
from .results import MapResult as MapResult
from .results import People as People
from .results import PoseResult as PoseResult
from .results import ReadFailure as ReadFailure
from .results import instances as instances
from .results import prediction as prediction
