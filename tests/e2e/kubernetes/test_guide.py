"""docs/kubernetes.md, followed literally: installation and the first certificates."""

import re

from conftest import PAGE, ROOT
from guide import first_cells
from kubeissue import verify_secret
from kubelet import LOAD_BALANCER

# Said by kube-apiserver, not by dns01d.
NOT_OURS = {"`the server is currently unable to handle the request`",
            "`the server could not find the requested resource`",
            "`x509: certificate signed by unknown authority`, in the APIService",
            "`is forbidden: User ... cannot create resource`"}


def test_install(installed, cluster):
    assert "successfully rolled out" in installed[-2]
    assert "condition met" in installed[-1]
    assert cluster.is_available("v1alpha1.acme.dns01d.dev")
    listed = cluster.kubectl("api-resources", "--api-group=acme.dns01d.dev", "--no-headers")
    assert listed.split()[0] == "dns01d"


def test_the_address_of_the_name_server(installed, reader):
    assert reader.follow("Delegate") == [LOAD_BALANCER]


def test_certificate_and_ingress(issuer, cluster, world, tmp_path):
    names = ["example.test", "*.example.test", "www.example.test"]
    assert f"DNS:{names[0]}" in "".join(issuer) and "Pebble" in "".join(issuer)
    verify_secret(cluster, world, "default", "example-org-tls", names, tmp_path)
    verify_secret(cluster, world, "default", "shop-tls", ["shop.example.test"], tmp_path)


def test_messages_of_the_table_are_said(reader):
    """Each message that the page explains stands in the sources."""
    source = "".join(path.read_text() for folder in ("webhook/kubernetes", "providers")
                     for path in sorted((ROOT / folder).glob("*.c")))
    source = re.sub(r'"\s*\n\s*"', "", source)
    messages = [cell for cell in first_cells(PAGE, "message") if cell not in NOT_OURS]
    assert len(messages) >= 10
    missing = [cell for cell in messages
               if not all(part in source for part in re.split("config: |look: ", cell.split("`")[1]))]
    assert missing == []
