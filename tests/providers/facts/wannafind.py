"""Wannafind: Curanet under another name."""

from facts.curanet import family

FACTS = family("WANNAFIND_API_KEY")
