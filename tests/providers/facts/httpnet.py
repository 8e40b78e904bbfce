"""http.net. http.net/docs/api: as hosting.de."""

from facts.hostingde import family

FACTS = family("https://partner.http.net/api/dns/v1/json", "HTTPNET_API_KEY")
