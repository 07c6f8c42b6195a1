"""Errors about one sample or one input, which a user is told as they are."""


class BadSampleError(ValueError):
    """A sample's file is damaged, or its content wrong; ``kind`` is for checkers."""

    def __init__(self, message: str = '', kind: str = '') -> None:
        super().__init__(message)
        self.kind = kind


class MissingFileError(BadSampleError, FileNotFoundError):
    """A file of a sample does not exist."""


REJECTIONS = {  # Kind -> what it means
    'few_pixels': 'fewer pixels of people with a value than asked for',
    'full_mask': 'people cover nearly all of the image',
    'too_near': 'a point is too near to the camera',
    'little_foreground': 'labels have too few pixels of parts',
}


class RejectedSampleError(BadSampleError):
    """A sample is of no use for training after what chance did to it; kinds of REJECTIONS."""


class ReadError(ValueError):
    """An image or video cannot be read; the message says why."""


class MissingInputError(ReadError, FileNotFoundError):
    """There is no such file or folder."""
