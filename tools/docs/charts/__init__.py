"""Charts of keypoint sets, for the documentation."""
