"""The filter of tables: words that must all match, `!` inverts one, `state:` looks at the state only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a filter."""

    text: str
    field: str | None
    inverted: bool

    def matches(self, fields: dict[str, str]) -> bool:
        """Whether a row with these fields passes."""
        if self.field is None:
            hit = any(self.text in value.lower() for value in fields.values())
        else:
            hit = self.text in fields.get(self.field, "").lower()
        return hit is not self.inverted


def parse(text: str, fields: frozenset[str]) -> tuple[Term, ...]:
    """Return the terms of a filter line; a lone `!` or `field:` that is still being typed asks for nothing."""
    terms = []
    for word in text.lower().split():
        inverted = word.startswith("!")
        bare = word[1:] if inverted else word
        field, colon, value = bare.partition(":")
        named = bool(colon) and field in fields
        wanted = value if named else bare
        if wanted:
            terms.append(Term(wanted, field if named else None, inverted))
    return tuple(terms)


def passes(terms: tuple[Term, ...], fields: dict[str, str]) -> bool:
    """Whether a row with these fields passes all terms."""
    return all(term.matches(fields) for term in terms)
