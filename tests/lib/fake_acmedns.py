"""Databases as acme-dns leaves them, made from its documented schema: a fake, not acme-dns."""

import base64
import crypt
import csv
import dataclasses
import json
import os
import sqlite3
import time
import uuid

SCHEMA = """
CREATE TABLE acmedns(Name TEXT, Value TEXT);
CREATE TABLE records(Username TEXT UNIQUE NOT NULL PRIMARY KEY, Password TEXT UNIQUE NOT NULL,
    Subdomain TEXT UNIQUE NOT NULL, AllowFrom TEXT);
CREATE TABLE txt(Subdomain TEXT NOT NULL, Value TEXT NOT NULL DEFAULT '', LastUpdate INT);
INSERT INTO acmedns VALUES ('db_version', '1');
"""
SCHEMA_0 = """
CREATE TABLE records(Username TEXT UNIQUE NOT NULL PRIMARY KEY, Password TEXT UNIQUE NOT NULL,
    Subdomain TEXT UNIQUE NOT NULL, Value TEXT, LastActive INT, AllowFrom TEXT);
"""
DUMP_HEAD = """--
-- PostgreSQL database dump
--

\\restrict 3Vg8Yk

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE TABLE public.acmedns (
    name text,
    value text
);
CREATE TABLE public.records (
    username text NOT NULL,
    password text NOT NULL,
    subdomain text NOT NULL,
    allowfrom text
);
CREATE TABLE public.txt (
    rowid integer NOT NULL,
    subdomain text NOT NULL,
    value text DEFAULT ''::text NOT NULL,
    lastupdate integer
);
ALTER TABLE public.records OWNER TO acmedns;
"""
DUMP_TAIL = """
ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (username);

\\unrestrict 3Vg8Yk
"""


@dataclasses.dataclass
class Account:
    username: str
    key: str
    hash: str
    subdomain: str
    allowfrom: list
    values: list  # of (value, Unix time)


def value():
    """43 characters, as a challenge has."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def account(values=0, allowfrom=(), cost=4, updated=None):
    """A new account; cost 4 is quick, acme-dns itself takes 10."""
    key = base64.urlsafe_b64encode(os.urandom(30)).decode()
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << cost)
    hashed = crypt.crypt(key, "$2a$" + salt[4:])
    updated = updated if updated is not None else int(time.time()) - 60
    return Account(str(uuid.uuid4()), key, hashed, str(uuid.uuid4()), list(allowfrom),
                   [(value(), updated) for _ in range(values)])


def slots(one):
    """The two rows of `txt` that acme-dns keeps for a subdomain."""
    return (one.values + [("", 0), ("", 0)])[:2]


def write_sqlite(path, accounts, version=1):
    with sqlite3.connect(path) as db:
        db.executescript(SCHEMA if version else SCHEMA_0)
        for one in accounts:
            allowfrom = json.dumps(one.allowfrom)
            # acme-dns binds the hash as octets: SQLite keeps a blob.
            if version:
                db.execute("INSERT INTO records VALUES (?, ?, ?, ?)",
                           (one.username, one.hash.encode(), one.subdomain, allowfrom))
                db.executemany("INSERT INTO txt VALUES (?, ?, ?)",
                               [(one.subdomain, text, when) for text, when in slots(one)])
            else:
                text, when = slots(one)[0]
                db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
                           (one.username, one.hash, one.subdomain, text, when, allowfrom))
    db.close()
    return path


def copy_line(*fields):
    return "\t".join(str(field).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
                     for field in fields) + "\n"


def write_copy_dump(path, accounts):
    """As pg_dump's plain format."""
    text = DUMP_HEAD + "COPY public.acmedns (name, value) FROM stdin;\ndb_version\t1\n\\.\n"
    text += "COPY public.records (username, password, subdomain, allowfrom) FROM stdin;\n"
    for one in accounts:
        text += copy_line(one.username, one.hash, one.subdomain, json.dumps(one.allowfrom))
    text += "\\.\n\nCOPY public.txt (rowid, subdomain, value, lastupdate) FROM stdin;\n"
    for number, (one, (string, when)) in enumerate((one, slot) for one in accounts
                                                   for slot in slots(one)):
        text += copy_line(number + 1, one.subdomain, string, when)
    path.write_text(text + "\\.\n" + DUMP_TAIL)
    return path


def write_insert_dump(path, accounts):
    """As pg_dump --inserts: the order of columns is that of CREATE TABLE."""
    def quoted(*fields):
        return ", ".join(str(field) if isinstance(field, int) else
                         "'" + field.replace("'", "''") + "'" for field in fields)

    text = DUMP_HEAD + "INSERT INTO public.acmedns VALUES ('db_version', '1');\n"
    number = 0
    for one in accounts:
        text += (f"INSERT INTO public.records VALUES "
                 f"({quoted(one.username, one.hash, one.subdomain, json.dumps(one.allowfrom))});\n")
        for string, when in slots(one):
            number += 1
            text += f"INSERT INTO public.txt VALUES ({quoted(number, one.subdomain, string, when)});\n"
    path.write_text(text + DUMP_TAIL)
    return path


def write_csv(records, txt, accounts, header=True):
    """As COPY ... TO ... CSV [HEADER] of both tables."""
    with open(records, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(["username", "password", "subdomain", "allowfrom"])
        for one in accounts:
            writer.writerow([one.username, one.hash, one.subdomain, json.dumps(one.allowfrom)])
    with open(txt, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(["rowid", "subdomain", "value", "lastupdate"])
        number = 0
        for one in accounts:
            for string, when in slots(one):
                number += 1
                writer.writerow([number, one.subdomain, string, when])
    return records, txt


def write_goacmedns(path, accounts, zone, capitals=False):
    """As goacmedns' file storage: domain to account, passwords in plain text."""
    names = ("FullDomain", "SubDomain", "Username", "Password") if capitals else (
        "fulldomain", "subdomain", "username", "password")
    table = {}
    for number, one in enumerate(accounts):
        fields = (f"{one.subdomain}.{zone}", one.subdomain, one.username, one.key)
        table[f"host{number}.example.org"] = dict(zip(names, fields))
    path.write_text(json.dumps(table))
    return path
