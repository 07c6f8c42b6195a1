"""Hooks of the dense tasks."""

from .dense_panel_hook import DensePanelHook

__all__ = ['DensePanelHook']
