"""Registries of mmpose that have no root in MMEngine."""

from __future__ import annotations

from mmengine.registry import Registry
from mmpose.registry import KEYPOINT_CODECS as HOST_KEYPOINT_CODECS

KEYPOINT_CODECS = Registry('keypoint_codec', parent=HOST_KEYPOINT_CODECS, scope='mmsapiens')
"""Codecs; ``mmsapiens.pose`` lists them in mmpose under their bare names."""
