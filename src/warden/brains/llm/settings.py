"""What can be set of a model and of how it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from warden.model.consultation import TokenPrice

AUTOMATIC_FORM: Final = "auto"
ANSWER_FORMS: Final = (AUTOMATIC_FORM, "json_schema", "json_object", "text")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One model at one place.

    `provider` names one of `providers`; `url` the base URL, http or https; `model` the model's name there (unused by
    llm-connect). `answer_form` fixes how JSON is asked for, `auto` finds out. `link_hosts` are hosts that a drafted reply may
    link to, beside those that the catalogue links to. `timeout_s` bounds one exchange, `total_timeout_s` one consultation
    with its repeats. `cooldown_s` is how long a model that failed `failures_to_open` times in a row is left alone.
    """

    provider: str
    url: str
    model: str = ""
    answer_form: str = AUTOMATIC_FORM
    max_tokens: int = 700
    seed: int | None = 7
    reply_chars: int = 4_000
    link_hosts: tuple[str, ...] = ()
    price: TokenPrice | None = None
    connect_timeout_s: float = 5.0
    timeout_s: float = 120.0
    total_timeout_s: float = 240.0
    response_bytes: int = 1024 * 1024
    retries: int = 2
    concurrency: int = 1
    failures_to_open: int = 4
    cooldown_s: float = 60.0

    @property
    def label(self) -> str:
        """Provider and model, for people and the ledger."""
        return f"{self.provider}/{self.model}" if self.model else self.provider
