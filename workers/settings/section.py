"""What every table of the file is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the file. A key that is not known is an error: it may be a misspelt safeguard."""

    model_config = ConfigDict(extra="forbid", frozen=True)
