"""Vscale: the same API as Selectel's first."""

from facts.selectel import family

FACTS = family("https://api.vscale.io/v1/domains", "VSCALE_API_TOKEN")
