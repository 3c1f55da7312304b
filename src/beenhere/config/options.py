"""The base of every group of options, and what several of them share."""

from typing import Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)


class Options(BaseModel):
    """A group of options: unknown names are errors, values never change after validation."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _none_empty(cls, given: Any) -> Any:
        for name, value in given.items() if isinstance(given, dict) else ():
            usual = name in cls.model_fields and cls.model_fields[name].default == value
            if isinstance(value, str) and not value.strip() and not usual:  # as a path, "."
                raise ValueError(f"{name} is empty; give a value, or leave it out")
        return given


OWN = "MODULE:CLASS"
"""How a class of a person's own is named, and which of the choices it is."""


class OwnPart(Options):
    """A class of your own, by module and name; its other options are its keyword arguments.

    Nothing is imported here: see :mod:`beenhere.config.own_parts`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    name: str

    @field_validator("name")
    @classmethod
    def _importable(cls, name: str) -> str:
        module, _, kind = name.partition(":")
        if not all(word.isidentifier() for word in (*module.split("."), kind)):
            raise ValueError("expected MODULE:CLASS, such as my_module:MyPooling")
        if module == "__main__":
            raise ValueError("put the class into a file of its own: others cannot import this one")
        return name

    @property
    def module(self) -> str:
        """Such as ``"my_module"``."""
        return self.name.partition(":")[0]


def named_choice(default: str) -> BeforeValidator:
    """Let ``miner: none`` stand for ``miner: {name: none}``, and no name for the default's."""

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict):
            return {"name": default} | value
        if isinstance(value, Options):
            return value
        raise ValueError("expected a name, or a name and options")

    return BeforeValidator(named)


def kind_of(choice: Any) -> str:
    """Which of several groups of options a choice is: its name, or :data:`OWN`."""
    name = str(choice.get("name") if isinstance(choice, dict) else choice.name)
    return OWN if ":" in name else name


# YAML reads a bare 32 as a number.
NUMBER_AS_TEXT = BeforeValidator(lambda value: str(value) if type(value) is int else value)


# Asked for twice, a figure is given once.
EACH_ONCE = AfterValidator(lambda values: list(dict.fromkeys(values)))
