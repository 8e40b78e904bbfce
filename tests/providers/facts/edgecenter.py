"""EdgeCenter. apidocs.edgecenter.ru/dns: as G-Core."""

from facts.gcore import family

FACTS = family("https://api.edgecenter.ru/dns", "EDGECENTER_PERMANENT_API_TOKEN")
