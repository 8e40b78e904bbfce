"""Virtualname: the same API as Neodigit."""

from facts.neodigit import family

FACTS = family("https://api.virtualname.net/v1", "VIRTUALNAME_TOKEN")
