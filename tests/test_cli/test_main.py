"""The command line as a whole."""

import subprocess
import sys

import click
import pytest

from mmsapiens.cli import exit_codes
from mmsapiens.cli.main import COMMANDS, cli, run
from mmsapiens.zoo.errors import DownloadError


def test_help_lists_the_commands_and_imports_no_torch():
    code = (
        'import sys\n'
        'from mmsapiens.cli.main import run\n'
        "assert run(['--help']) == 0\n"
        "heavy = {'torch', 'mmengine', 'cv2', 'rich', 'huggingface_hub'}\n"
        'assert not heavy & set(sys.modules), heavy & set(sys.modules)\n'
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for name in COMMANDS:
        assert f'\n  {name} ' in result.stdout


def test_every_listed_command_can_be_asked_for_help(capsys):
    for name in COMMANDS:
        assert run([name, '--help']) == 0
        assert 'Usage' in capsys.readouterr().out


def test_commands_are_imported_when_they_are_asked_for():
    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert isinstance(cli.get_command(context, name), click.Command)
    assert cli.get_command(context, 'nothing') is None


def test_module_runs_as_a_program():
    result = subprocess.run(
        [sys.executable, '-m', 'mmsapiens', '--version'], capture_output=True, text=True
    )
    assert result.returncode == 0
    assert result.stdout.startswith('mmsapiens, version ')


def test_unknown_command_is_a_usage_error(capsys):
    assert run(['fly']) == exit_codes.USAGE
    captured = capsys.readouterr()
    assert "No such command 'fly'" in captured.err
    assert captured.out == ''


@pytest.mark.parametrize(
    'error,code',
    [
        (ValueError('a'), 2),
        (KeyError('a'), 2),
        (FileNotFoundError('a'), 2),
        (ImportError('a'), 2),
        (click.UsageError('a'), 2),
        (DownloadError('a'), 3),
        (RuntimeError('a'), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_exit_code(error, code, monkeypatch, capsys):
    @click.command()
    def command():
        raise error

    monkeypatch.setattr(cli, 'get_command', lambda context, name: command)
    assert run(['convert']) == code
    captured = capsys.readouterr()
    assert 'rror: ' in captured.err
    assert 'Traceback' not in captured.err


def test_key_errors_are_printed_without_quotes(capsys):
    exit_codes.report(KeyError('`task` must be one of'))
    assert capsys.readouterr().err == 'error: `task` must be one of\n'


def test_debug_shows_the_traceback(capsys, monkeypatch):
    assert run(['--debug', 'convert', 'no_such.pth', 'a.pth']) == 2
    assert 'Traceback' in capsys.readouterr().err
    monkeypatch.setenv(exit_codes.TRACEBACK_VARIABLE, '1')
    assert run(['convert', 'no_such.pth', 'a.pth']) == 2
    assert 'Traceback' in capsys.readouterr().err


def test_a_command_returns_its_exit_code(monkeypatch):
    command = click.Command('convert', callback=lambda: exit_codes.FAILED)
    monkeypatch.setattr(cli, 'get_command', lambda context, name: command)
    assert run(['convert']) == exit_codes.FAILED


def test_a_reader_that_leaves_is_no_error():
    result = subprocess.run(
        f'{sys.executable} -m mmsapiens --help | head -n 1',
        shell=True,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    assert result.stderr == ''
