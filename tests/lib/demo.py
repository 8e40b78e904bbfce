"""./dev run: gets a certificate through dns01d from a local certificate authority, shows how it
went, and keeps serving until Ctrl-C (`--once`: ends after the certificate)."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True

from dns01d import ROOT  # noqa: E402
from program import ProgramError, wait_until  # noqa: E402
from world import DELEGATED, World, run_openssl  # noqa: E402

DOMAIN = "www.example.test"
OWNER = DELEGATED[DOMAIN]
PEBBLE_LINES = ("set VALID", "Issued certificate")


def show(text=""):
    print(text, flush=True)


def place(server):
    return "{}:{}".format(*server)


def show_world(world):
    show("Running, each on an address of its own:")
    show(f"  NSD      {place(world.nsd):24} parent zones: _acme-challenge.{DOMAIN} CNAME {OWNER}")
    show(f"  dns01d   {place(world.dns01d_server):24} serves auth.example.test; "
         f"API {world.dns01d.api_url}")
    show(f"  Unbound  {place(world.unbound):24} resolver, knows both")
    show(f"  Pebble   {place(world.pebble):24} ACME server, asks Unbound")
    show()


def event_text(event):
    """One line of an event: its time, its name, and the fields that the API gives for it."""
    rest = {key: value for key, value in event.items() if key not in ("time", "event")}
    if event["event"] == "asked":
        text = "by {from} over {transport}: {type} {answer}, {records} records".format(**rest)
    else:
        text = " ".join(f"{key}={value}" for key, value in rest.items())
    return f"  {event['time']}  {event['event']:9}  {text}"


def whole_timeline(world):
    """The events so far; None until those questions are in that the certificate hung on."""
    events = world.dns01d.timeline(OWNER, "lego")
    return events if any(event.get("type") == "TXT" for event in events) else None


def show_issue(world, certificate):
    show(f"What dns01d noted about {OWNER}:")
    for event in wait_until(lambda: whole_timeline(world), 5, "questions in the timeline"):
        show(event_text(event))
    show()
    show("What Pebble noted:")
    for line in world.pebble_program.lines():
        if any(mark in line for mark in PEBBLE_LINES):
            show(f"  {line}")
    show()
    show("What lego got:")
    text = run_openssl("x509", "-in", certificate.chain, "-noout", "-issuer", "-serial", "-enddate",
                       "-ext", "subjectAltName")
    for line in text.splitlines():
        show(f"  {line.strip()}")
    show("  openssl verify: OK, against Pebble's root; names and key are those asked for")
    show()


def show_hints(world):
    address, port = world.dns01d_server
    control = f"--socket {world.dns01d.state}/control.sock"
    program = os.path.relpath(world.dns01d.build / "dns01ctl", ROOT)
    show("Look further:")
    show(f"  {program} {control} trace {OWNER}")
    show(f"  {program} {control} present {OWNER} some-value")
    show(f"  kdig @{address} -p {port} {OWNER} TXT")
    show(f"  kdig @{world.unbound[0]} -p {world.unbound[1]} _acme-challenge.{DOMAIN} TXT")
    show(f"  curl http://{address}:{world.dns01d.metrics_port}/metrics")
    show(f"  less {world.dns01d.process.log}")
    show()


def run(world, once):
    show_world(world)
    show(f"lego asks Pebble for a certificate for {DOMAIN} (it polls slowly: about 10 s) ...")
    certificate, output = world.issue(DOMAIN)
    if certificate is None:
        show(output)
        raise ProgramError("lego got no certificate")
    world.verify(certificate, [DOMAIN])
    show()
    show_issue(world, certificate)
    if once:
        return
    show_hints(world)
    show("dns01d goes on serving. Ctrl-C ends everything.")
    world.dns01d.process.wait()
    world.dns01d.process.check_running()


def interrupted(number, frame):
    """Ends the run in order; further signals do not disturb the clean-up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="./dev run", description=__doc__)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    if not (build / "dns01d").is_file():
        sys.exit(f"{build / 'dns01d'} is not built")
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    folder = tempfile.mkdtemp(prefix="dns01d-run-")
    certificate_shown = False
    try:
        with World(folder, build=build) as world:
            try:
                run(world, options.once)
            except KeyboardInterrupt:
                certificate_shown = world.issued > 0
                raise
    except KeyboardInterrupt:
        show("\nstopped")
        return 0 if certificate_shown and not options.once else 130
    except ProgramError as error:
        show(f"failed: {error}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
