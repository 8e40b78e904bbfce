"""Benchmark `api`: durable writes that DNS shows, through /update and signed UPDATE, beside peers.

Each round measures every subject once, in turn (A B C A B C ...). The floor is SQLite alone, with the
statements of dns01d's writes, write-ahead log, flushed at every commit: once with as many writes in
a transaction as dns01d had in this round, once with one for each client, which no server with so
many clients could have while it answers. All databases stand on the same disk. A write counts when
its answer is right and DNS shows the value.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import tempfile

import writers
from counterparts import Unavailable
from servers import BenchError
from udp import build_settings, positive

TITLE = "durable writes through the HTTP API and signed UPDATE, beside SQLite and other servers"
WRITES_WANTED = 5000
FLOOR_SHARE_WANTED = 0.5
FLOOR = "SQLite, batches as dns01d's"
FLOOR_FULL = "SQLite, one of all clients"
# (part, door, clients, servers, what it is)
PARTS = (
    ("update", "update", 64, ("dns01d", "acme-dns"), "POST /update with an account's key"),
    ("signed", "update-tsig", 32, ("dns01d", "knot", "powerdns"),
     "UPDATE over UDP, TSIG hmac-sha256"),
)
# What is done about a credential: requests that write nothing.
AUTHENTICATIONS = (
    ("health", "no credential", ("dns01d", "acme-dns")),
    ("token", "token (404)", ("dns01d",)),
    ("wrong-token", "wrong token (401)", ("dns01d",)),
    ("account-key", "account key (400 bad_txt)", ("dns01d", "acme-dns")),
    ("wrong-key", "wrong account key (401)", ("dns01d", "acme-dns")),
)
AUTHENTICATION_CLIENTS = 16


def parse(arguments):
    parser = argparse.ArgumentParser(prog="dev bench api", description=TITLE)
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument("--seconds", type=positive(int), default=3, help="of each measurement")
    parser.add_argument("--servers", type=lambda text: text.split(","),
                        default=list(writers.ALL), help="only these")
    parser.add_argument("--parts", type=lambda text: text.split(","),
                        default=["update", "signed", "authentication"], help="only these")
    parser.add_argument("--folder", type=pathlib.Path, help="where the databases are made")
    return parser.parse_args(arguments)


def start_servers(stack, folder, build, options):
    """Those that there are, with accounts; says which are skipped, and why."""
    made = {}
    for name, make in writers.ALL.items():
        if name not in options.servers:
            continue
        place = folder / name
        place.mkdir()
        try:
            server = stack.enter_context(make(place, build))
        except Unavailable as why:
            print(f"{name}: skipped ({why})")
            continue
        kinds = {"names": writers.names(64)}
        if server.api:
            kinds["accounts"] = writers.register(server.api, 64)
        for kind, lines in kinds.items():
            server.accounts[kind] = place / kind
            server.accounts[kind].write_text("\n".join(lines) + "\n", "ascii")
        made[name] = server
    return made


def measure(server, door, clients, build, options):
    """Returns what d1bench-writes printed."""
    signed = door == "update-tsig"
    at = server.dns if signed else server.api
    command = [
        build / "tests/bench/d1bench-writes",
        f"--door={door}",
        f"--server={at[0]}:{at[1]}",
        f"--dns={server.dns[0]}:{server.dns[1]}",
        f"--accounts={server.accounts['names' if signed else 'accounts']}",
        f"--clients={clients}",
        f"--time={options.seconds * server.patience}s",
        f"--token={writers.TOKEN}",
        f"--pid={server.process.pid}",
        "--threads=*",
        *(f"--threads={group}" for group in server.groups),
    ]
    if signed:
        command += [f"--zone={writers.ZONE}", f"--key={writers.KEY}:{writers.SECRET.hex()}"]
    before = server.commits()
    result = run_program(command, server.name)
    server.settle()
    writes, commits = (now - then for now, then in zip(server.commits(), before))
    return {**result, "rows_per_commit": writes / commits if commits else None}


def measure_floor(folder, rows, build, options):
    command = [build / "tests/bench/d1bench-commit", folder / "floor.db", str(rows),
               str(options.seconds)]
    result = run_program(command, "SQLite")
    return {**result, "cpu_us": {"*": result["cpu_us"]}}


def run_program(command, name):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                            check=False)
    if result.returncode != 0:
        raise BenchError(f"{name}: {result.stderr.strip()}")
    return json.loads(result.stdout)


def run_part(part, servers, folder, build, options):
    """Returns {subject: [one result per round]}."""
    _, door, clients, wanted, title = part
    print(f"\n{title}, {clients} clients", flush=True)
    here = [servers[name] for name in wanted if name in servers]
    results = {}
    for number in range(1, options.rounds + 1):
        row = {s.name: measure(s, door, clients, build, options) for s in here}
        if "dns01d" in row:
            rows = max(1, round(row["dns01d"]["rows_per_commit"]))
            row[FLOOR] = measure_floor(folder, rows, build, options)
        row[FLOOR_FULL] = measure_floor(folder, clients, build, options)
        for name, result in row.items():
            results.setdefault(name, []).append(result)
        print(f"  round {number}/{options.rounds}: " + ", ".join(
            f"{name} {result['per_second']:,.0f}/s" for name, result in row.items()), flush=True)
    return results


def spread(runs, value):
    values = [value(run) for run in runs]
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def summarise(results):
    rows = {}
    for name, runs in results.items():
        row = {"per_second": spread(runs, lambda run: run["per_second"])}
        row["cpu_us"] = {group: statistics.median(run["cpu_us"][group] for run in runs)
                         for group in runs[0]["cpu_us"]}
        for key in ("answer_p50_us", "answer_p99_us", "seen_p50_us", "seen_p99_us",
                    "generator_cpu_us"):
            row[key] = statistics.median(run[key] for run in runs) if key in runs[0] else None
        row["rows_per_commit"] = (statistics.median(run["rows_per_commit"] for run in runs)
                                  if runs[0]["rows_per_commit"] else None)
        for key in ("wrong", "unseen", "lost"):
            row[key] = sum(run.get(key, 0) for run in runs)
        rows[name] = row
    for name, row in rows.items():
        row["floor_share"] = share(results[name], results.get(FLOOR))
        row["full_share"] = share(results[name], results.get(FLOOR_FULL))
    return rows


def share(runs, floors):
    """Median over the rounds, so that a disk that gets slower is slower for both."""
    if not floors:
        return None
    return statistics.median(run["per_second"] / floor["per_second"]
                             for run, floor in zip(runs, floors))


def cell(value, form="{:,.0f}"):
    return "-" if value is None else form.format(value)


def print_table(title, rows):
    print(f"\n{title}\n  {'':<34} {'per second: median [min-max]':<30} {'x floor':>7} "
          f"{'x full':>6} {'writes/commit':>13} {'CPU us':>8} {'p50/p99 us':>16} {'unseen':>6} {'lost':>5} {'wrong':>5}  CPU us by thread")
    for name, row in rows.items():
        rate = row["per_second"]
        text = f"{rate['median']:,.0f} [{rate['lowest']:,.0f}-{rate['highest']:,.0f}]"
        # Until DNS shows it where that is asked, else until the answer.
        p50, p99 = ((row["seen_p50_us"], row["seen_p99_us"]) if row["seen_p50_us"]
                    else (row["answer_p50_us"], row["answer_p99_us"]))
        threads = " ".join(f"{group} {value:.1f}" for group, value in row["cpu_us"].items()
                           if group != "*")
        print(f"  {name:<34} {text:<30} {cell(row['floor_share'], '{:.2f}'):>7} "
              f"{cell(row['full_share'], '{:.2f}'):>6} "
              f"{cell(row['rows_per_commit'], '{:.1f}'):>13} "
              f"{row['cpu_us']['*']:>8,.1f} {cell(p50) + '/' + cell(p99):>16} {row['unseen']:>6} "
              f"{row['lost']:>5} {row['wrong']:>5}  {threads}")


def run_authentications(servers, build, options):
    """{"what, server": [results]}: the cost of whole requests that write nothing."""
    print(f"\nrequests that write nothing, {AUTHENTICATION_CLIENTS} clients", flush=True)
    results = {}
    for _ in range(options.rounds):
        for door, title, wanted in AUTHENTICATIONS:
            for server in (servers[name] for name in wanted if name in servers):
                result = measure(server, door, AUTHENTICATION_CLIENTS, build, options)
                results.setdefault((door, title, server.name), []).append(result)
    return results


def authentication_rows(results):
    """With what each costs more than a request without a credential, of the same server."""
    rows = {key: row for key, row in zip(results, summarise(
        {f"{title}, {name}": runs for (_, title, name), runs in results.items()}).items())}
    free = {name: row["cpu_us"]["*"] for (door, _, name), (_, row) in rows.items()
            if door == "health"}
    made = {}
    for (_, _, name), (title, row) in rows.items():
        row["cpu_us_over_no_credential"] = row["cpu_us"]["*"] - free[name]
        made[title] = row
    return made


def judge(parts):
    """Prints whether the aims are met. Returns the verdicts."""
    verdicts = {}
    update = parts.get("update", {}).get("dns01d")
    if update:
        verdicts[f"/update at least {WRITES_WANTED:,}/s"] = (
            update["per_second"]["median"] >= WRITES_WANTED)
        verdicts[f"/update at least {FLOOR_SHARE_WANTED:.0%} of SQLite alone with the same batches"] = (
            update["floor_share"] >= FLOOR_SHARE_WANTED)
    print()
    for text, met in verdicts.items():
        print(f"  {text}: {'met' if met else 'MISSED'}")
    return verdicts


def run(arguments, root, build):
    """Returns (result for the JSON file, whether all answers were right)."""
    options = parse(arguments)
    settings = build_settings(build)
    folder = options.folder or root / "bench-results"
    folder.mkdir(exist_ok=True)
    parts, runs = {}, {}
    with contextlib.ExitStack() as stack:
        place = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="d1bench-", dir=folder)))
        servers = start_servers(stack, place, build, options)
        for part in PARTS:
            if part[0] in options.parts:
                runs[part[0]] = run_part(part, servers, place, build, options)
                parts[part[0]] = summarise(runs[part[0]])
        if "authentication" in options.parts:
            results = run_authentications(servers, build, options)
            runs["authentication"] = {", ".join(key[1:]): all_ for key, all_ in results.items()}
            parts["authentication"] = authentication_rows(results)
    titles = {part[0]: f"{part[4]}, {part[2]} clients, {options.rounds} x {options.seconds} s"
              for part in PARTS}
    for name, rows in parts.items():
        print_table(titles.get(name, "requests that write nothing"), rows)
    verdicts = judge(parts)
    wrong = {name: row["wrong"] for rows in parts.values() for name, row in rows.items()
             if row["wrong"]}
    for name, count in wrong.items():
        print(f"  FAILED: {name} gave {count} wrong answers")
    return {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "build": settings,
        "aims": verdicts,
        "parts": parts,
        "runs": runs,
    }, not wrong
