"""The keys of `[model]` and `[budget]`, as rows of the table in `schema`."""

from __future__ import annotations

Row = tuple[str, str, str, str, float, float]

_MODEL: tuple[Row, ...] = (
    ("provider", "text", "`llm-connect`, `openai` (and everything that speaks its interface) or `anthropic`", "none", 0, 0),
    ("url", "text", "base URL of the model's server; for llm-connect by default `LLM_CONNECT_URL`", "by provider", 0, 0),
    ("name", "text", "the model's name at its server; llm-connect chooses by itself", "none", 0, 0),
    ("key_file", "path", "file of mode 600 that holds the model's key", "none", 0, 0),
    ("key_command", "command", "argument list that prints the model's key; no shell is involved", "none", 0, 0),
    ("key_variable", "variable", "environment variable that holds the model's key", "none", 0, 0),
    ("answer_form", "text", "how JSON is asked for: `json_schema`, `json_object`, `text`, or `auto`", "auto", 0, 0),
    ("max_tokens", "integer", "tokens of one answer", "700", 64, 32768),
    ("reply_chars", "integer", "characters of a drafted reply", "4000", 100, 16000),
    ("link_hosts", "texts", "hosts that a drafted reply may link to, beside those of the catalogue", "none", 0, 0),
    ("connect_timeout_s", "seconds", "how long a connection may take", "5", 0.1, 120),
    ("timeout_s", "seconds", "how long one answer may take", "120", 0.1, 600),
    ("total_timeout_s", "seconds", "how long asking about one message may take, repeats included", "240", 0.1, 1200),
    ("retries", "integer", "how often a busy or failing model is asked again about one message", "2", 0, 10),
    ("concurrency", "integer", "how many questions are on their way at once", "1", 1, 32),
    ("cooldown_s", "seconds", "how long a model that failed several times in a row is left alone", "60", 1, 3600),
    ("prices", "prices", "what a model costs: `{ \"NAME\" = { prompt = 0.15, completion = 0.60 } }` per million tokens",
     "none", 0, 0),
)  # fmt: skip

SPANS = {
    "run": "in one run",
    "hour": "in the last hour",
    "day": "in the last 24 hours",
    "sender": "for one sender in the last 24 hours",
}
MEASURES: dict[str, tuple[str, str, float]] = {
    "calls": ("integer", "requests to the model", 1_000_000),
    "prompt_tokens": ("integer", "tokens that the model is shown", 10_000_000_000),
    "completion_tokens": ("integer", "tokens that the model writes", 1_000_000_000),
    "cost": ("amount", "cost, in the currency of `model.prices`", 1_000_000),
    "wall_s": ("seconds", "seconds of waiting for the model, over all questions", 1_000_000),
}
"""What is limited: the kind of its key, what it is, and the highest limit that can be set."""

BUDGET_DEFAULTS: dict[str, int] = {
    "run_calls": 200,
    "run_wall_s": 3_600,
    "hour_calls": 400,
    "hour_prompt_tokens": 4_000_000,
    "hour_completion_tokens": 400_000,
    "day_calls": 2_000,
    "day_prompt_tokens": 20_000_000,
    "day_completion_tokens": 2_000_000,
    "sender_calls": 100,
}
"""Limits that hold when the configuration says nothing; every other measure is unlimited then."""


def rows() -> tuple[Row, ...]:
    """Return all rows, with full names."""
    budget = tuple(
        (
            f"budget.{span}_{measure}",
            kind,
            f"{what} {when}",
            str(BUDGET_DEFAULTS.get(f"{span}_{measure}", "none")),
            0,
            high,
        )
        for span, when in SPANS.items()
        for measure, (kind, what, high) in MEASURES.items()
    )
    return tuple(("model." + row[0], *row[1:]) for row in _MODEL) + budget
