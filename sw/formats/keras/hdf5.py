"""HDF5 files that nobody vouches for: their arrays of numbers and the texts of their attributes.

The package pyfive reads them in Python: the C library never ended on one of 4,000 damaged files.
"""

import io
import warnings
from collections.abc import Collection, Generator
from contextlib import contextmanager
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.extras import pip_install
from sw.files import reason

MOST_OBJECTS = 1 << 14
DEEPEST = 32


class Hdf5:
    """An HDF5 file in memory.

    Attributes
    ----------
    arrays : paths of all arrays, in the file's order. Links lead nowhere: only what has one path is read.
    """

    def __init__(self, data: bytes):
        try:
            pyfive: Any = import_module("pyfive")
        except ImportError as error:
            raise EieError(f"reading Keras needs the package pyfive: {pip_install('keras')}") from error
        with _guarded():
            self._file: Any = pyfive.File(io.BytesIO(data))
            self._dataset: Any = pyfive.Dataset
            self._size = len(data)
            self._found: dict[str, Any] = {}
            self._walk(self._file, pyfive.Group)
        declared = sum(prod(each.shape) * np.dtype(each.dtype).itemsize for each in self._found.values())
        if declared > len(data):
            raise EieError(f"the arrays of an HDF5 file must fit into its {len(data)} bytes, they declare {declared}")

    @property
    def arrays(self) -> Collection[str]:
        return self._found.keys()

    def array(self, path: str) -> NDArray[np.float32]:
        """The numbers of an array, which must be floating-point."""
        with _guarded():
            values: NDArray[Any] = np.asarray(self._found[path][()])
        if values.dtype.kind != "f" or values.shape != tuple(self._found[path].shape):
            raise EieError(f"{path} must hold {self._found[path].shape} floating-point numbers, got {values.dtype}")
        with np.errstate(over="ignore"):
            return values.astype(np.float32)

    def texts(self, group: str, name: str) -> list[str] | None:
        """The attribute of a group, one text or several; None if it has not this one."""
        with _guarded():
            attributes: Any = (self._file[group] if group else self._file).attrs
            if name not in attributes:
                return None
            value: Any = attributes[name]
            found = [value] if isinstance(value, str | bytes) else list(np.asarray(value).reshape(-1).tolist())
            if not all(isinstance(text, str | bytes) for text in found):
                raise EieError(f"attribute {name} of {group[:80] or '/'} must be text, got {str(found)[:80]}")
            return [text if isinstance(text, str) else text.decode() for text in found]

    def parts(self, group: str, name: str) -> list[str] | None:
        """A list of texts that may be in attributes NAME0, NAME1, .., as Keras writes long ones."""
        whole = self.texts(group, name)
        if whole is not None:
            return whole
        found: list[str] = []
        for number in range(MOST_OBJECTS):
            part = self.texts(group, f"{name}{number}")
            if part is None:
                return found if number else None
            found += part
        return found

    def _walk(self, root: Any, group_type: Any) -> None:
        waiting: list[tuple[str, Any]] = [("", root)]
        seen = 0
        while waiting:
            path, here = waiting.pop()
            names: list[str] = list(here)
            seen += len(names)
            if seen > MOST_OBJECTS or path.count("/") > DEEPEST:
                raise EieError(f"an HDF5 file must have at most {MOST_OBJECTS} objects, {DEEPEST} deep, it has more")
            for name in names:
                if "/" in name or not name.isprintable():
                    raise EieError(f"names in an HDF5 file must be printable, got {name[:80]!r}")
                each: Any = here.get_lazy_view(name)
                inner = f"{path}/{name}" if path else name
                if isinstance(each, self._dataset):
                    if each.chunks is not None:
                        raise EieError(f"{inner[:80]} must not be compressed or in parts, it is")
                    # Numbers that were never written, lie in another file or behind the end are read without a word.
                    end = getattr(each.id, "data_offset", 0) + prod(each.shape) * np.dtype(each.dtype).itemsize
                    if end > self._size:
                        raise EieError(f"{inner[:80]} must have its numbers in the file, it has not")
                    self._found[inner] = each
                elif isinstance(each, group_type) and each.name.strip("/") == inner:
                    waiting.append((inner, each))


@contextmanager
def _guarded() -> Generator[None]:
    """Whatever the library raises or warns of is a refusal."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            yield
    except EieError:
        raise
    except Exception as error:
        raise EieError(f"this is not a whole HDF5 file that can be read: {reason(error)}") from error
