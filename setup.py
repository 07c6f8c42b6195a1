"""Packaging of mmsapiens; requirements are read from ``requirements/``."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
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
        files: list[Path] = []
        for name in MIM:
            path = ROOT / name
            found = [path] if path.is_file() else sorted(path.rglob('*'))
            files += [
                file.relative_to(ROOT)
                for file in found
                if file.is_file() and '__pycache__' not in file.parts
            ]
        return files


def read_requirements(name: str) -> list[str]:
    """Requirements of ``requirements/<name>.txt``, included files first.

    Args:
        name (str): File name without its suffix.

    Returns:
        list[str]: Requirement specifiers; options of pip are left out.
    """
    requirements: list[str] = []
    path = ROOT / 'requirements' / f'{name}.txt'
    for line in path.read_text(encoding='utf-8').splitlines():
        line = line.split('#')[0].strip()
        if line.startswith('-r '):
            requirements += read_requirements(line[3:].strip()[: -len('.txt')])
        elif line and not line.startswith('-'):
            requirements.append(line)
    return list(dict.fromkeys(requirements))


def read_version() -> str:
    """The version written in ``mmsapiens/version.py``."""
    text = (ROOT / 'mmsapiens' / 'version.py').read_text(encoding='utf-8')
    match = re.search(r"__version__ = '([^']+)'", text)
    if match is None:
        raise RuntimeError('no __version__ in mmsapiens/version.py')
    return match.group(1)


setup(
    name='mmsapiens',
    version=read_version(),
    description='Sapiens human vision models for stock OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10,<3.13',
    cmdclass={'build_py': BuildWithMim},
    packages=find_packages(include=('mmsapiens', 'mmsapiens.*')),
    package_data={'mmsapiens': ['py.typed', 'keypoints/*.json', 'classes/*.json', 'zoo/*.json']},
    entry_points={'console_scripts': ['mmsapiens = mmsapiens.cli.main:main']},
    install_requires=read_requirements('runtime'),
    extras_require={
        name: read_requirements(name)
        for name in ('pretrain', 'pose', 'dense', 'inference', 'all', 'tests')
    },
    classifiers=[
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
