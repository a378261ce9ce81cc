"""Weights that PyTorch keeps in parts: pruning masks, weight norm, spectral norm.

torch.nn.utils.prune stores W_orig and W_mask for a tensor W, weight_norm W_g and W_v (or, as a parametrization,
``parametrizations.W.original0`` and ``original1``), spectral_norm W_orig with the vectors W_u and W_v. The network
computes with W, which is made of them here; parts whose others are missing are refused.
"""

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError

Tensors = dict[str, NDArray[Any]]

OLD_PART = re.compile(
    r"(?P<base>(?:.*\.)?(?:weight(?P<is_weight>)|bias)(?:_[ih]h(?:_l\d+)?(?:_reverse)?)?)"
    r"_(?P<part>orig|mask|(?(is_weight)[guv]|(?!)))"
)
NEW_PART = re.compile(r"(?P<module>(?:.*\.)?)parametrizations\.(?P<tensor>[^.]+)\.(?P<part>.+)")
REMOVE = "remove it in torch before saving (prune.remove, remove_weight_norm or parametrize.remove_parametrizations)"


def join_parts(tensors: Tensors, say: Callable[[str], None]) -> Tensors:
    """The tensors by name, in the same order, with those that are kept in parts made whole.

    `tensors` is emptied. `say` is told what was made of what. EieError, with the names, for parts that do not belong
    together.
    """
    parts: dict[str, dict[str, str]] = {}  # of each tensor, by what they are
    bases: dict[str, str] = {}
    for key in tensors:
        if new := NEW_PART.fullmatch(key):
            base, part = f"{new['module']}{new['tensor']}", f"new {new['part']}"
        elif old := OLD_PART.fullmatch(key):
            base, part = old["base"], old["part"]
        else:
            continue
        parts.setdefault(base, {})[part] = key
        bases[key] = base
        if base in tensors:
            raise EieError(f"{base} and {key} are both there: keep one, {REMOVE}")
    whole: Tensors = {}
    for key in list(tensors):
        if key not in bases:
            whole[key] = tensors.pop(key)
        elif bases[key] not in whole:
            whole[bases[key]] = _join(bases[key], parts[bases[key]], tensors, say)
    return whole


def _join(base: str, keys: dict[str, str], tensors: Tensors, say: Callable[[str], None]) -> NDArray[Any]:
    def take(part: str) -> NDArray[Any]:
        return tensors.pop(keys[part])

    names = " and ".join(keys.values())
    kind = set(keys)
    if kind == {"orig", "mask"}:
        say(f"{base} is {names} multiplied, a pruning mask of torch.nn.utils.prune")
        return _masked(names, take("orig"), take("mask"))
    for gain, direction in (("g", "v"), ("new original0", "new original1")):
        if kind == {gain, direction}:
            say(f"{base} is made of {names} as torch's weight_norm does")
            return _weight_norm(names, take(gain), take(direction))
    for original, left, right in (("orig", "u", "v"), ("new original", "new 0._u", "new 0._v")):
        if kind == {original, left, right}:
            say(f"{base} is made of {names} as torch's spectral_norm does")
            return _spectral_norm(names, take(original), take(left), take(right))
    raise EieError(f"{base} is kept in parts that are not understood, {names}: {REMOVE}")


def _masked(names: str, values: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    if values.shape != mask.shape or not np.isin(mask, (0, 1)).all():
        raise EieError(f"{names} must be a tensor and a mask of 0 and 1 of its shape, they are not")
    return np.where(mask != 0, values, values.dtype.type(0))


def _weight_norm(names: str, gain: NDArray[Any], direction: NDArray[Any]) -> NDArray[Any]:
    """g v / |v|, the norm over all axes along which g has one element (Salimans and Kingma, 2016, equation 2)."""
    _check_floats(names, gain, direction)
    axes = tuple(axis for axis in range(direction.ndim) if gain.ndim == 0 or gain.shape[axis : axis + 1] == (1,))
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(direction.shape))
    if gain.ndim not in (0, direction.ndim) or gain.size != prod(kept):
        raise EieError(
            f"{names} must be the gains and the directions of weight norm, got {gain.shape}, {direction.shape}"
        )
    exact = direction.astype(np.float64)
    norms = np.sqrt(np.sum(exact**2, axis=axes, keepdims=True))
    if not norms.all():
        raise EieError(f"{names}: a direction of weight norm must not be zero, one is")
    return _as_float32(exact * (gain.reshape(kept) / norms))


def _spectral_norm(names: str, weight: NDArray[Any], u: NDArray[Any], v: NDArray[Any]) -> NDArray[Any]:
    """W / (u^T W v), W as a matrix of its first axis (Miyato et al., 2018, equation 8)."""
    _check_floats(names, weight, u, v)
    matrix = weight.reshape(len(weight), -1).astype(np.float64) if weight.ndim else np.zeros((0, 0))
    if u.shape != matrix.shape[:1] or v.shape != matrix.shape[1:]:
        raise EieError(f"{names} must be a tensor and its singular vectors, got {weight.shape}, {u.shape}, {v.shape}")
    sigma = float(u @ matrix @ v)
    if sigma == 0 or not np.isfinite(sigma):
        raise EieError(f"{names}: the spectral norm must be finite and not 0, got {sigma}")
    return _as_float32(weight / sigma)


def _check_floats(names: str, *tensors: NDArray[Any]) -> None:
    if any(tensor.dtype.kind != "f" for tensor in tensors):
        raise EieError(f"{names} must hold floating-point numbers, one does not")


def _as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
