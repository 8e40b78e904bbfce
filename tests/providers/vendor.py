"""What vendors' facts are made of. facts/NAME.py says `FACTS = Vendor(...)`; README.md tells how.

Names of credentials are lego's environment names: that is how a test finds a descriptor's settings
without asking it what it calls them.
"""

import dataclasses
import hashlib
import json
import pathlib
import re
import urllib.parse
import uuid as uuids

from shape import ANY, Each, Either, as_json, each, either, keyed  # noqa: F401  facts take them from here

SURVEY = pathlib.Path(__file__).with_name("survey.json")
ZONES = ("example.org", "dev.example.org", "apex.example.net")
ABSENT = 404


@dataclasses.dataclass
class Error:
    """A refusal: its status and shape ({text}, {status#int}, {code})."""

    status: int
    shape: object = None
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Paging:
    """How a list is cut. `size`: the parameter that asks for a page's size, or None."""

    kind: str  # page, offset, cursor, link
    param: str
    size: str = None
    usual: int = 20
    largest: int = 100
    first: int = 1
    told: bool = True  # Whether a reply says that there is more.
    where: str = "query"

    def params(self):
        return [name for name in (self.param, self.size) if name]


@dataclasses.dataclass
class Auth:
    """What each request must hold; {ENV} is a credential, {token} what a login gave."""

    headers: dict = dataclasses.field(default_factory=dict)
    query: dict = dataclasses.field(default_factory=dict)
    body: dict = dataclasses.field(default_factory=dict)
    basic: tuple = None
    signed: object = None  # (server, call) -> None, or what is wrong.
    also: tuple = ()  # Credentials that only `signed` or a login uses.

    def credentials(self):
        texts = [*self.headers.values(), *self.query.values(), *self.body.values(),
                 *(self.basic or ())]
        names = [name for text in texts for name in re.findall(r"\{([A-Z][A-Z0-9_]*)\}", text)]
        return list(dict.fromkeys([*names, *self.also]))


@dataclasses.dataclass
class Route:
    """One request that the vendor knows."""

    operation: object  # The name of a method of server.Server, or (server, call) -> Reply.
    method: str = None
    path: str = None
    query: dict = None
    json: object = None
    form: object = None
    text: str = None
    headers: dict = None
    reply: object = None  # A shape; None: no body.
    status: int = 200
    paging: Paging = None
    auth: bool = True
    options: dict = dataclasses.field(default_factory=dict)


def bearer(name, word="Bearer"):
    return Auth(headers={"Authorization": f"{word} {{{name}}}"}, also=())


def headers(**given):
    """headers(X_Api_Key="{NAME}"): _ is -."""
    return Auth(headers={name.replace("_", "-"): value for name, value in given.items()})


def basic(user, password):
    return Auth(basic=(user, password))


def in_query(**given):
    return Auth(query={name.replace("__", "-"): value for name, value in given.items()})


def in_body(**given):
    return Auth(body=given)


def token(*also, header="Authorization", text="Bearer {token}"):
    """What a login gave; `also`: the credentials of the login."""
    return Auth(headers={header: text}, also=also)


def route(operation, method, path, reply=None, status=None, **rest):
    given = {name: rest.pop(name) for name in ("query", "json", "form", "text", "headers", "paging",
                                               "auth") if name in rest}
    status = status or (200 if reply is not None else 204)
    return Route(operation, method, path, reply=reply, status=status, options=rest, **given)


def maker(operation, usual):
    def make(path, reply=None, method=usual, **rest):
        return route(operation, method, path, reply, **rest)
    return make


get_zone = maker("get_zone", "GET")  # One zone of the path or query; absent: an error.
list_zones = maker("list_zones", "GET")
list_records = maker("list_records", "GET")
get_record = maker("get_record", "GET")
create = maker("create", "POST")
delete = maker("delete", "DELETE")  # By {id}.
add_value = maker("add_value", "POST")
remove_value = maker("remove_value", "DELETE")
get_rrset = maker("get_rrset", "GET")
put_rrset = maker("put_rrset", "PUT")
delete_rrset = maker("delete_rrset", "DELETE")
get_document = maker("get_document", "GET")
put_document = maker("put_document", "PUT")
publish = maker("publish", "POST")
login = maker("login", "POST")
logout = maker("logout", "POST")
constant = maker("constant", "GET")  # The reply is always the same.
poll = maker("poll", "GET")  # {job}: not ready the first time.
set_slot = maker("set_slot", "GET")
clear_slot = maker("clear_slot", "GET")


def crud(path, record, listed=None, made=None, deleted=None, **rest):
    """Routes of records with ids: list, create (as the survey says), get, delete.

    `listed`, `made`, `deleted`: the replies; `query`, `paging` of the list; `made_status`,
    `deleted_status`; `json` or `form` of create, where the survey is for people.
    """
    body = {name: rest[name] for name in ("json", "form") if name in rest}
    return [
        list_records(path, listed or each("records", record), query=rest.get("query"),
                     paging=rest.get("paging")),
        create(path if body else None, made or record, status=rest.get("made_status", 200), **body),
        delete(path.rstrip("/") + "/{id}" + ("/" if path.endswith("/") else ""), deleted,
               status=rest.get("deleted_status", 200 if deleted is not None else 204)),
    ]


