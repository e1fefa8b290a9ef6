"""Strings that look like credentials and are none: drawn from templates, for tests and measurements.

What it does: draws values for the templates of `warden.guard.rule` and puts them into the texts in which people and
programs leave credentials. What it does not: hold any value; all are drawn from a seed when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from warden.guard.rule import parse_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

_ALPHABETS = {
    "w": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "x": "0123456789abcdef",
    "X": "0123456789ABCDEF",
    "l": "abcdefghijklmnopqrstuvwxyz0123456789",
    "U": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "u": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "a": "abcdefghijklmnopqrstuvwxyz",
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "d": "0123456789",
}
_ALPHABETS |= {
    "v": _ALPHABETS["w"] + "-_",
    "b": _ALPHABETS["w"] + "+/",
    "h": _ALPHABETS["x"],
    "e": _ALPHABETS["w"] + "-_",
    "z": "023456789acdefghjklmnpqrstuvwxyz",
}


class Sample(NamedTuple):
    """A text with one drawn credential in it, at `start` to `end`."""

    provider: str
    style: str
    text: str
    start: int
    end: int


def draw(template: str, random: Random) -> str:
    """Return one string of the format `template`; its runs begin and end with a letter or digit."""
    out = []
    for literal, letter, least, most in parse_template(template):
        if not letter:
            out.append(literal)
            continue
        size = random.randint(least, min(most, least + 20))
        alphabet = _ALPHABETS[letter]
        run = [random.choice(alphabet) for _ in range(size)]
        plain = [c for c in alphabet if c.isalnum()]
        run[0], run[-1] = random.choice(plain), random.choice(plain)
        out.append("".join(run))
    return "".join(out)


# {P} provider as written, {p} lower case, {U} upper case, {n} name in snake case, {N} upper, {c} camel case,
# {k} kebab case, {w} words, {v} value.
STYLES: dict[str, str] = {
    "env": "{U}_{N}={v}",
    "env-quoted": 'export {U}_{N}="{v}"',
    "dotenv-block": "DEBUG=false\nPORT=8080\n{U}_{N}={v}\nLOG_LEVEL=info\n",
    "yaml": "services:\n  {p}:\n    enabled: true\n    {n}: {v}\n",
    "yaml-quoted": "{p}:\n  {n}: '{v}'\n  timeout: 30\n",
    "json": '{"{p}": {"{n}": "{v}", "region": "eu"}}',
    "json-flat": '{"name": "{p}", "{p}_{n}": "{v}"}',
    "toml": '[{p}]\n{n} = "{v}"\n',
    "ini": "[{p}]\n{n}={v}\n",
    "python": '{p}_{n} = "{v}"\nclient = connect({p}_{n})\n',
    "python-dict": 'config = {"{p}_{n}": "{v}"}',
    "python-typed": '{U}_{N}: str = "{v}"',
    "javascript": 'const {p}{C} = "{v}";',
    "javascript-key": "const client = new {P}({ {c}: '{v}' });",
    "go": '{p}{C} := "{v}"\nreq.Header.Set("X-Api-Key", {p}{C})',
    "java": 'private static final String {U}_{N} = "{v}";',
    "csharp": 'var {c} = "{v}"; // {P}',
    "ruby": "{P}.{n} = '{v}'",
    "php": "define('{U}_{N}', '{v}');",
    "rust": 'let {p}_{n} = "{v}";',
    "terraform": 'variable "{p}_{n}" {\n  default = "{v}"\n}',
    "dockerfile": "ENV {U}_{N} {v}",
    "compose": "environment:\n  - {U}_{N}={v}\n",
    "kubernetes": "env:\n  - name: {U}_{N}\n    value: {v}\n",
    "xml": "<{c}>{v}</{c}>",
    "xml-attribute": '<add key="{P}{C}" value="{v}" />',
    "properties": "{p}.{k}={v}",
    "curl-header": "curl -H 'X-{P}-{H}: {v}' https://api.{p}.com/v1/items",
    "curl-bearer": 'curl -H "Authorization: Bearer {v}" https://api.{p}.com/v1/items',
    "query": "https://api.{p}.com/v1/items?{n}={v}&limit=10",
    "flag": "{p}-cli deploy --{k} {v} --verbose",
    "flag-equals": "{p} login --{k}={v}",
    "call": 'client = {P}Client("{v}")',
    "setenv": 'os.Setenv("{U}_{N}", "{v}")',
    "log": "2025-11-03T10:22:31Z INFO {p} client starting {n}={v} retries=3",
    "markdown": "- {P} {w}: `{v}`",
    "table": "| {P} {w} | {v} |",
    "mail-colon": "Hi,\n\nhere is the {P} {w} for staging: {v}\n\nBest, Ana",
    "mail-is": "Hello, the {w} for {P} is {v}. Please do not share it.",
    "mail-line": "As discussed, our {P} {w}:\n\n    {v}\n\nThanks",
    "mail-use": "You can use {v} as the {P} {w} until Friday.",
    "chat": "{p} {w} {v}",
    "short": "{p} = '{v}'",
}


def fill(style: str, provider: str, name: str, value: str) -> tuple[str, int]:
    """Return the text of `style` with a credential in it, and where the value starts."""
    return fill_text(STYLES[style], provider, name, value)


def fill_text(text: str, provider: str, name: str, value: str) -> tuple[str, int]:
    """Return `text` with its marks (see `STYLES`) filled in, and where the value starts."""
    words = name.replace("_", " ")
    parts = words.split()
    pascal = "".join(p.capitalize() for p in parts) if " " in words else name[0].upper() + name[1:]
    told = {
        "{P}": provider.capitalize(),
        "{p}": provider,
        "{U}": provider.upper(),
        "{n}": words.replace(" ", "_"),
        "{N}": words.replace(" ", "_").upper(),
        "{c}": pascal[0].lower() + pascal[1:],
        "{C}": pascal,
        "{H}": "-".join(p.capitalize() for p in parts),
        "{k}": words.replace(" ", "-"),
        "{w}": words,
    }
    for mark, shown in told.items():
        text = text.replace(mark, shown)
    start = text.index("{v}")
    return text.replace("{v}", value), start


def samples(lines: list[str], random: Random, styles_each: int, styles: Mapping[str, str] = STYLES) -> Iterator[Sample]:
    """Yield drawn samples for each row `provider | name | templates` of `lines`, in `styles_each` of `styles` each."""
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        provider, name, templates = (cell.strip() for cell in line.split("|", 2))
        for template in templates.split(" / "):
            for style in random.sample(sorted(styles), styles_each):
                value = draw(template, random)
                text, start = fill_text(styles[style], provider, name, value)
                yield Sample(provider, style, text, start, start + len(value))
