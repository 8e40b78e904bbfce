"""ScanNet: Curanet under another name."""

from facts.curanet import family

FACTS = family("SCANNET_API_KEY")
