"""JSON Schemas (draft 2020-12) of what warden prints and saves; docs/generate.py writes them to docs/reference."""

from __future__ import annotations

from docs.schemas.events import event_schemas
from docs.schemas.log import ledger_schemas
from docs.schemas.parts import Schema
from docs.schemas.people import people_schemas
from docs.schemas.rules import rule_schemas
from docs.schemas.runs import doctor_schema, error_schema, plan_schema, run_schema


def all_schemas() -> dict[str, Schema]:
    """Return every schema by the name of its file: `run` describes `warden.run/1`."""
    runs = (run_schema(), plan_schema(), doctor_schema(), error_schema())
    groups = (runs, ledger_schemas(), rule_schemas(), people_schemas(), event_schemas())
    return {_file_name(one): one for group in groups for one in group}


def _file_name(schema: Schema) -> str:
    first = schema["oneOf"][0] if "oneOf" in schema else schema
    name: str = first["properties"]["schema"]["const"]
    return name.removeprefix("warden.").partition("/")[0]
