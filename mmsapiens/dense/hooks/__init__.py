"""Hooks of the dense tasks."""

from .dense_data_check_hook import DenseDataCheckHook
from .dense_panel_hook import DensePanelHook

__all__ = ['DenseDataCheckHook', 'DensePanelHook']
