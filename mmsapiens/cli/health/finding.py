"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass

OK = 'ok'
NOTE = 'note'
PROBLEM = 'problem'


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        topic (str): What was looked at, such as 'mmpose'.
        text (str): What was found.
        status (str): 'ok', 'note' or 'problem'. Defaults to 'ok'.
        remedy (str, optional): What to do about a problem or a note. Defaults to None.
    """

    topic: str
    text: str
    status: str = OK
    remedy: str | None = None


def problem(topic: str, text: str, remedy: str) -> Finding:
    """A finding that keeps something from working."""
    return Finding(topic, text, PROBLEM, remedy)


def note(topic: str, text: str, remedy: str) -> Finding:
    """A finding that limits something, which may be intended."""
    return Finding(topic, text, NOTE, remedy)
