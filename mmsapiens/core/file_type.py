"""What a file is, by its first bytes: things that hubs serve by mistake."""

import hashlib
from pathlib import Path

HEAD = 512
LFS_START = b'version https://git-lfs'  # How a pointer of Git LFS starts
_BLOCK = 1 << 20


def fault_of(path: Path) -> str | None:
    """What a file is if it cannot be a checkpoint, such as 'a web page'."""
    with path.open('rb') as file:
        head = file.read(HEAD)
    if not head:
        return 'an empty file'
    if head.startswith(LFS_START):
        return 'a Git LFS pointer, not the file that it stands for'
    start = head.removeprefix(b'\xef\xbb\xbf').lstrip().lower()
    if start.startswith((b'<!doctype', b'<html', b'<?xml', b'<head')):
        return 'a web page'
    if start.startswith(b'{') and b'"error"' in start:
        return 'an error message in json'
    return None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
