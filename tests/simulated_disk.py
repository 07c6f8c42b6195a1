"""A disk that loses, when the power fails, what was not brought to it."""

import json
import os

WITHOUT_CONTENT = ('whole', 'empty', 'zeros', 'half')
"""What may become of a file whose content is not on the disk."""
WITHOUT_NAME = ('whole', 'former', 'gone')
"""Of one whose name, or that of its folder, is not."""


class SimulatedDisk:
    """Of one folder, which one process at a time writes to.

    Args:
        folder (Path): Whose files may be lost.
        log (Path): Outside of it: what the processes bring to the disk.
    """

    def __init__(self, folder, log):
        self.folder, self.log = folder.absolute(), log
        self.durable = self.former = {}
        self.mark()

    def mark(self):
        """Take everything that is there as on the disk."""
        self.log.write_text('')
        self.durable = self._contents()

    def remember(self):
        """Keep contents that files may fall back to, before a process."""
        self.former = self._contents()

    def _contents(self):
        return {path: path.read_bytes() for path in self._files()}

    def _files(self):
        return [p for p in sorted(self.folder.rglob('*')) if p.is_file()]

    def _add(self, *event):
        with self.log.open('a') as file:
            file.write(f'\n{json.dumps(event)}\n')

    def watch(self, module):
        """Log what this process does to files from here on.

        Args:
            module (module): Whose ``sync_file_system`` it uses.
        """
        fsync, replace, mkdir = os.fsync, os.replace, os.mkdir
        sync_all = module.sync_file_system

        def logged_fsync(number):
            path = os.readlink(f'/proc/self/fd/{number}')
            state = _state(number)
            fsync(number)
            self._add('sync', path, *state)

        def logged_replace(source, target, **kwargs):
            self._add('name', os.path.abspath(target))
            replace(source, target, **kwargs)

        def logged_mkdir(path, *args, **kwargs):
            if not os.path.exists(path):
                self._add('name', os.path.abspath(path))
            mkdir(path, *args, **kwargs)

        def logged_sync_all(folder):
            paths = [self.folder, *self.folder.rglob('*')]
            states = [(str(path), *_state(path)) for path in paths]
            sync_all(folder)
            for state in states:
                self._add('sync', *state)

        os.fsync = logged_fsync
        os.replace = logged_replace
        os.mkdir = logged_mkdir
        module.sync_file_system = logged_sync_all

    def _read_log(self):
        """States on the disk, bytes of files there, names that are not."""
        states, sizes, waiting = set(), {}, set()
        for line in self.log.read_text().splitlines():
            try:
                kind, path, *state = json.loads(line)
            except ValueError:
                continue  # half a line of a kill, or the line between
            if kind == 'name':
                waiting.add(path)
                continue
            states.add(tuple(state))
            sizes[path] = state[1]
            waiting = {n for n in waiting if os.path.dirname(n) != path}
        return states, sizes, waiting

    def fail(self, generator):
        """The power fails; what is left is on the disk.

        Args:
            generator (random.Random): Of what is lost.

        Returns:
            int: Files that are not what they were.
        """
        states, sizes, waiting = self._read_log()
        losses = 0
        for path in self._files():
            content = path.read_bytes()
            if self.durable.get(path) == content:
                continue
            if path.suffix == '.jsonl':
                first = max(sizes.get(str(path), 0), len(self.durable.get(path, b'')))
                losses += _lose_tail(path, content, first, generator)
                continue
            ways = []
            if _state(path) not in states:
                ways += WITHOUT_CONTENT
            if waiting & {str(p) for p in (path, *path.parents)}:
                ways += WITHOUT_NAME
            if ways:
                losses += self._lose(path, content, ways, generator)
        self.mark()
        return losses

    def _lose(self, path, content, ways, generator):
        left = {
            'whole': content,
            'empty': b'',
            'zeros': bytes(len(content)),
            'half': content[: len(content) // 2],
            'former': self.former.get(path),
            'gone': None,
        }[generator.choice(ways)]
        if left is None:
            path.unlink()
        else:
            path.write_bytes(left)
        return left != content


def _state(path):
    """Of a file at one time: a later one differs."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _lose_tail(path, content, first, generator):
    """Lose lines from anywhere after the first bytes; zeros may be there."""
    end = generator.randint(min(first, len(content)), len(content))
    tail = len(content) - end
    zeros = bytes(tail) if generator.random() < 0.3 else b''
    path.write_bytes(content[:end] + zeros)
    return bool(tail)
