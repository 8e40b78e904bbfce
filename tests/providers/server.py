"""A synthetic DNS host: zones, records and one vendor's API over them, made of its facts.

It is written from what vendors say of their APIs, never from our descriptors, and it is strict: an
unknown path, method, parameter or member, a wrong content type or credential is refused with the
vendor's own error and remembered in `violations`. It answers one request at a time, without a
network; listen.py puts it behind HTTP.
"""

import base64
import dataclasses
import importlib
import json
import pathlib
import sys
import urllib.parse

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "lib")]

import shape as shapes  # noqa: E402
import vendor as facts  # noqa: E402
from dry_run import Reply  # noqa: E402
from shape import Mismatch  # noqa: E402

NOW = 1767323045  # When engine-dry-run's clock starts.
SMALL_PAGE = 2  # Of a list whose reply says that there is more.


@dataclasses.dataclass
class Zone:
    name: str
    id: object
    dirty: bool = False
    serial: int = 1
    more: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Record:
    id: object
    zone: Zone
    owner: str
    type: str
    value: str
    ttl: int
    note: str = ""

    def key(self):
        return (self.zone.name, self.owner, self.type, self.value)


@dataclasses.dataclass
class Call:
    """One request, taken apart."""

    method: str
    url: str
    headers: dict
    body: str
    path: list = None
    query: dict = None
    members: object = None  # The JSON body, or the form as an object.
    found: dict = dataclasses.field(default_factory=dict)
    route: object = None
    zone: Zone = None
    owner: str = None
    value: str = None
    ttl: int = None

    @property
    def options(self):
        return self.route.options


class Refusal(Exception):
    """The vendor says no. `fault`: the client's mistake, which no right descriptor makes."""

    def __init__(self, kind, text, fault=False):
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.fault = fault


