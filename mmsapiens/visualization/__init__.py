"""Drawing; every image is RGB, uint8 (H, W, 3)."""
