"""Websupport: the same API as Active24."""

from facts.active24 import family

FACTS = family("https://rest.websupport.sk", "WEBSUPPORT_API_KEY", "WEBSUPPORT_SECRET")
