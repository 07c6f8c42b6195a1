"""Bad inputs of `docs/bad_inputs.md`: one function for each row.

Each function makes the input in an empty folder, which is the working directory, and does what a
user would do with it; it must raise.
"""

CASES = {}
"""Row id -> function."""


class Exit(Exception):
    """A command ended with an error; its message is what it printed."""

    def __init__(self, code, text):
        super().__init__(text)
        self.kind = f'exit code {code}'


class Warned(Exception):
    """The input is accepted, with a warning in the log."""

    kind = 'warning'


def row(name):
    """Register a function as the case of a row."""

    def register(function):
        if name in CASES:
            raise KeyError(f'two functions for row {name}')
        CASES[name] = function
        return function

    return register


def kind(error):
    """What the third column of the table says about an error."""
    return getattr(error, 'kind', None) or type(error).__name__


from . import annotations, configs, images, second_generation, weights  # noqa: E402, F401
