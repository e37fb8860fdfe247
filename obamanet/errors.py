"""The one exception family.

Every error that a user can cause is an :class:`ObamanetError`. Its message is one line that names what is wrong, what
was received, what is allowed and which file. The command line prints it and exits with
:attr:`ObamanetError.exit_code`.
"""

from __future__ import annotations


class ObamanetError(Exception):
    """Base of all errors that bad input, a bad file or a full disk can cause."""

    exit_code = 1


class OptionError(ObamanetError):
    """An option or argument is out of range or unknown."""

    exit_code = 2


class SoundError(ObamanetError):
    """A sound file cannot be read, is empty, is too short, or holds no sound."""


class VideoError(ObamanetError):
    """A video cannot be read or written."""


class FaceError(ObamanetError):
    """No usable face where one is needed, or a face model is not installed."""


class PersonError(ObamanetError):
    """A person folder is incomplete or altered, of a newer schema, or lacks the part that is needed."""


class DatasetError(ObamanetError):
    """A prepared dataset or an image folder is missing, empty or inconsistent."""


class EngineError(ObamanetError):
    """A back end is not installed, or cannot load a stored network."""


class ProvenanceError(ObamanetError):
    """A manifest or a signing key cannot be read or written."""


class OutputError(ObamanetError):
    """An output cannot be written: no permission, no space, or a folder in the way."""


class EvaluationError(ObamanetError):
    """Two videos cannot be compared, or some of several could not be."""


class SwapError(ObamanetError):
    """A face swap's model is incomplete, altered or of a newer schema, or consent was not declared."""
