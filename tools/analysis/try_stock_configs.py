#!/usr/bin/env python
"""Load and build every config that a stock host installs, on the CPU, without initializers.

A model that equals an earlier one of its host, heads and sizes included, is built once. The result
is a JSON file; with --summary it is printed as the table of docs/stock_packages.md.
"""

import argparse
import gc
import importlib
import json
import re
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import mmsapiens  # noqa: F401  before the hosts: makes them importable
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmsapiens.core.atomic_files import atomic_write

HOSTS = ('mmpose', 'mmseg', 'mmpretrain')


def find_configs(host: str) -> list[Path]:
    """All configs of a host but those to inherit from."""
    folder = Path(importlib.import_module(host).__file__ or '').parent / '.mim' / 'configs'
    paths = (path for path in folder.rglob('*.py') if '_base_' not in path.parts)
    return sorted(path for path in paths if not path.name.startswith('_'))


def switch_initializers_off() -> None:
    """Let parameters keep what is in memory, which takes most of the time of large models."""
    for name in vars(torch.nn.init):
        if name.endswith('_') and not name.startswith('_'):
            setattr(torch.nn.init, name, lambda tensor, *args, **kwargs: tensor)


def reason_of(error: BaseException) -> str:
    """Type and first line of an error, without the place of this installation."""
    lines = str(error).strip().splitlines() or ['']
    text = re.sub(r'/\S*/site-packages/', '', lines[0])
    return f'{type(error).__name__}: {text[:160]}'


def try_config(host: str, path: Path, known: dict[str, str]) -> str:
    """'built', 'as an earlier one', or why not."""
    try:
        cfg = Config.fromfile(path)
        key = json.dumps(cfg.model.to_dict(), sort_keys=True, default=str)
        if key in known:
            return 'as an earlier one' if known[key] == 'built' else known[key]
        known[key] = 'built'
        with DefaultScope.overwrite_default_scope(host):
            models = importlib.import_module(f'{host}.registry').MODELS
            models.build(cfg.model)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        reason = reason_of(error)
        if 'key' in locals():
            known[key] = reason
        return reason
    return 'built'


def summarize(results: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of numbers, and of reasons with the first config of each."""
    lines = ['| host | configs | built | as an earlier one | not built | seconds |']
    lines.append('|---|---|---|---|---|---|')
    for host, found in results.items():
        counts = Counter(found['configs'].values())
        built, same = counts['built'], counts['as an earlier one']
        total = sum(counts.values())
        seconds = f'{found["seconds"]:.0f}'
        lines.append(
            f'| {host} | {total} | {built} | {same} | {total - built - same} | {seconds} |'
        )
    lines += ['', '| host | number | reason | for instance |', '|---|---|---|---|']
    for host, found in results.items():
        reasons: dict[str, list[str]] = {}
        for name, outcome in found['configs'].items():
            if outcome not in ('built', 'as an earlier one'):
                reasons.setdefault(outcome, []).append(name)
        for reason, names in sorted(reasons.items(), key=lambda each: -len(each[1])):
            text = reason.replace('|', '/')
            lines.append(f'| {host} | {len(names)} | {text} | `{names[0]}` |')
    return '\n'.join(lines)


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='JSON file; configs in it are not tried again')
    parser.add_argument('--hosts', nargs='+', choices=HOSTS, default=HOSTS)
    parser.add_argument('--minutes', type=float, default=60, help='when to stop')
    parser.add_argument('--summary', action='store_true', help='print the tables')
    return parser.parse_args()


def main() -> None:
    """Try what is left."""
    args = parse_args()
    warnings.simplefilter('ignore')
    switch_initializers_off()
    results = json.loads(args.out.read_text()) if args.out.is_file() else {}
    stop = time.monotonic() + 60 * args.minutes
    for host in args.hosts:
        found = results.setdefault(host, dict(seconds=0.0, configs={}))
        known: dict[str, str] = {}
        for path in find_configs(host):
            name = path.as_posix().split('.mim/configs/')[-1]
            if name in found['configs'] or time.monotonic() > stop:
                continue
            start = time.monotonic()
            found['configs'][name] = try_config(host, path, known)
            found['seconds'] += time.monotonic() - start
            gc.collect()
        atomic_write(json.dumps(results, indent=1).encode(), args.out)
    if args.summary:
        print(summarize(results))


if __name__ == '__main__':
    main()
