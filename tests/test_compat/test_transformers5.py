"""mmpretrain beside a transformers that is too new for it."""

import os
import subprocess
import sys
from textwrap import dedent
from types import ModuleType

import pytest
from mmengine.registry import Registry

from mmsapiens.compat import remedies

SCRIPT = dedent("""
    import mmsapiens
    from mmpretrain.registry import MODELS
    import mmpretrain.models
    assert mmpretrain.models.multimodal.WITH_MULTIMODAL is {usable}
    assert MODELS.get('MAE') is not None
    try:
        MODELS.build(dict(type='Flamingo'))
    except ImportError as error:
        print(error)
    """)


def install(folder, version):
    """A transformers of a version, without the names that 5.0 dropped."""
    info = folder / f'transformers-{version}.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(
        f'Metadata-Version: 2.1\nName: transformers\nVersion: {version}\n'
    )
    (folder / 'transformers').mkdir()
    (folder / 'transformers/__init__.py').write_text(f"__version__ = '{version}'\n")


def test_mmpretrain_is_imported_without_multimodal_models(tmp_path):
    install(tmp_path, '5.24.0')
    child = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SCRIPT.format(usable=False)],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(tmp_path)),
    )
    assert child.returncode == 0, child.stderr
    assert (
        'Flamingo of mmpretrain needs transformers below 5, but 5.24.0 is installed' in child.stdout
    )


@pytest.mark.parametrize(
    ('installed', 'usable'), [('4.57.1', True), ('5.0.0', False), ('5.24.0', False), (None, True)]
)
def test_only_too_new_versions_are_refused(monkeypatch, installed, usable):
    def version(name):
        assert name == 'transformers'
        if installed is None:
            raise remedies.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(remedies, 'version', version)
    module = ModuleType('dependency')
    module.WITH_MULTIMODAL = True
    module.register_multimodal_placeholder = None
    remedies.fix_multimodal(module)
    assert module.WITH_MULTIMODAL is usable
    if usable:
        assert module.register_multimodal_placeholder is None
        return
    registry = Registry('models')
    module.register_multimodal_placeholder(['CLIP'], registry)
    with pytest.raises(ImportError, match=r'transformers<5'):
        registry.build(dict(type='CLIP'))