def quote(text):
    """TXT data as zone files write it, in strings of at most 255 octets."""
    pieces = [text[i:i + 255] for i in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


def unquote(text):
    """The reverse; raises Mismatch for what is not quoted."""
    pieces = []
    i = 0
    while i < len(text):
        if text[i] != '"':
            raise Mismatch(f"TXT data must be quoted: {text!r}")
        i += 1
        piece = ""
        while i < len(text) and text[i] != '"':
            i += text[i] == "\\"
            piece += text[i:i + 1]
            i += 1
        if i == len(text):
            raise Mismatch(f"TXT data lacks its final quote: {text!r}")
        pieces.append(piece)
        i += 1
        while i < len(text) and text[i] == " ":
            i += 1
    return "".join(pieces)


class Server:
    """One vendor with one account. `which`: the kind of credentials that the account has."""

    def __init__(self, vendor, which=0):
        self.vendor = vendor
        self.which = which
        self.credentials = vendor.credentials(which)
        self.zones = []
        self.records = []
        self.violations = []
        self.tokens = []
        self.jobs = {}
        self.jobs_fail = False
        self.calls = 0
        self.numbers = 0
        self.state = {}  # For facts that need more.
        for number in range(self.zone_page()):
            self.add_zone(f"full{number}.example")
        for name in vendor.zones:
            self.add_zone(name)

    # ---- the model -------------------------------------------------------------------------------

    def zone_page(self):
        """How many zones fill a page of a list that does not say that there is more."""
        full = [one.paging.largest for one in self.vendor.routes if one.operation == "list_zones"
                and one.paging is not None and not one.paging.told]
        return max((size for size in full if size <= 200), default=0)

    def number(self):
        self.numbers += 1
        return self.numbers

    def add_zone(self, name):
        make = self.vendor.zone_ids
        zone = Zone(name, name if make is None else make(self.number()))
        if self.vendor.zone_more:
            zone.more = self.vendor.zone_more(zone)
        self.zones.append(zone)
        return zone

    def holder(self, owner):
        """The zone with the longest name at or above an owner name."""
        held = [zone for zone in self.zones
                if owner == zone.name or owner.endswith("." + zone.name)]
        return max(held, key=lambda zone: len(zone.name), default=None)

    def add(self, zone, owner, kind, value, ttl):
        number = self.number()
        record = Record(self.vendor.ids(number), zone, owner, kind, value, ttl, f"note {number}")
        self.records.append(record)
        self.changed(zone)
        return record

    def drop(self, record):
        self.records.remove(record)
        self.changed(record.zone)

    def changed(self, zone):
        zone.serial += 1
        zone.dirty = self.vendor.publishes

    def at(self, zone=None, owner=None, kind=None, value=None):
        return [one for one in self.records
                if (zone is None or one.zone is zone) and (owner is None or one.owner == owner)
                and (kind is None or one.type == kind) and (value is None or one.value == value)]

    def unfinished(self):
        """What a client must not leave behind."""
        return ([f"{zone.name} is not published" for zone in self.zones if zone.dirty]
                + [f"job {name} was not waited for" for name, left in self.jobs.items() if left])

    # ---- a request -------------------------------------------------------------------------------

    def answer(self, request):
        """A dry_run.Request; returns a dry_run.Reply."""
        call = Call(request.method, request.url,
                    {name.lower(): value for name, value in request.headers}, request.body or "")
        self.calls += 1
        try:
            self.find_route(call)
            operation = call.route.operation
            reply = (getattr(self, "do_" + operation)(call) if isinstance(operation, str)
                     else operation(self, call))
            return reply if isinstance(reply, Reply) else self.reply(call, reply)
        except Refusal as refusal:
            return self.refuse(refusal, call)

    def refuse(self, refusal, call=None):
        if refusal.fault:
            self.violations.append(f"{call.method} {call.url} {call.body}: {refusal.text}")
        statuses = {"unauthorised": 401, "absent": 404, "unknown": 404, "method": 405,
                    "invalid": 400, "duplicate": 409}
        error = self.vendor.errors.get(refusal.kind, self.vendor.error)
        status = statuses.get(refusal.kind, 400)
        if isinstance(error, int):
            error, status = self.vendor.error, error
        elif error is not self.vendor.error or error.status != 400:
            status = error.status
        variables = {"text": refusal.text, "status": status, "code": refusal.kind,
                     **(call.found if call else {})}
        return self.written(error.shape, variables, status, dict(error.headers))

    def written(self, shape, variables, status, headers):
        if shape is None:
            return Reply(status, "", tuple(headers.items()))
        body = shapes.fill(shape, variables)
        if isinstance(shape, str) and not headers.get("content-type", "").endswith("json"):
            return Reply(status, str(body), (("content-type", "text/plain"), *headers.items()))
        return Reply(status, json.dumps(body), (("content-type", "application/json"),
                                                *headers.items()))

    def reply(self, call, variables):
        """An operation's result: the variables of its route's reply."""
        call.found.update(variables or {})
        every = {**self.credentials, **self.globals(call), **call.found}
        if call.zone is not None:
            every = {**self.zone_variables(call.zone), **every}
        extra = call.found.get("reply_headers", {})
        return self.written(call.route.reply, every, call.route.status, extra)

    def globals(self, call):
        return {"now": NOW, "calls": self.calls, "url": call.url}

    def find_route(self, call):
        base = urllib.parse.urlsplit(self.vendor.base)
        url = urllib.parse.urlsplit(call.url)
        call.path = [urllib.parse.unquote(part) for part in url.path.split("/")]
        pairs = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        call.query = {}
        for name, value in pairs:
            if name in call.query:
                call.query[name] = [*call.query[name], value] if isinstance(
                    call.query[name], list) else [call.query[name], value]
            else:
                call.query[name] = value
        near = []
        for one in self.vendor.routes:
            place = urllib.parse.urlsplit(one.path)
            host = (place.scheme, place.netloc) if place.netloc else (base.scheme, base.netloc)
            path = place.path if place.netloc else base.path + one.path
            if host != (url.scheme, url.netloc):
                continue
            try:
                found = shapes.match_path(path, call.path, {})
            except Mismatch:
                continue
            near.append((one, found))
        if not near:
            raise Refusal("unknown", "no such path", fault=True)
        near = [(one, found) for one, found in near if one.method == call.method]
        if not near:
            raise Refusal("method", "this method is not allowed here", fault=True)
        faults = []
        for one, found in near:
            try:
                self.take(call, one, dict(found))
                return
            except Mismatch as fault:
                faults.append(str(fault))
        raise Refusal("invalid", "; ".join(faults), fault=True)

    def take(self, call, one, found):
        """Try one route; raises Mismatch when its query or body is another."""
        call.route = one
        query = dict(call.query)
        members = self.members(call, one)
        if one.auth:
            self.authenticate(call, query, members)
        wanted = dict(one.query or {})
        if one.paging is not None and one.paging.where == "query":
            wanted[one.paging.param + "?"] = "{page}"
            if one.paging.size:
                wanted[one.paging.size + "?"] = "{size}"
        shapes.match(wanted, query, found, "query")
        for name, text in (one.headers or {}).items():
            required = not name.endswith("?")
            given = call.headers.get(name.removesuffix("?").lower())
            if given is None and required:
                raise Mismatch(f"header {name} is missing")
            if given is not None:
                self.take_header(name.removesuffix("?"), text, given, found)
        if one.json is not None or one.form is not None:
            shapes.match(one.json if one.json is not None else one.form, members, found)
        elif one.text is not None:
            shapes.match(one.text, call.body, found)
        elif members not in (None, {}):
            raise Mismatch(f"body: expected none, got {call.body!r}")
        call.found = found
        self.resolve(call, found)

    def take_header(self, name, text, given, found):
        if not isinstance(text, str):
            try:
                given = json.loads(given)
            except ValueError:
                raise Mismatch(f"header {name}: expected JSON, got {given!r}") from None
        shapes.match(text, given, found, f"header {name}")

    def members(self, call, one):
        kind = call.headers.get("content-type", "").split(";")[0].strip().lower()
        if one.form is not None:
            if kind != "application/x-www-form-urlencoded":
                raise Mismatch(f"content type: expected a form, got {kind!r}")
            return dict(urllib.parse.parse_qsl(call.body, keep_blank_values=True))
        if one.text is not None or not call.body:
            if one.json is not None:
                raise Mismatch("body: expected JSON")
            return None
        wanted = (one.headers or {}).get("Content-Type", "application/json")
        if kind != wanted:
            raise Mismatch(f"content type: expected {wanted}, got {kind!r}")
        try:
            return json.loads(call.body)
        except ValueError:
            raise Mismatch("body: not JSON") from None

    # ---- authentication --------------------------------------------------------------------------

    def authenticate(self, call, query, members):
        auth = self.vendor.auth[self.which]
        refusal = Refusal("unauthorised", "wrong credentials", fault=True)
        variables = {**self.credentials, "token": "none"}
        for name, text in auth.headers.items():
            allowed = [shapes.fill(text, {**variables, "token": token})
                       for token in (*self.tokens, "none")]
            if call.headers.get(name.lower()) not in allowed[:-1] + (
                    allowed[-1:] if "{token}" not in text else []):
                raise refusal
        if auth.basic is not None:
            user, password = (shapes.fill(part, variables) for part in auth.basic)
            given = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
            if call.headers.get("authorization") != given:
                raise refusal
        for place, wanted in ((query, auth.query), (members, auth.body)):
            for name, text in wanted.items():
                if not isinstance(place, dict) or place.pop(name, None) != shapes.fill(
                        text, variables):
                    raise refusal
        if auth.signed is not None:
            fault = auth.signed(self, call, query, members)
            if fault:
                raise Refusal("unauthorised", fault, fault=True)

    def do_login(self, call):
        """`basic`, and credentials in the body, which is matched with {ENV} filled in."""
        self.tokens.append(f"token-{self.number()}")
        user = call.options.get("basic")
        if user is not None:
            pair = ":".join(shapes.fill(part, self.credentials) for part in user)
            given = "Basic " + base64.b64encode(pair.encode()).decode()
            if call.headers.get("authorization") != given:
                raise Refusal("unauthorised", "wrong credentials", fault=True)
        for name, value in call.found.items():
            if name.isupper() and self.credentials.get(name) != value:
                raise Refusal("unauthorised", "wrong credentials", fault=True)
        extra = {name: shapes.fill(text, {"token": self.tokens[-1]})
                 for name, text in call.options.get("headers_out", {}).items()}
        return {"token": self.tokens[-1], "reply_headers": extra}

    def do_logout(self, call):
        self.tokens.clear()
        return {}

    # ---- variables -------------------------------------------------------------------------------

    def resolve(self, call, found):
        """Zone, owner, value and TTL of what was matched."""
        call.zone = self.resolve_zone(call, found)
        call.owner = self.resolve_owner(call.zone, found)
        if call.owner is not None and call.zone is None and not call.options.get("any_owner"):
            call.zone = self.holder(call.owner)
        call.value = self.resolve_value(found)
        call.ttl = self.resolve_ttl(found)

    def resolve_zone(self, call, found):
        wanted = self.wanted_zones(found)
        if not wanted or call.route.operation == "list_zones":
            return None
        for zone in self.zones:
            if all(str(self.zone_variables(zone).get(name)) == str(value)
                   for name, value in wanted.items()):
                return zone
        raise Refusal("absent", "no such zone")

    def wanted_zones(self, found):
        names = {"zone", "zone.", "zone_id", *(self.zones[0].more if self.zones else ())}
        return {name: value for name, value in found.items() if name in names}

    def zone_variables(self, zone):
        return {"zone": zone.name, "zone.": zone.name + ".", "zone_id": zone.id,
                "serial": zone.serial, **zone.more}

    def resolve_owner(self, zone, found):
        if "fqdn" in found or "fqdn." in found:
            owner = found.get("fqdn", found.get("fqdn."))
            if "fqdn." in found:
                if not found["fqdn."].endswith("."):
                    raise Mismatch(f"name: expected a final dot, got {owner!r}")
                owner = found["fqdn."][:-1]
            elif owner.endswith("."):
                raise Mismatch(f"name: expected no final dot, got {owner!r}")
            if zone is not None and owner != zone.name and not owner.endswith("." + zone.name):
                raise Mismatch(f"name: {owner!r} is not in {zone.name}")
            return owner
        if "name" not in found and "name@" not in found:
            return None
        given = found.get("name", found.get("name@"))
        apex = ("@",) if "name@" in found else (self.vendor.apex,) if isinstance(
            self.vendor.apex, str) else self.vendor.apex
        if given in apex:
            return zone.name if zone else None
        if given == "" or given == "@" or given.startswith(".") or given.endswith("."):
            raise Mismatch(f"name: {given!r} is not relative to the zone")
        if zone is not None and ("." + given).endswith("." + zone.name):
            raise Mismatch(f"name: {given!r} repeats the zone")
        return f"{given}.{zone.name}" if zone else given

    def resolve_value(self, found):
        if "qvalue" in found:
            return unquote(found["qvalue"])
        if "anyvalue" in found:
            text = found["anyvalue"]
            return unquote(text) if text.startswith('"') else text
        return found.get("value")

    def resolve_ttl(self, found):
        if "ttl" not in found:
            return None
        ttl = int(found["ttl"]) if str(found["ttl"]).isdigit() else -1
        least, most = self.vendor.ttl
        if not least <= ttl <= most or self.vendor.ttls and ttl not in self.vendor.ttls:
            raise Mismatch(f"TTL: {ttl} is not allowed")
        return ttl

    def record_variables(self, record):
        zone = record.zone.name
        relative = "" if record.owner == zone else record.owner[:-len(zone) - 1]
        apex = self.vendor.apex if isinstance(self.vendor.apex, str) else self.vendor.apex[0]
        data = quote(record.value) if record.type == "TXT" else record.value
        more = self.vendor.record_more(record) if self.vendor.record_more else {}
        return {**self.zone_variables(record.zone), **more, "id": record.id, "type": record.type,
                "ltype": record.type.lower(), "fqdn": record.owner, "fqdn.": record.owner + ".",
                "name": relative or apex, "name@": relative or "@", "value": record.value,
                "qvalue": data, "anyvalue": record.value, "ttl": record.ttl, "note": record.note}

    # ---- operations ------------------------------------------------------------------------------

    def do_constant(self, call):
        return {}

    def do_get_zone(self, call):
        if call.zone is None:
            raise Refusal("absent", "no such zone")
        return self.zone_variables(call.zone)

    def do_list_zones(self, call):
        wanted = self.wanted_zones(call.found)
        zones = self.zones
        if call.owner is not None:
            held = self.holder(call.owner)
            zones = [held] if held else []
        for name, value in wanted.items():
            zones = [zone for zone in zones
                     if str(self.zone_variables(zone).get(name)) == str(value)]
        if "part" in call.found:
            zones = [zone for zone in zones if call.found["part"] in zone.name]
        if not zones and call.options.get("absent"):
            raise Refusal("absent", "no such zone")
        return self.page(call, "zones", [self.zone_variables(zone) for zone in zones])

    def page(self, call, name, items):
        """One page of a list, and the variables that tell of the others."""
        paging = call.route.paging
        if paging is None:
            return {name: items, "total": len(items), "count": len(items)}
        size = int(call.found.get("size") or paging.usual)
        if not 1 <= size <= paging.largest:
            raise Refusal("invalid", f"pages hold {paging.largest} at most", fault=True)
        if paging.told and call.owner is None and not self.wanted_zones(call.found):
            size = min(size, SMALL_PAGE)
        elif paging.told and call.owner is None and name == "records":
            size = min(size, SMALL_PAGE)
        given = call.found.get("page")
        if paging.kind == "offset":
            start = int(given or 0)
        elif paging.kind == "cursor":
            start = int(base64.b64decode(given or "MA==").decode())
        else:
            start = (int(given or paging.first) - paging.first) * size
        if paging.told and start and start >= len(items):
            raise Refusal("absent", "there is no such page", fault=True)
        end = start + size
        left = end < len(items)
        number = start // size + paging.first
        following = {"page": number + 1, "link": number + 1, "offset": end,
                     "cursor": base64.b64encode(str(end).encode()).decode()}[paging.kind]
        link = self.next_link(call, paging, following) if left else None
        found = {name: items[start:end], "total": len(items), "count": len(items[start:end]),
                 "size": size, "page": number, "pages": max(1, -(-len(items) // size)),
                 "next": following if left else None, "cursor": following if left else "",
                 "link": link, "more": left, "offset": start}
        if paging.kind == "link" and call.options.get("link_header") and link:
            found["reply_headers"] = {"link": f'<{link}>; rel="next"'}
        return found

    def next_link(self, call, paging, following):
        parts = urllib.parse.urlsplit(call.url)
        query = [(name, value) for name, value in urllib.parse.parse_qsl(parts.query, True)
                 if name != paging.param]
        query.append((paging.param, str(following)))
        return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))

    def do_list_records(self, call):
        """Of the zone, or of all; with the filters that were given."""
        kind = call.found.get("type", call.options.get("kind"))
        records = self.at(call.zone, call.owner, kind.upper() if kind else None, call.value)
        if call.zone is None and call.owner is not None and not call.options.get("any_owner"):
            raise Refusal("absent", "no such zone")
        if not records and call.options.get("absent"):
            raise Refusal("absent", "no such record")
        return self.page(call, "records", [self.record_variables(one) for one in records])

    def record(self, call):
        records = [one for one in self.at(call.zone) if str(one.id) == str(call.found["id"])]
        if not records:
            raise Refusal("absent", "no such record")
        return records[0]

    def do_get_record(self, call):
        return self.record_variables(self.record(call))

    def wanted_zone(self, call):
        if call.zone is None:
            raise Refusal("absent", "no such zone")
        return call.zone

    def put(self, call, owner, value, ttl):
        """One more TXT record, as the vendor takes identical ones."""
        same = self.at(call.zone, owner, "TXT", value)
        if same and self.vendor.duplicates == "refuse":
            raise Refusal("duplicate", "an identical record already exists")
        if same and self.vendor.duplicates == "same":
            return same[0]
        others = self.at(call.zone, owner, "TXT")
        if self.vendor.one_ttl and ttl is not None and others and others[0].ttl != ttl:
            raise Refusal("invalid", "the RRset has another TTL", fault=True)
        if self.vendor.slot and len(others) >= self.vendor.slot:
            raise Refusal("invalid", "there is no room for one more value")
        return self.add(call.zone, owner, "TXT", value, ttl if ttl is not None else 3600)

    def do_create(self, call):
        self.wanted_zone(call)
        if call.owner is None or call.value is None:
            raise Refusal("invalid", "name and value are needed", fault=True)
        record = self.put(call, call.owner, call.value, call.ttl)
        return {**self.record_variables(record), **self.job(call)}

    def job(self, call):
        if not call.options.get("job"):
            return {}
        name = self.number() + 500
        self.jobs[str(name)] = self.vendor.polls + 1
        return {"job": name}

    def do_poll(self, call):
        job = str(call.found["job"])
        if job not in self.jobs:
            raise Refusal("absent", "no such job")
        self.jobs[job] = max(0, self.jobs[job] - 1)
        done, waits, fails = call.options.get("words", ("success", "running", "error"))
        return {"state": waits if self.jobs[job] else fails if self.jobs_fail else done}

    def do_delete(self, call):
        record = self.record(call)
        for given, actual in ((call.owner, record.owner), (call.value, record.value)):
            if given is not None and given != actual:
                raise Refusal("invalid", "that record is another", fault=True)
        if record.type != "TXT":
            raise Refusal("invalid", "that record is not a TXT", fault=True)
        variables = self.record_variables(record)
        self.drop(record)
        return {**variables, **self.job(call)}

    def listed(self, call):
        """(owner, value, ttl) of the values in a body, or the one of the call."""
        if "records" not in call.found:
            return [(call.owner, call.value, call.ttl)]
        result = []
        for item in call.found["records"]:
            try:
                owner = self.resolve_owner(call.zone, item) or call.owner
                ttl = self.resolve_ttl(item)
                result.append((owner, self.resolve_value(item), call.ttl if ttl is None else ttl))
            except Mismatch as fault:
                raise Refusal("invalid", str(fault), fault=True) from None
        return result

    def do_add_value(self, call):
        self.wanted_zone(call)
        for owner, value, ttl in self.listed(call):
            if owner is None or value is None:
                raise Refusal("invalid", "name and value are needed", fault=True)
            record = self.put(call, owner, value, ttl)
        return {**self.record_variables(record), **self.job(call)}

    def do_remove_value(self, call):
        self.wanted_zone(call)
        for owner, value, _ in self.listed(call):
            if owner is None or value is None:
                raise Refusal("invalid", "name and value are needed", fault=True)
            records = self.at(call.zone, owner, "TXT", value)
            if not records and call.options.get("missing") != "ok":
                raise Refusal("absent", "no such record")
            for record in records:
                self.drop(record)
        return self.job(call)

    # ---- RRsets ----------------------------------------------------------------------------------

    def rrset_variables(self, zone, owner, kind):
        records = self.at(zone, owner, kind)
        first = self.record_variables(records[0])
        return {**first, "rrset_id": facts.uuid(f"{zone.name} {owner} {kind}"),
                "records": [self.record_variables(one) for one in records]}

    def do_get_rrset(self, call):
        self.wanted_zone(call)
        kind = call.found.get("type", "TXT").upper()
        records = self.at(call.zone, call.owner, kind)
        if not records and not call.options.get("empty"):
            raise Refusal("absent", "no such RRset")
        if not records:
            return {"records": [], "ttl": 3600}
        return self.rrset_variables(call.zone, call.owner, kind)

    def do_list_rrsets(self, call):
        self.wanted_zone(call)
        kind = call.found.get("type")
        pairs = dict.fromkeys((one.owner, one.type)
                              for one in self.at(call.zone, call.owner, kind))
        return self.page(call, "rrsets", [self.rrset_variables(call.zone, *pair)
                                          for pair in pairs])

    def rrset_of(self, call):
        """(owner, type) of an RRset that is named by {rrset_id}, or by the call."""
        if "rrset_id" not in call.found:
            return call.owner, "TXT"
        for one in self.at(call.zone):
            if facts.uuid(f"{one.zone.name} {one.owner} {one.type}") == call.found["rrset_id"]:
                return one.owner, one.type
        raise Refusal("absent", "no such RRset")

    def do_put_rrset(self, call):
        """Replaces all TXT values of a name. `only`: where there is none (absent), or one."""
        self.wanted_zone(call)
        owner, kind = self.rrset_of(call)
        before = self.at(call.zone, owner, kind)
        only = call.options.get("only")
        if kind != "TXT" or owner is None:
            raise Refusal("invalid", "that is not the TXT RRset", fault=True)
        if only == "absent" and before:
            raise Refusal("duplicate", "the RRset already exists")
        if only == "present" and not before:
            raise Refusal("absent", "no such RRset")
        wanted = self.listed(call)
        if not wanted and not call.options.get("empty"):
            raise Refusal("invalid", "an RRset needs a value", fault=True)
        values = [value for _, value, _ in wanted]
        if len(set(values)) != len(values) or any(one not in (None, owner) for one, _, _ in wanted):
            raise Refusal("invalid", "a value stands there twice, or another name", fault=True)
        kept = {one.value: one for one in before}
        for record in before:
            self.drop(record)
        for _, value, ttl in wanted:
            if value in kept:
                self.records.append(kept[value])
                kept[value].ttl = kept[value].ttl if ttl is None else ttl
            else:
                self.add(call.zone, owner, "TXT", value, 3600 if ttl is None else ttl)
        if not wanted:
            return self.job(call)
        return {**self.rrset_variables(call.zone, owner, "TXT"), **self.job(call)}

    def do_delete_rrset(self, call):
        self.wanted_zone(call)
        owner, kind = self.rrset_of(call)
        records = self.at(call.zone, owner, kind)
        if not records and call.options.get("missing") != "ok":
            raise Refusal("absent", "no such RRset")
        if kind != "TXT" or owner is None:
            raise Refusal("invalid", "that is not the TXT RRset", fault=True)
        for record in records:
            self.drop(record)
        return self.job(call)

    # ---- documents, slots, publishing ------------------------------------------------------------

    def do_get_document(self, call):
        zone = self.wanted_zone(call)
        return {**self.zone_variables(zone),
                "records": [self.record_variables(one) for one in self.at(zone)]}

    def do_put_document(self, call):
        """The zone as it stands now; what is missing is gone."""
        zone = self.wanted_zone(call)
        if "serial" in call.found and str(call.found["serial"]) != str(zone.serial):
            raise Refusal("conflict", "the zone was changed in the meantime")
        before = self.at(zone)
        self.records = [one for one in self.records if one.zone is not zone]
        for item in call.found["records"]:
            try:
                owner = self.resolve_owner(zone, item)
                kind = item.get("type", item.get("ltype", "TXT")).upper()
                value = (self.resolve_value(item) if kind == "TXT"
                         else item.get("qvalue", item.get("value")))
            except Mismatch as fault:
                raise Refusal("invalid", str(fault), fault=True) from None
            same = [one for one in before if one.key() == (zone.name, owner, kind, value)]
            if same:
                self.check_kept(same[0], item)
                self.records.append(same[0])
                before.remove(same[0])
            else:
                self.add(zone, owner, kind, value, int(item.get("ttl", 3600)))
        self.changed(zone)
        return {**self.do_get_document(call), **self.job(call)}

    def check_kept(self, record, item):
        for name in ("note", "id", "ttl"):
            if name in item and str(item[name]) != str(getattr(record, name)):
                raise Refusal("invalid", f"{name} of a record of others was changed", fault=True)

    def do_publish(self, call):
        for zone in [call.zone] if call.zone else self.zones:
            zone.dirty = False
        return {**(self.zone_variables(call.zone) if call.zone else {}), **self.job(call)}

    def do_set_slot(self, call):
        self.wanted_zone(call)
        for record in self.at(call.zone, call.owner, "TXT"):
            self.drop(record)
        return self.record_variables(self.add(call.zone, call.owner, "TXT", call.value,
                                              3600 if call.ttl is None else call.ttl))

    def do_clear_slot(self, call):
        self.wanted_zone(call)
        for record in self.at(call.zone, call.owner, "TXT"):
            self.drop(record)
        return {}


def load(name):
    """The facts of a type of provider, or None."""
    module = name.replace("-", "_")
    if not pathlib.Path(__file__).with_name("facts").joinpath(module + ".py").is_file():
        return None
    return importlib.import_module("facts." + module).FACTS.complete(name)


def known():
    """All types that have facts."""
    folder = pathlib.Path(__file__).with_name("facts")
    return sorted(path.stem.replace("_", "-") for path in folder.glob("[a-z]*.py"))
