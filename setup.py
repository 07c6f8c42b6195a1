"""Puts configs and tools into the wheel, for openmim; all else is in ``pyproject.toml``."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM = ('configs', 'tools', 'model-index.yml')
"""What openmim looks for in the folder ``.mim`` of a package."""


class BuildWithMim(build_py):
    """Puts :data:`MIM` into the package, in a clone as links."""

    def run(self) -> None:
        """Build, then add ``.mim``."""
        super().run()
        if self.editable_mode:
            mim = ROOT / 'mmsapiens' / '.mim'
            mim.mkdir(exist_ok=True)
            for name in MIM:
                (mim / name).unlink(missing_ok=True)
                (mim / name).symlink_to(Path('..', '..', name))
            return
        for path in self.mim_files():
            target = Path(self.build_lib, 'mmsapiens', '.mim', path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Every file of the package, those of ``.mim`` included."""
        outputs: list[str] = super().get_outputs(include_bytecode)
        folder = Path(self.build_lib, 'mmsapiens', '.mim')
        return outputs + [str(folder / path) for path in self.mim_files()]

    @staticmethod
    def mim_files() -> list[Path]:
        """Files of :data:`MIM`, relative to this folder."""
        paths = (path for name in MIM for path in (ROOT / name, *sorted(ROOT.glob(f'{name}/**/*'))))
        return [
            path.relative_to(ROOT)
            for path in paths
            if path.is_file() and '__pycache__' not in path.parts
        ]


setup(cmdclass={'build_py': BuildWithMim})
