"""``mmsapiens doctor``."""

from __future__ import annotations

from dataclasses import asdict

import click

from .exit_codes import FAILED, OK
from .output import as_json, console, json_option, print_table


@click.command('doctor')
@json_option
def command(json: bool) -> int:
    """Check the installation; the exit code is 1 if there is a problem.

    Nothing is changed. A note is what may be intended, such as a package that is not needed for
    every task.
    """
    from .health.devices import check_devices
    from .health.finding import PROBLEM
    from .health.hosts import check_hosts
    from .health.packages import check_binaries, check_versions
    from .health.storage import check_storage

    findings = [
        *check_versions(),
        *check_hosts(),
        *check_binaries(),
        *check_devices(),
        *check_storage(),
    ]
    problems = [row for row in findings if row.status == PROBLEM]
    if json:
        as_json(dict(healthy=not problems, findings=[asdict(row) for row in findings]))
        return FAILED if problems else OK
    print_table(
        'mmsapiens doctor',
        ('', 'what', 'found'),
        [(row.status, row.topic, row.text) for row in findings],
    )
    shown = console()
    for row in findings:
        if row.remedy is not None:
            shown.print(f'{row.status}: {row.topic}: {row.text}')
            shown.print(f'  remedy: {row.remedy}')
    count = len(problems)
    shown.print(f'{count or "no"} problem{"s" if count != 1 else ""}')
    return FAILED if problems else OK
