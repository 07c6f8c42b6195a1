"""Names of results: one for each input, unique, fit for any file system."""

import re
import unicodedata
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_MAX_BYTES = 150
"""Of a part of a name: room for suffixes below the usual limit of 255."""


def clean_part(text: str) -> str:
    """One part of a name without what file systems refuse; at most 150 bytes, never empty."""
    raw = text.encode('utf-8', 'surrogateescape')
    text = _FORBIDDEN.sub('_', raw.decode('utf-8', 'replace'))
    text = text.encode('utf-8')[:_MAX_BYTES].decode('utf-8', 'ignore').strip(' ')
    return text if text.strip('.') else '_'


def name_of_path(path: PurePath) -> str:
    """Name of a file's results: its parts, the last without its suffix."""
    parts = [*path.parts[:-1], path.stem]
    return '/'.join(clean_part(part) for part in parts)


def name_of_url(url: str) -> str:
    """Name of a URL's results: the last part of its path."""
    last = unquote(urlsplit(url).path).rstrip('/').split('/')[-1]
    return name_of_path(PurePath(last)) if last else 'download'


class OutputNames:
    """Gives each input a name that no other has, also where a file system ignores case: the first
    its own, a later one with its suffix ('a_png') or a number ('a_2'); a folder with the name of a
    video becomes 'clip_pictures'.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._folders: set[str] = set()
        self._parents: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, wanted: str, suffix: str = '', is_folder: bool = False) -> str:
        """The wanted name, or one like it that is free; with ``is_folder`` files will be below."""
        wanted = self._beside_folders(wanted)
        with_suffix = f'{wanted}_{clean_part(suffix.lstrip("."))}'
        for name in (wanted, with_suffix) if suffix else (wanted,):
            if self._claim(name, is_folder):
                return name
        number = self._next.get(wanted, 2)
        while not self._claim(f'{wanted}_{number}', is_folder):
            number += 1
        self._next[wanted] = number + 1
        return f'{wanted}_{number}'

    def _claim(self, name: str, is_folder: bool) -> bool:
        key = _key(name)
        if key in self._taken or (is_folder and key in self._parents):
            return False
        self._taken.add(key)
        parts = key.split('/')
        self._parents.update('/'.join(parts[:end]) for end in range(1, len(parts)))
        if is_folder:
            self._folders.add(key)
        return True

    def _beside_folders(self, name: str) -> str:
        """The name with parents that are no folders of videos."""
        parts = name.split('/')
        for end in range(1, len(parts)):
            while _key('/'.join(parts[:end])) in self._folders:
                parts[end - 1] += '_pictures'
        return '/'.join(parts)


def _key(name: str) -> str:
    """What is equal where a file system takes two names for the same."""
    return unicodedata.normalize('NFC', name).casefold()
