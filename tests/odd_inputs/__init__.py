"""What `docs/odd_inputs.md` says, as cases: row -> function of a folder.

A function makes an input in the folder, the working directory of the test, and returns what came of
it as lines of text.
"""

from .images import IMAGES
from .places import PLACES
from .videos import VIDEOS

CASES = {**IMAGES, **PLACES, **VIDEOS}
