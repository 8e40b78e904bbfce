"""DanDomain. api.dandomain.dk/dns/swagger: as Curanet."""

from facts.curanet import family

FACTS = family("DANDOMAIN_API_KEY")
