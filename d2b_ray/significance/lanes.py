"""Sixteen float32 numbers as one value in compiled code, one vector register of the processor.

`fma` rounds once, on every processor: the same bits wherever a null is computed. A register asked for
by name stays one; loops over sixteen elements are left to the compiler's guess, which is wrong by
a factor of eight in `kernels`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import models, register_model

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CACHED", "LANES", "add", "fma", "load", "multiply", "store"]

LANES = 16  # voxels side by side: a vector register or two, and both series of a tile stay in L2
# Machine code is kept from one process to the next where a folder for it is named: a worker begins a second
# and a half sooner. Not unasked, for numba looks whether the file of a loop has changed, but not this one.
CACHED = "NUMBA_CACHE_DIR" in os.environ
# numba's own type of it counts the typing context among the arguments of a call
_intrinsic: Callable[[Callable[..., Any]], Any] = extending.intrinsic
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


class _Lanes(types.Type):
    """The type of such a value, as numba tells types apart."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_lanes = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    """How it lies in memory: sixteen floats side by side."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)  # type: ignore[no-untyped-call]


def _row(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Pointer to row values[1] of the array values[0]."""
    data = context.make_array(signature.args[0])(context, builder, values[0]).data
    index = builder.mul(values[1], values[1].type(LANES))
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


def _checked(array: Any, row: Any) -> None:
    if array != types.Array(types.float32, 2, "C") or not isinstance(row, types.Integer):
        raise TypingError(f"rows of (rows, {LANES}) float32 arrays in C order, not {array}[{row}]")


@_intrinsic
def load(typing: Any, array: Any, row: Any) -> Any:
    """array[row], of an array (rows, LANES) float32 in C order; `row` is not checked."""
    _checked(array, row)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = builder.load(_row(context, builder, signature, values))
        found.align = 4
        return found

    return _lanes(array, row), generate


@_intrinsic
def store(typing: Any, array: Any, row: Any, value: Any) -> Any:
    """array[row] = value, of an array (rows, LANES) float32 in C order; `row` is not checked."""
    _checked(array, row)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _row(context, builder, signature, values)).align = 4
        return context.get_dummy_value()

    return types.void(array, row, value), generate


@_intrinsic
def add(typing: Any, x: Any, y: Any) -> Any:
    """x + y."""
    return _lanes(_lanes, _lanes), lambda _, builder, __, values: builder.fadd(*values)


@_intrinsic
def multiply(typing: Any, x: Any, y: Any) -> Any:
    """x y."""
    return _lanes(_lanes, _lanes), lambda _, builder, __, values: builder.fmul(*values)


@_intrinsic
def fma(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        name = f"llvm.fma.v{LANES}f32"
        function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        return builder.call(function, values)

    return _lanes(_lanes, _lanes, _lanes), generate
