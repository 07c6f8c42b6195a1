"""Warp kernels: rays, labels, shading, backdrops, tones; CPU and CUDA.

mypy does not read this folder: types of arguments in Warp are calls such as
``wp.array(dtype=float)``.
"""
