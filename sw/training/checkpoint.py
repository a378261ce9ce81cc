"""The state of a training run on disk, so that a run that was ended goes on where it was."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from model.errors import EieError
from sw.files import check_source, reason, write_whole

State = dict[str, Any]


class Checkpoint:
    """One file with tensors and plain values, written whole and read without running anything in it.

    Parameters
    ----------
    path : of the file; it may be absent.
    arguments : what the run was asked for; a file of other arguments is refused.
    """

    def __init__(self, path: Path, arguments: str):
        self.path, self.arguments = path, arguments

    def load(self) -> State | None:
        """The state; None without a file, EieError if it is damaged or of another run."""
        if not self.path.exists():
            return None
        check_source(self.path)
        if not zipfile.is_zipfile(self.path):
            raise EieError(f"{self.path} is not a whole checkpoint: it is no zip archive")
        untyped: Any = torch
        try:
            saved = untyped.load(self.path, map_location="cpu", weights_only=True)
            arguments, state = saved["arguments"], saved["state"]
        except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, pickle.UnpicklingError) as error:
            raise EieError(f"{self.path} is not a whole checkpoint: {reason(error)}") from error
        if arguments != self.arguments:
            raise EieError(f"{self.path} is the checkpoint of a run with other arguments; --restart begins anew")
        return state

    def save(self, state: State) -> None:
        """Replace the file."""
        buffer = io.BytesIO()
        untyped: Any = torch
        untyped.save({"arguments": self.arguments, "state": state}, buffer)
        write_whole(self.path, buffer.getvalue())

    def remove(self) -> None:
        """Delete the file if there is one."""
        self.path.unlink(missing_ok=True)
