"""What the steps of a dense pipeline ask of their input."""

from __future__ import annotations

from typing import Any

from ...structures.fields import present_fields

REMEDY = (
    "use those that carry every field (such as 'mmsapiens.ResizeFields') "
    "after 'mmsapiens.LoadDenseTarget'"
)


def check_field_sizes(results: dict[str, Any], step: str, remedy: str = REMEDY) -> None:
    """Refuse maps that are not as large as ``img``; ``step`` is named in the message."""
    size = results['img'].shape[:2]
    for field in present_fields(results):
        found = results[field.key].shape[:2]
        if found != size:
            raise ValueError(
                f'{step}: `{field.key}` of {results.get("img_path")} must be '
                f'as large as its image, {size} (height, width), but got '
                f'{found}. A step in front of it moved only one of them: '
                f'{remedy}.'
            )


def check_prob(prob: float) -> float:
    """A probability, as a float; ValueError unless it is in [0, 1]."""
    if not 0 <= prob <= 1:
        raise ValueError(f'`prob` must be in [0, 1], but got {prob}')
    return float(prob)
