"""The dense targets: one row for each, read by every step that touches one.

A further dense task is one more row. Shapes: C channels, H W height and width in pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """How one kind of map is stored and how it follows its image.

    Args:
        name (str): The name, as in ``gt_<name>`` and ``<name>_path`` of a pipeline's results.
        channels (int): Channels of an array: 1 is stored as (H, W), more as (H, W, C).
        dtype (str): Name of the numpy type of the loaded array.
        fill (float): Value of pixels without a target: outside the image, and in padding.
        sample_name (str, optional): Name in a data sample, after ``gt_`` or ``pred_``. Defaults to
            None, the name itself.
        is_labels (bool): Whether values are class ids, left and right ones. Defaults to False.
        is_vector (bool): Whether the first two channels are x (to the right) and y (up) of a
            direction that turns and stretches with the image. Defaults to False.
        is_position (bool): Whether it holds points in front of a camera, x to the right, y down,
            z away from it: they turn with the image about the camera's axis, but a stretch changes
            only the camera, see :mod:`mmsapiens.ops.cameras`. Defaults to False.
        negate_on_hflip (tuple[int, ...]): Channels that a mirror negates. Defaults to ().
        may_be_infinite (bool): Whether a file may hold infinity or NaN. Defaults to False.
        is_positive (bool): Whether only values above 0 are measurements. Defaults to False.
        is_share (bool): Whether values are from 0 to 1; unsigned integers in a file mean shares of
            the largest one. Defaults to False.
        is_blended (bool): Whether values between those of neighbors mean something in a resize;
            else pixels take the nearest. Defaults to False.
        is_premultiplied (bool): Whether the last channel is an opacity, with which the others, red,
            green and blue, are multiplied. Defaults to False.
        is_target (bool): Whether a network predicts it; another map ends with the pipeline unless a
            step packs it. Defaults to True.
        made_of (tuple[str, ...]): Fields whose files a pipeline can make it of. Defaults to ().
    """

    name: str
    channels: int
    dtype: str
    fill: float
    sample_name: str | None = None
    is_labels: bool = False
    is_vector: bool = False
    is_position: bool = False
    negate_on_hflip: tuple[int, ...] = ()
    may_be_infinite: bool = False
    is_positive: bool = False
    is_share: bool = False
    is_blended: bool = False
    is_premultiplied: bool = False
    is_target: bool = True
    made_of: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Key of the array in a pipeline's results."""
        return f'gt_{self.name}'

    @property
    def path_key(self) -> str:
        """Key of the file's path in a pipeline's results."""
        return f'{self.name}_path'

    @property
    def gt_name(self) -> str:
        """Attribute of a data sample with the ground truth."""
        return f'gt_{self.sample_name or self.name}'

    @property
    def pred_name(self) -> str:
        """Attribute of a data sample with the prediction."""
        return f'pred_{self.sample_name or self.name}'


FIELDS: dict[str, Field] = {}
"""Name -> field."""


def add_field(field: Field) -> Field:
    """Add a row to :data:`FIELDS`, and return it; a KeyError if there is another of that name."""
    if FIELDS.get(field.name, field) != field:
        raise KeyError(f'there is another dense field {field.name!r}')
    FIELDS[field.name] = field
    return field


def get_field(name: str) -> Field:
    """The row of a name in :data:`FIELDS`; a KeyError with the known names if there is none."""
    if name not in FIELDS:
        raise KeyError(f'a dense field must be one of {sorted(FIELDS)}, but got {name!r}')
    return FIELDS[name]


def present_fields(results: Iterable[str]) -> list[Field]:
    """The rows whose arrays are in ``results``, in the table's order."""
    keys = set(results)
    return [field for field in FIELDS.values() if field.key in keys]


SEG_MAP = add_field(
    Field('seg_map', channels=1, dtype='uint8', fill=255, sample_name='sem_seg', is_labels=True)
)
HUMAN_MASK = add_field(Field('human_mask', channels=1, dtype='uint8', fill=0, is_target=False))
DEPTH_MAP = add_field(
    Field('depth_map', channels=1, dtype='float32', fill=-1, may_be_infinite=True, is_positive=True)
)
NORMAL_MAP = add_field(
    Field('normal_map', channels=3, dtype='float32', fill=0, is_vector=True, negate_on_hflip=(0,))
)
ALBEDO_MAP = add_field(Field('albedo_map', channels=3, dtype='float32', fill=-1, is_share=True))
"""RGB of the surface without light, on the curve of sRGB; below 0 where there is none."""
POINT_MAP = add_field(
    Field(
        'point_map',
        channels=3,
        dtype='float32',
        fill=0,
        is_position=True,
        negate_on_hflip=(0,),
        may_be_infinite=True,
        made_of=('depth_map',),
    )
)
MATTE_MAP = add_field(
    Field(
        'matte_map',
        channels=4,
        dtype='float32',
        fill=0,
        is_share=True,
        is_blended=True,
        is_premultiplied=True,
        made_of=('opacity_map',),
    )
)
"""Premultiplied color of the foreground, RGB, and its opacity, from 0 to 1."""
OPACITY_MAP = add_field(
    Field('opacity_map', channels=1, dtype='float32', fill=0, is_share=True, is_target=False)
)
FOREGROUND_MAP = add_field(
    Field('foreground_map', channels=3, dtype='float32', fill=0, is_share=True, is_target=False)
)
"""RGB of the foreground alone, not premultiplied."""
