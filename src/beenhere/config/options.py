"""The base of every group of options, and what several of them share."""

from typing import Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class Options(BaseModel):
    """A group of options: unknown names are errors, values never change after validation."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


def named_choice(default: str) -> BeforeValidator:
    """Let ``miner: none`` stand for ``miner: {name: none}``, and no name for the default's."""

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        return {"name": default} | value if isinstance(value, dict) else value

    return BeforeValidator(named)


# YAML reads a bare 32 as a number.
NUMBER_AS_TEXT = BeforeValidator(lambda value: str(value) if type(value) is int else value)


# Asked for twice, a figure is given once.
EACH_ONCE = AfterValidator(lambda values: list(dict.fromkeys(values)))
