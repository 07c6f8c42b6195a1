"""Stand-ins for ``mmcv._ext`` and ``pkg_resources``."""

import importlib
import importlib.util
import json
import sys
from importlib.metadata import version
from textwrap import dedent
from types import ModuleType

import mmcv.ops
import pytest
import torch
from mmengine.utils.dl_utils import mmcv_full_available

from mmsapiens import compat
from mmsapiens.compat import missing_modules
from mmsapiens.compat.missing_modules import StandInFinder, fill_mmcv_ext, is_stand_in

EXT_IS_STAND_IN = is_stand_in(importlib.import_module('mmcv._ext'))


@pytest.fixture(scope='module')
def children(forks):
    """Answers of fresh interpreters in which mmsapiens is imported."""
    # `import pkg_resources` as in setuptools 82: only PathFinder finds it, and distributions are
    # found by the same class.
    hide = dedent("""
        import sys
        from importlib.machinery import PathFinder

        class WithoutPkgResources(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name == 'pkg_resources':
                    return None
                return super().find_spec(name, path, target)

        sys.meta_path[:] = [WithoutPkgResources if f is PathFinder else f
                            for f in sys.meta_path]
        sys.modules.pop('pkg_resources', None)
        """)
    get_paths = dedent("""
        import tempfile
        import json
        from mmengine.config import Config
        from mmengine.utils import get_installed_path, is_installed
        config = tempfile.mkdtemp() + '/config.py'
        with open(config, 'w') as file:
            file.write("_base_ = 'mmpose::_base_/default_runtime.py'")
        import pkg_resources
        result = json.dumps(dict(
            origin=pkg_resources.__spec__.origin,
            mmpose=get_installed_path('mmpose'),
            mmseg=get_installed_path('mmsegmentation'),
            installed=[is_installed(name) for name in
                       ('mmpose', 'mmsapiens', 'no-such-package')],
            version=pkg_resources.get_distribution('mmpose').version,
            scope=Config.fromfile(config).default_scope))
        """)
    return forks(
        'import torch, torchvision, cv2, scipy',
        {
            'meta_path': """
                import sys
                import mmsapiens
                last = type(sys.meta_path[-1]).__name__
                from mmsapiens import compat
                compat.apply()
                count = [type(f).__name__ for f in sys.meta_path]
                result = last, count.count('StandInFinder')
                """,
            'real _ext': """
                import os, tempfile
                import mmsapiens, mmcv
                folder = tempfile.mkdtemp()
                with open(os.path.join(folder, '_ext.py'), 'w') as file:
                    file.write('nms = "compiled"')
                mmcv.__path__.insert(0, folder)
                import mmcv._ext
                result = mmcv._ext.nms
                """,
            'finder of another': """
                import sys
                class Indifferent:
                    def find_spec(self, name, path=None, target=None):
                        return None
                import mmsapiens
                sys.meta_path.append(Indifferent())
                sys.meta_path.insert(0, Indifferent())
                import mmcv.ops
                """,
            'pkg_resources': hide + 'import mmsapiens' + get_paths,
            'stock pkg_resources': hide + get_paths,
        },
    )


@pytest.mark.parametrize('module', ['mmcv.ops', 'mmpose.models', 'mmseg.models', 'mmdet.models'])
def test_models_import_only_with_the_stand_in(stock, module):
    alone = stock[f'import {module}']
    if EXT_IS_STAND_IN:
        assert "No module named 'mmcv._ext'" in alone
    else:
        assert alone == 'done'
    importlib.import_module(module)


def test_finder_is_last_and_installed_once(children):
    assert children['meta_path'] == "('StandInFinder', 1)"


def test_second_apply_changes_nothing():
    before = list(sys.meta_path)
    compat.apply()
    assert sys.meta_path == before


def test_real_extension_wins(children):
    assert children['real _ext'] == 'compiled'


def test_finders_of_others_do_not_matter(children):
    assert children['finder of another'] == 'done'


def test_finder_answers_for_its_names_only():
    finder = StandInFinder()
    for name in ('mmcv', 'mmcv._extra', 'pkg_resources.extern', 'os'):
        assert finder.find_spec(name) is None
    for name in ('mmcv._ext', 'pkg_resources'):
        assert finder.find_spec(name).loader is finder


def test_operator_without_stand_in_fails_when_called():
    module = ModuleType('mmcv._ext')
    fill_mmcv_ext(module)
    operator = module.carafe_forward  # hasattr is what mmcv asserts
    assert operator.__name__ == 'carafe_forward'
    with pytest.raises(NotImplementedError, match='`carafe_forward` needs .*Build mmcv'):
        operator(torch.ones(1), scale_factor=2)


def test_stand_in_has_no_invented_dunder_names():
    module = ModuleType('mmcv._ext')
    fill_mmcv_ext(module)
    assert not hasattr(module, '__path__')


def test_unsupported_operator_names_itself_through_mmcv():
    boxes = torch.tensor([[2.0, 2.0, 1.0, 1.0, 0.0]])
    if EXT_IS_STAND_IN:
        with pytest.raises(NotImplementedError, match='box_iou_rotated'):
            mmcv.ops.box_iou_rotated(boxes, boxes)
    else:
        overlap = mmcv.ops.box_iou_rotated(boxes, boxes)
        torch.testing.assert_close(overlap, torch.ones(1, 1))


def test_mmengine_finds_the_extension():
    # It uses pkgutil.find_loader, which Python 3.14 has no longer.
    if sys.version_info < (3, 14):
        assert mmcv_full_available()
    assert importlib.util.find_spec('mmcv._ext') is not None


@pytest.mark.parametrize('name', list(StandInFinder.fillers))
def test_stand_in_survives_reload(name, monkeypatch):
    spec = StandInFinder().find_spec(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert is_stand_in(module)
    monkeypatch.setitem(sys.modules, name, module)
    # The finder alone, as where no real module is installed.
    monkeypatch.setattr(sys, 'meta_path', [StandInFinder()])
    again = importlib.reload(module)
    assert again is module
    assert is_stand_in(again)


def test_real_modules_are_no_stand_ins():
    assert not is_stand_in(mmcv)
    assert not is_stand_in(ModuleType('without_spec'))


def test_stock_needs_pkg_resources(children):
    expected = "ModuleNotFoundError: No module named 'pkg_resources'"
    assert children['stock pkg_resources'] == expected


def test_paths_and_configs_of_hosts_without_pkg_resources(children):
    answers = json.loads(children['pkg_resources'])
    assert answers['origin'] == missing_modules.ORIGIN
    for name in ('mmpose', 'mmseg'):
        folder = importlib.util.find_spec(name).submodule_search_locations[0]
        assert answers[name] == folder
    assert answers['installed'] == [True, True, False]
    assert answers['version'] == version('mmpose')
    assert answers['scope'] == 'mmpose'
