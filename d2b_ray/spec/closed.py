"""What all blocks of a sweep share: frozen, strict, closed to unknown keys. Not the blocks.

A key says what it allows in words (`Allowed`), and every failure of that key is reported with these
words, so that a message reads the same whether a type, a range or a spelling was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from d2b_ray.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from d2b_ray.catalog.table import Table

__all__ = [
    "Allowed",
    "Axis",
    "Closed",
    "Count",
    "Name",
    "NameIn",
    "Positive",
    "all_or_axis",
    "as_axis",
    "elsewhere",
]

T = TypeVar("T")


class Closed(BaseModel):
    """A block of a sweep: cannot be changed, refuses keys it does not know, converts no types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


@dataclass(frozen=True, slots=True)
class Allowed:
    """Says in words what a key allows; stands last in `Annotated`, around all other validators."""

    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap the schema of the key: any failure inside becomes one error with these words."""
        return core_schema.no_info_wrap_validator_function(self._validate, handler(source))

    def _validate(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        try:
            return inner(value)
        except ValidationError:
            raise PydanticCustomError("allowed", "{words}", {"words": self.words}) from None


@dataclass(frozen=True, slots=True)
class NameIn:
    """Allows the names of a table, those of plug-ins included; stands where `Allowed` would.

    The row that is named is imported, so that a plug-in that cannot be is told here, once; `row` False
    leaves that to who opens it. The table is looked at when a sweep is checked, not before.
    """

    table: Table[Any]
    row: bool = True

    @property
    def words(self) -> str:
        """All names, in words."""
        return f"one of: {', '.join(self.table.names)}"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap the schema of the key: the value is a name, and its row can be imported."""
        return core_schema.no_info_wrap_validator_function(self._validate, handler(source))

    def _validate(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        if not isinstance(value, str) or value not in self.table:
            raise PydanticCustomError("allowed", "{words}", {"words": self.words})
        try:
            if self.row:
                self.table[value]
        except SpecError as error:
            raise PydanticCustomError("unusable", "{words}", {"words": str(error)}) from None
        return inner(value)


def elsewhere(at: str, got: Any, words: str) -> PydanticCustomError:
    """The error of a check over several keys, told at the key `at`, as in `fits.0.features`."""
    return PydanticCustomError("elsewhere", "{words}", {"at": at, "got": got, "words": words})


def as_axis(value: Any) -> Any:
    """One value is an axis of one; a list is an axis; an empty list is refused."""
    if isinstance(value, list | tuple):
        if not value:
            words = "a value or a list of values, not empty"
            raise PydanticCustomError("allowed", "{words}", {"words": words})
        return tuple(value)
    return (value,)


def all_or_axis(value: Any) -> Any:
    """`all` as it is, anything else as an axis."""
    return value if value == "all" else as_axis(value)


Axis: TypeAlias = Annotated[tuple[T, ...], BeforeValidator(as_axis)]

NAME_WORDS = "text of letters, digits, '_', '-' and '.', beginning with a letter or digit"
Name: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=100), Allowed(NAME_WORDS)
]


def whole(value: Any) -> Any:
    """1.5e3 of YAML is a number, and the whole number 1500."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


MOST = 10**9  # of anything counted: more is a slip of the keyboard
Positive: TypeAlias = Annotated[
    int, Field(ge=1, le=MOST), Allowed("an integer >= 1"), BeforeValidator(whole)
]
MANY = 10**6
Count: TypeAlias = Annotated[
    int,
    Field(ge=1, le=MANY),
    Allowed(f"an integer from 1 to {MANY:,}"),
    BeforeValidator(whole),
]
