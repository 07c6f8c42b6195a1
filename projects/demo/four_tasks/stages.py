"""Steps of the demo, each done once.

A step is done when its last file is there and was made by the same command with the same inputs.
Files are renamed into place when they are complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mmsapiens.core.atomic_files import atomic_write


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file that is complete as soon as it is there; text becomes UTF-8."""
    atomic_write(content.encode() if isinstance(content, str) else content, path)


@dataclass(frozen=True)
class Record:
    """What a finished step leaves behind.

    Args:
        name (str): Of the step.
        title (str): What it did.
        command (str): What was run.
        seconds (float): All attempts together.
        key (str): Digest of command and inputs.
        done (bool): Whether it was finished.
    """

    name: str
    title: str
    command: str
    seconds: float
    key: str
    done: bool


@dataclass(frozen=True)
class Stage:
    """A step.

    Args:
        name (str): Of the files that it leaves.
        title (str): What it does.
        command (Sequence[str]): What to run.
        result (Path): The file that exists when it is done.
        inputs (str): Whatever else decides about the result. Defaults to ''.
        finish (Callable[[], None], optional): Makes ``result`` after the command. Defaults to None,
            the command does.
    """

    name: str
    title: str
    command: Sequence[str]
    result: Path
    inputs: str = ''
    finish: Callable[[], None] | None = None

    @property
    def key(self) -> str:
        """Digest of command and inputs."""
        text = json.dumps([list(self.command), self.inputs])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Runner:
    """Runs steps that are not done.

    Args:
        folder (Path): For logs and records.
        cwd (Path): Where commands run.
    """

    def __init__(self, folder: Path, cwd: Path) -> None:
        self.folder = folder
        self.cwd = cwd

    def record(self, stage: Stage) -> Record | None:
        """What an earlier run of the same step left, if any."""
        path = self.folder / f'{stage.name}.json'
        if not path.is_file():
            return None
        record = Record(**json.loads(path.read_text('utf-8')))
        return record if record.key == stage.key else None

    def is_done(self, stage: Stage) -> bool:
        """Whether the last file is there, made as it would be."""
        record = self.record(stage)
        return stage.result.is_file() and record is not None and record.done

    def run(self, stage: Stage) -> Record:
        """Run a step unless it is done.

        Args:
            stage (Stage): The step.

        Raises:
            SystemExit: If its command fails.
        """
        record = self.record(stage)
        if record is not None and self.is_done(stage):
            print(f'== {stage.title}: done before ({record.seconds:.0f} s)')
            return record
        print(f'\n== {stage.title}\n$ {shlex.join(stage.command)}', flush=True)
        # An interrupted attempt left its time, and its key for resuming.
        spent = record.seconds if record else 0.0
        stage.result.unlink(missing_ok=True)
        start = time.perf_counter()
        done = False
        try:
            self._call(stage)
            if stage.finish is not None:
                stage.finish()
            if not stage.result.is_file():
                raise SystemExit(
                    f'{stage.title} ended without {stage.result}; {self._log(stage)} has its output'
                )
            done = True
        finally:
            record = Record(
                stage.name,
                stage.title,
                shlex.join(stage.command),
                spent + time.perf_counter() - start,
                stage.key,
                done,
            )
            write_atomically(
                self.folder / f'{stage.name}.json', json.dumps(asdict(record), indent=1)
            )
        return record

    def _log(self, stage: Stage) -> Path:
        return self.folder / f'{stage.name}.log'

    def _call(self, stage: Stage) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        env = dict(
            os.environ, PYTHON=sys.executable, PYTHONWARNINGS='ignore', NO_ALBUMENTATIONS_UPDATE='1'
        )
        log = self._log(stage)
        with log.open('w', encoding='utf-8') as errors:
            code = subprocess.call(list(stage.command), env=env, cwd=self.cwd, stderr=errors)
        if code:
            tail = log.read_text('utf-8', 'replace').splitlines()[-40:]
            print('\n'.join(tail), file=sys.stderr)
            raise SystemExit(
                f'{stage.title} failed with exit code {code}; {log} has the '
                'whole output. The same command continues from here.'
            )
