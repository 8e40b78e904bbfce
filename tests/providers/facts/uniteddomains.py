"""United Domains: the same API as IONOS."""

from facts.ionos import family

FACTS = family("https://dnsapi.united-domains.de/dns", "UNITEDDOMAINS_API_KEY")
