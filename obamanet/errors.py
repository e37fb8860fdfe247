"""The one exception family: what was wrong, what was received, what is allowed, which file.

Every error a user can cause is an :class:`ObamanetError`. Its message is a single line that stands on its own;
the command line prints it and exits with :attr:`ObamanetError.exit_code`.
"""

from __future__ import annotations


class ObamanetError(Exception):
    """Base of all errors that bad input, a bad file or a full disk can cause."""

    exit_code = 1


class OptionError(ObamanetError):
    """An option or argument is outside what is allowed."""

    exit_code = 2


class SoundError(ObamanetError):
    """A sound file cannot be read, is empty, too short, or not a sound."""


class VideoError(ObamanetError):
    """A video cannot be read or written."""


class FaceError(ObamanetError):
    """No usable face where one is needed."""


class PersonError(ObamanetError):
    """A person folder is incomplete, altered, or of a newer schema."""


class DatasetError(ObamanetError):
    """A prepared dataset or an image folder is missing, empty or inconsistent."""


class EngineError(ObamanetError):
    """A back end is not installed, or a stored network cannot be loaded by it."""


class ProvenanceError(ObamanetError):
    """A manifest or a signing key cannot be read or written."""


class OutputError(ObamanetError):
    """An output cannot be written: no permission, no space, or a folder in the way."""


class EvaluationError(ObamanetError):
    """Two videos cannot be compared, or some of many could not be."""
