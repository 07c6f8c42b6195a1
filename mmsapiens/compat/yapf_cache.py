"""Several processes that start together after an installation."""

from __future__ import annotations

import pickle
from functools import wraps
from types import ModuleType
from typing import Any


def fix_load_grammar(driver: ModuleType) -> None:
    """Let yapf, which mmengine's config imports, survive its own cache.

    yapf 0.43 pickles its grammar for the user when it is first imported, and renames the file to
    its final name before it is flushed. Another process that reads it then, the second one of a
    ``torchrun``, ends with an EOFError. The grammar is then made again, without the cache.
    https://github.com/google/yapf/blob/v0.43.0/third_party/yapf_third_party/_ylib2to3/pgen2/grammar.py

    Args:
        driver (ModuleType): ``yapf_third_party._ylib2to3.pgen2.driver``.
    """
    stock = driver.load_grammar

    @wraps(stock)
    def load_grammar(*args: Any, **kwargs: Any) -> Any:
        try:
            return stock(*args, **kwargs)
        except (EOFError, pickle.UnpicklingError):
            return stock(*args, **{**kwargs, 'save': False, 'force': True})

    vars(driver)['load_grammar'] = load_grammar