def pages(param="page", size=None, **rest):
    return Paging("page", param, size, **rest)


def offsets(param="offset", size="limit", **rest):
    return Paging("offset", param, size, first=0, **rest)


def cursors(param="cursor", size=None, **rest):
    return Paging("cursor", param, size, **rest)


def links(param="page", size=None, **rest):
    return Paging("link", param, size, **rest)


def integers(number):
    return 1000 + number


def texts(number):
    return str(1000 + number)


def hexes(number):
    return hashlib.md5(str(number).encode()).hexdigest()


def uuid(number):
    return str(uuids.uuid5(uuids.NAMESPACE_OID, str(number)))


class Vendor:
    """The facts of one provider."""

    def __init__(self, base, routes, *, auth, code=None, **rest):
        self.base = base.rstrip("/")
        self.routes = routes
        self.auth = list(auth) if isinstance(auth, (list, tuple)) else [auth]
        self.code = code  # In the survey; None: the descriptor's type.
        self.settings = {}  # Settings that are not credentials.
        self.values = {}  # Credentials that must look special.
        self.error = Error(400, {"error": "{text}"})
        self.errors = {}  # What: Error, or a status: unauthorised, absent, invalid, duplicate.
        self.ids = integers
        self.zone_ids = hexes
        self.zones = ZONES
        self.zone_more = None  # (server, zone) -> further variables of a zone
        self.record_more = None  # (record) -> further variables of a record
        self.apex = ""  # What {name} is at the apex.
        self.duplicates = "add"  # add, refuse, same: an identical record once more.
        self.ttl = (1, 2147483647)
        self.ttls = None  # Those that are allowed.
        self.one_ttl = False  # Whether a value must come with the TTL of its RRset.
        self.publishes = False  # Changes count after a publish only.
        self.polls = 1  # How often a job is not ready yet.
        self.retry_header = "retry-after"  # Where 429 says when to ask again.
        self.limit = None  # (requests, seconds), where the vendor says it.
        self.slot = 0  # How many values a name holds at most; 0: any number.
        self.foreign = True  # Whether others may have a TXT at the name.
        self.skip = {}  # Scenario: why it has no meaning here.
        self.harmless = ()  # Steps whose refusal does not matter.
        self.source = "survey.json"
        for name, value in rest.items():
            if not hasattr(self, name):
                raise TypeError(f"unknown fact {name}")
            setattr(self, name, value)

    def credentials(self, which=0):
        return {name: self.values.get(name, secret(name))
                for name in self.auth[which].credentials()}

    def environment(self):
        """All environment names that lego takes for this provider."""
        entry = survey().get(self.code, {})
        names = [*entry.get("env_credentials", ()), *entry.get("env_additional", ())]
        return [*names, *(name for one in self.auth for name in one.credentials())]

    def secrets(self):
        """Those whose names say that they are secret."""
        return [name for name in self.environment()
                if re.search(r"(TOKEN|SECRET|PASSWORD|PASS|KEY|PWD|PAT)$", name)]

    def complete(self, code):
        """Fill in what the survey tells machines: requests without a path."""
        self.code = self.code or code
        entry = survey().get(self.code, {})
        for one in self.routes:
            if one.path is None and one.operation in ("create", "add_value", "put_rrset"):
                take_request(self, one, entry["create_request"], entry["create_body"])
            elif one.path is None:
                take_request(self, one, entry["delete_request"], None)
        return self


def secret(name):
    return "sesame-" + name.lower().replace("_", "-")


def survey(cache={}):  # noqa: B006  read once
    if not cache:
        cache.update((entry["code"], entry) for entry in json.loads(SURVEY.read_text()))
    return cache


def take_request(vendor, one, request, body):
    """Read "POST /v2/domains/{zone}/records?type=TXT" and '{"ttl":{ttl}}' of the survey."""
    method, target = request.split(" ", 1)
    path, _, query = target.replace("{record_id}", "{id}").partition("?")
    if not re.fullmatch(r"GET|POST|PUT|PATCH|DELETE", method) or " " in path:
        raise ValueError(f"the survey's {request!r} is for people: write the request into the facts")
    one.method = method
    one.path = below(vendor.base, path)
    if query and one.query is None:
        one.query = dict(part.partition("=")[::2] for part in query.split("&"))
    if body and one.json is None and one.form is None:
        if body.startswith(("{", "[")):
            one.json = json.loads(re.sub(r'(?<!")\{([a-z_]+)\}(?!")', r'"{\1#int}"',
                                         body.replace("{name|@}", "{name@}")))
        else:
            one.form = dict(part.partition("=")[::2] for part in body.split("&"))


def below(base, path):
    """The survey repeats the end of a base in its paths, or not."""
    ends = [part for part in urllib.parse.urlsplit(base).path.split("/") if part]
    begins = [part for part in path.split("/") if part]
    for count in range(len(ends), 0, -1):
        if ends[-count:] == begins[:count]:
            return "/" + "/".join(begins[count:]) + ("/" if path.endswith("/") else "")
    return path
