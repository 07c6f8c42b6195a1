"""Drawing of keypoints."""

from ...visualization.openpose import draw_openpose
from .grouped_pose_visualizer import GroupedPoseVisualizer, draw_person

__all__ = ['GroupedPoseVisualizer', 'draw_openpose', 'draw_person']
