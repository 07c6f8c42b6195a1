"""Drawing of keypoints."""

from .grouped_pose_visualizer import GroupedPoseVisualizer, draw_person
from .openpose_canvas import draw_openpose

__all__ = ['GroupedPoseVisualizer', 'draw_openpose', 'draw_person']
