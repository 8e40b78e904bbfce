/* A zone, a question, and the whole answer as text: see reply_text.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dnsd/statics.h"
#include "tests/unit/dnsd/reply_text.h"

static const char *const first_lines[] = {
    "ns1 A 192.0.2.1",
    "ns1 AAAA 2001:db8::1",
    "www A 192.0.2.10",
    "deep.er.name TXT v",
    /* Wildcards. */
    "*.w A 192.0.2.20",
    "*.w TXT wild",
    "host.w A 192.0.2.21",
    "a.ent.w A 192.0.2.22",
    "*.c CNAME www",
    "*.loop CNAME x.loop",
    "*.nowhere CNAME no.such",
    "sub.*.half A 192.0.2.23",
    /* CNAMEs. */
    "alias CNAME www",
    "alias2 CNAME alias",
    "dangling CNAME no.such",
    "nodata CNAME er.name",
    "outside CNAME www.example.net.",
    "to-wild CNAME q.w",
    "to-cut CNAME host.cut",
    "to-other CNAME www.b.test.",
    "to-child CNAME www.child",
    "to-child-back CNAME back.child",
    "to-child-nothing CNAME no.such.child",
    "to-child-cut CNAME x.cut.child",
    "to-delegated CNAME _acme-challenge.live.d.test.",
    "to-delegated2 CNAME x._acme-challenge.live.d.test.",
    "to-refused CNAME live.d.test.",
    "self CNAME self",
    "ping CNAME pong",
    "pong CNAME ping",
    "many CNAME l1",
    "l1 CNAME l2",
    "l2 CNAME l3",
    "l3 CNAME l4",
    "l4 CNAME l5",
    "l5 CNAME l6",
    "l6 CNAME l7",
    "l7 CNAME l8",
    "l8 CNAME l9",
    "l9 CNAME l10",
    "l10 CNAME l11",
    "l11 CNAME l12",
    "l12 CNAME l13",
    "l13 CNAME l14",
    "l14 CNAME l15",
    "l15 CNAME l16",
    "l16 CNAME l17",
    "l17 A 192.0.2.99",
    /* Cuts. */
    "cut NS ns.cut",
    "cut NS ns1",
    "cut NS ns.example.net.",
    "ns.cut A 192.0.2.30",
    "ns.cut AAAA 2001:db8::30",
    "host.cut A 192.0.2.31",
    "lost.deeper.cut TXT unseen",
    "cut TXT unseen",
    "inner.cut NS ns.inner.cut",
    "ns.inner.cut A 192.0.2.32",
    "signed NS ns.example.net.",
    "signed DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000001",
    "self-served NS self-served",
    "self-served A 192.0.2.33",
    /* Another zone of ours below. */
    "child NS ns1",
    "ns-there NS ns.child",
    "child DS 2 8 2 0000000000000000000000000000000000000000000000000000000000000002",
    "ns.child A 192.0.2.40",
};

static const char *const child_lines[] = {
    "www A 192.0.2.50",
    "@ DS 3 8 2 0000000000000000000000000000000000000000000000000000000000000003",
    "back CNAME alias2.a.test.",
    "inside CNAME www",
    "cut NS ns.cut",
    "ns.cut A 192.0.2.51",
};
static const char *const other_lines[] = {"www A 192.0.2.60", "www TXT other"};

struct expected {
    const char *why;
    struct d1_ask ask;
    const char *answer;
};

#define SOA_A    " | a.test SOA 60"
#define NO_DATA  "NOERROR aa |" SOA_A " |"
#define NO_NAME  "NXDOMAIN aa |" SOA_A " |"
#define NS_CUT   "cut.a.test NS ns.cut.a.test; cut.a.test NS ns1.a.test; cut.a.test NS ns.example.net"
#define GLUE_CUT "ns.cut.a.test A 192.0.2.30; ns.cut.a.test AAAA 2001:db8::30"
#define GLUE_NS1 "ns1.a.test A 192.0.2.1; ns1.a.test AAAA 2001:db8::1"
#define REFERRAL "NOERROR | | " NS_CUT " | " GLUE_CUT "; " GLUE_NS1

#define A_(n) \
    { .name = n, .type = D1_TYPE_A, .edns = true, .udp_size = 1232 }
#define ASK(n, t) \
    { .name = n, .type = t, .edns = true, .udp_size = 1232 }

static const struct expected table[] = {
    /* RFC 4592. */
    {"wildcard", A_("x.w.a.test"), "NOERROR aa | x.w.a.test A 192.0.2.20 | |"},
    {"wildcard, several labels", A_("z.y.x.w.a.test"),
     "NOERROR aa | z.y.x.w.a.test A 192.0.2.20 | |"},
    {"wildcard in any case",
     {.name = "x.w.a.test", .type = D1_TYPE_A, .mixed_case = true},
     "NOERROR aa | x.w.a.test A 192.0.2.20 | |"},
    {"wildcard, another type", ASK("x.w.a.test", D1_TYPE_TXT),
     "NOERROR aa | x.w.a.test TXT wild | |"},
    {"wildcard without the type", ASK("x.w.a.test", D1_TYPE_AAAA), NO_DATA},
    {"wildcard ANY", ASK("x.w.a.test", D1_TYPE_ANY), "NOERROR aa | x.w.a.test A 192.0.2.20 | |"},
    {"the asterisk itself", A_("*.w.a.test"), "NOERROR aa | *.w.a.test A 192.0.2.20 | |"},
    {"below the asterisk", A_("x.*.w.a.test"), NO_NAME},
    {"an asterisk within another wildcard", A_("*.x.w.a.test"),
     "NOERROR aa | *.x.w.a.test A 192.0.2.20 | |"},
    {"the wildcard's encloser", A_("w.a.test"), NO_DATA},
    {"a name beside the wildcard", ASK("host.w.a.test", D1_TYPE_TXT), NO_DATA},
    {"below a name beside the wildcard", A_("x.host.w.a.test"), NO_NAME},
    {"an empty non-terminal beside the wildcard", A_("ent.w.a.test"), NO_DATA},
    {"below an empty non-terminal", A_("b.ent.w.a.test"), NO_NAME},
    {"the asterisk is an empty non-terminal", A_("x.half.a.test"), NO_DATA},
    {"below an asterisk that is an empty non-terminal", A_("sub.x.half.a.test"), NO_DATA},
    {"wildcard DS", ASK("x.w.a.test", D1_TYPE_DS), NO_DATA},
    {"a challenge hides the wildcard", ASK("live.w.a.test", D1_TYPE_TXT),
     "NOERROR aa | live.w.a.test 0 TXT AAA | |"},
    {"a challenge without the type", A_("live.w.a.test"), NO_DATA},
    {"below a challenge no wildcard", A_("x.live.w.a.test"), NO_NAME},
    {"wildcard CNAME", A_("x.c.a.test"),
     "NOERROR aa | x.c.a.test CNAME www.a.test; www.a.test A 192.0.2.10 | |"},
    {"wildcard CNAME itself", ASK("x.c.a.test", D1_TYPE_CNAME),
     "NOERROR aa | x.c.a.test CNAME www.a.test | |"},
    {"wildcard CNAME to itself", A_("y.loop.a.test"),
     "NOERROR aa | y.loop.a.test CNAME x.loop.a.test; x.loop.a.test CNAME x.loop.a.test | |"},
    {"wildcard CNAME to nothing", A_("y.nowhere.a.test"),
     "NXDOMAIN aa | y.nowhere.a.test CNAME no.such.a.test" SOA_A " |"},
    /* CNAMEs. */
    {"CNAME", A_("alias.a.test"),
     "NOERROR aa | alias.a.test CNAME www.a.test; www.a.test A 192.0.2.10 | |"},
    {"CNAME in any case",
     {.name = "alias.a.test", .type = D1_TYPE_A, .mixed_case = true},
     "NOERROR aa | alias.a.test CNAME www.a.test; www.a.test A 192.0.2.10 | |"},
    {"two CNAMEs", A_("alias2.a.test"),
     "NOERROR aa | alias2.a.test CNAME alias.a.test; alias.a.test CNAME www.a.test; "
     "www.a.test A 192.0.2.10 | |"},
    {"CNAME asked for", ASK("alias2.a.test", D1_TYPE_CNAME),
     "NOERROR aa | alias2.a.test CNAME alias.a.test | |"},
    {"ANY of a CNAME", ASK("alias2.a.test", D1_TYPE_ANY),
     "NOERROR aa | alias2.a.test CNAME alias.a.test | |"},
    {"CNAME to nothing", A_("dangling.a.test"),
     "NXDOMAIN aa | dangling.a.test CNAME no.such.a.test" SOA_A " |"},
    {"CNAME to an empty non-terminal", A_("nodata.a.test"),
     "NOERROR aa | nodata.a.test CNAME er.name.a.test" SOA_A " |"},
    {"CNAME to another type", ASK("alias.a.test", D1_TYPE_TXT),
     "NOERROR aa | alias.a.test CNAME www.a.test" SOA_A " |"},
    {"CNAME for DS", ASK("alias.a.test", D1_TYPE_DS),
     "NOERROR aa | alias.a.test CNAME www.a.test" SOA_A " |"},
    {"CNAME outside", A_("outside.a.test"),
     "NOERROR aa | outside.a.test CNAME www.example.net | |"},
    {"CNAME to a wildcard", A_("to-wild.a.test"),
     "NOERROR aa | to-wild.a.test CNAME q.w.a.test; q.w.a.test A 192.0.2.20 | |"},
    {"CNAME to a referral", A_("to-cut.a.test"),
     "NOERROR aa | to-cut.a.test CNAME host.cut.a.test | " NS_CUT " | " GLUE_CUT "; " GLUE_NS1},
    {"CNAME to another zone", A_("to-other.a.test"),
     "NOERROR aa | to-other.a.test CNAME www.b.test; www.b.test A 192.0.2.60 | |"},
    {"CNAME to another zone, NODATA", ASK("to-other.a.test", D1_TYPE_AAAA),
     "NOERROR aa | to-other.a.test CNAME www.b.test | b.test SOA 0 |"},
    {"CNAME to a child", A_("to-child.a.test"),
     "NOERROR aa | to-child.a.test CNAME www.child.a.test; www.child.a.test A 192.0.2.50 | |"},
    {"CNAME from a child upward", A_("back.child.a.test"),
     "NOERROR aa | back.child.a.test CNAME alias2.a.test; alias2.a.test CNAME alias.a.test; "
     "alias.a.test CNAME www.a.test; www.a.test A 192.0.2.10 | |"},
    {"CNAME to a child and back", A_("to-child-back.a.test"),
     "NOERROR aa | to-child-back.a.test CNAME back.child.a.test; back.child.a.test CNAME "
     "alias2.a.test; alias2.a.test CNAME alias.a.test; alias.a.test CNAME www.a.test; "
     "www.a.test A 192.0.2.10 | |"},
    {"CNAME to nothing in a child", A_("to-child-nothing.a.test"),
     "NXDOMAIN aa | to-child-nothing.a.test CNAME no.such.child.a.test | child.a.test SOA 0 |"},
    {"CNAME to a cut in a child", A_("to-child-cut.a.test"),
     "NOERROR aa | to-child-cut.a.test CNAME x.cut.child.a.test | cut.child.a.test NS "
     "ns.cut.child.a.test | ns.cut.child.a.test A 192.0.2.51"},
    {"CNAME to itself", A_("self.a.test"), "NOERROR aa | self.a.test CNAME self.a.test | |"},
    {"CNAMEs in a loop", A_("ping.a.test"),
     "NOERROR aa | ping.a.test CNAME pong.a.test; pong.a.test CNAME ping.a.test | |"},
    {"below a CNAME", A_("x.alias.a.test"), NO_NAME},
    /* Cuts. */
    {"at a cut", A_("cut.a.test"), REFERRAL},
    {"below a cut", A_("x.y.cut.a.test"), REFERRAL},
    {"NS at a cut", ASK("cut.a.test", D1_TYPE_NS), REFERRAL},
    {"SOA at a cut", ASK("cut.a.test", D1_TYPE_SOA), REFERRAL},
    {"ANY at a cut", ASK("cut.a.test", D1_TYPE_ANY), REFERRAL},
    {"occluded TXT at a cut", ASK("cut.a.test", D1_TYPE_TXT), REFERRAL},
    {"occluded A", A_("host.cut.a.test"), REFERRAL},
    {"glue asked for", A_("ns.cut.a.test"), REFERRAL},
    {"an occluded name", ASK("lost.deeper.cut.a.test", D1_TYPE_TXT), REFERRAL},
    {"an occluded empty non-terminal", A_("deeper.cut.a.test"), REFERRAL},
    {"below an occluded name", A_("x.lost.deeper.cut.a.test"), REFERRAL},
    {"an occluded cut", ASK("inner.cut.a.test", D1_TYPE_NS), REFERRAL},
    {"below an occluded cut", A_("ns.inner.cut.a.test"), REFERRAL},
    {"DS below a cut", ASK("host.cut.a.test", D1_TYPE_DS), REFERRAL},
    {"DS at a cut without", ASK("cut.a.test", D1_TYPE_DS), NO_DATA},
    {"DS at a cut", ASK("signed.a.test", D1_TYPE_DS), "NOERROR aa | signed.a.test DS 0001 | |"},
    {"a referral in any case",
     {.name = "host.cut.a.test", .type = D1_TYPE_A, .mixed_case = true, .tcp = true},
     REFERRAL},
    {"a signed referral", A_("x.signed.a.test"), "NOERROR | | signed.a.test NS ns.example.net |"},
    {"a cut that serves itself", A_("x.self-served.a.test"),
     "NOERROR | | self-served.a.test NS self-served.a.test | self-served.a.test A 192.0.2.33"},
    {"a name server in another zone of ours", A_("ns-there.a.test"),
     "NOERROR | | ns-there.a.test NS ns.child.a.test |"},
    {"RRSIG at a cut", ASK("cut.a.test", D1_TYPE_RRSIG), REFERRAL},
    /* The apex. */
    {"NS at the apex", ASK("a.test", D1_TYPE_NS),
     "NOERROR aa | a.test NS ns1.a.test | | " GLUE_NS1},
    {"DS at the apex", ASK("a.test", D1_TYPE_DS), NO_DATA},
    {"RRSIG", ASK("a.test", D1_TYPE_RRSIG), NO_DATA},
    {"NSEC", ASK("www.a.test", D1_TYPE_NSEC), NO_DATA},
    {"an unknown type", ASK("www.a.test", 65280), NO_DATA},
    {"type 65535", ASK("www.a.test", 0xffff), NO_DATA},
    /* A zone of ours below another. */
    {"DS of our child", ASK("child.a.test", D1_TYPE_DS), "NOERROR aa | child.a.test DS 0002 | |"},
    {"DS of our other child", ASK("bare.a.test", D1_TYPE_DS), NO_DATA},
    {"NS of our child", ASK("child.a.test", D1_TYPE_NS),
     "NOERROR aa | child.a.test NS ns1.a.test | |"},
    {"in our child", A_("www.child.a.test"), "NOERROR aa | www.child.a.test A 192.0.2.50 | |"},
    {"glue of our child", A_("ns.child.a.test"), "NXDOMAIN aa | | child.a.test SOA 0 |"},
    {"NODATA in our child", ASK("child.a.test", D1_TYPE_TXT),
     "NOERROR aa | | child.a.test SOA 0 |"},
    /* Delegations: any _acme-challenge.NAME below d.test. */
    {"delegated SOA", ASK("_acme-challenge.x.d.test", D1_TYPE_SOA),
     "NOERROR aa | _acme-challenge.x.d.test SOA 0 | |"},
    {"delegated SOA of the suffix itself", ASK("_acme-challenge.d.test", D1_TYPE_SOA),
     "NOERROR aa | _acme-challenge.d.test SOA 0 | |"},
    {"delegated SOA in any case",
     {.name = "_acme-challenge.x.d.test", .type = D1_TYPE_SOA, .mixed_case = true},
     "NOERROR aa | _acme-challenge.x.d.test SOA 0 | |"},
    {"delegated NS", ASK("_acme-challenge.y.x.d.test", D1_TYPE_NS),
     "NOERROR aa | _acme-challenge.y.x.d.test NS ns1.a.test; _acme-challenge.y.x.d.test NS "
     "ns.example.net | |"},
    {"delegated TXT without a challenge", ASK("_acme-challenge.x.d.test", D1_TYPE_TXT),
     "NOERROR aa | | _acme-challenge.x.d.test SOA 0 |"},
    {"delegated TXT", ASK("_acme-challenge.live.d.test", D1_TYPE_TXT),
     "NOERROR aa | _acme-challenge.live.d.test 0 TXT AAA | |"},
    {"delegated SOA beside a challenge", ASK("_acme-challenge.live.d.test", D1_TYPE_SOA),
     "NOERROR aa | _acme-challenge.live.d.test SOA 0 | |"},
    {"delegated NS beside a challenge", ASK("_acme-challenge.live.d.test", D1_TYPE_NS),
     "NOERROR aa | _acme-challenge.live.d.test NS ns1.a.test; _acme-challenge.live.d.test NS "
     "ns.example.net | |"},
    {"delegated A beside a challenge", A_("_acme-challenge.live.d.test"),
     "NOERROR aa | | _acme-challenge.live.d.test SOA 0 |"},
    {"delegated DS", ASK("_acme-challenge.x.d.test", D1_TYPE_DS),
     "NOERROR aa | | _acme-challenge.x.d.test SOA 0 |"},
    {"delegated ANY", ASK("_acme-challenge.x.d.test", D1_TYPE_ANY),
     "NOERROR aa | _acme-challenge.x.d.test SOA 0 | |"},
    {"delegated ANY with a challenge", ASK("_acme-challenge.live.d.test", D1_TYPE_ANY),
     "NOERROR aa | _acme-challenge.live.d.test 0 TXT AAA | |"},
    {"below a delegated zone", ASK("y._acme-challenge.x.d.test", D1_TYPE_TXT),
     "NXDOMAIN aa | | _acme-challenge.x.d.test SOA 0 |"},
    {"below a delegated zone with a challenge", ASK("y._acme-challenge.live.d.test", D1_TYPE_SOA),
     "NXDOMAIN aa | | _acme-challenge.live.d.test SOA 0 |"},
    {"a challenge label below another",
     ASK("_acme-challenge._acme-challenge.x.d.test", D1_TYPE_TXT),
     "NXDOMAIN aa | | _acme-challenge.x.d.test SOA 0 |"},
    {"another name below the suffix", ASK("x.d.test", D1_TYPE_TXT), "REFUSED | | |"},
    {"the suffix", ASK("d.test", D1_TYPE_SOA), "REFUSED | | |"},
    {"a label that only ends so", ASK("x_acme-challenge.d.test", D1_TYPE_SOA), "REFUSED | | |"},
    {"beside the suffix", ASK("_acme-challenge.xd.test", D1_TYPE_SOA), "REFUSED | | |"},
    {"a zone of ours below the suffix", ASK("_acme-challenge.x.z.d.test", D1_TYPE_TXT),
     "NXDOMAIN aa | | z.d.test SOA 0 |"},
    {"a zone of ours below a delegated zone", ASK("q._acme-challenge.d.test", D1_TYPE_SOA),
     "NOERROR aa | q._acme-challenge.d.test SOA 0 | |"},
    {"DS of a zone of ours below a delegated zone", ASK("q._acme-challenge.d.test", D1_TYPE_DS),
     "NOERROR aa | | q._acme-challenge.d.test SOA 0 |"},
    {"delegated below a zone of ours", ASK("_acme-challenge.x.sub.a.test", D1_TYPE_SOA),
     "NOERROR aa | _acme-challenge.x.sub.a.test SOA 0 | |"},
    {"a zone of ours above the suffix", ASK("x.sub.a.test", D1_TYPE_SOA), NO_NAME},
    {"CNAME to a delegated zone", ASK("to-delegated.a.test", D1_TYPE_TXT),
     "NOERROR aa | to-delegated.a.test CNAME _acme-challenge.live.d.test; "
     "_acme-challenge.live.d.test 0 TXT AAA | |"},
    {"CNAME to a delegated zone's SOA", ASK("to-delegated.a.test", D1_TYPE_SOA),
     "NOERROR aa | to-delegated.a.test CNAME _acme-challenge.live.d.test; "
     "_acme-challenge.live.d.test SOA 0 | |"},
    {"CNAME to a delegated zone's NS", ASK("to-delegated.a.test", D1_TYPE_NS),
     "NOERROR aa | to-delegated.a.test CNAME _acme-challenge.live.d.test; "
     "_acme-challenge.live.d.test NS ns1.a.test; _acme-challenge.live.d.test NS ns.example.net | "
     "|"},
    {"CNAME to a delegated zone, NODATA", A_("to-delegated.a.test"),
     "NOERROR aa | to-delegated.a.test CNAME _acme-challenge.live.d.test | "
     "_acme-challenge.live.d.test SOA 0 |"},
    {"CNAME below a delegated zone", A_("to-delegated2.a.test"),
     "NXDOMAIN aa | to-delegated2.a.test CNAME x._acme-challenge.live.d.test | "
     "_acme-challenge.live.d.test SOA 0 |"},
    {"CNAME to what is refused", A_("to-refused.a.test"),
     "NOERROR aa | to-refused.a.test CNAME live.d.test | |"},
    /* Meta types and classes. */
    {"OPT as QTYPE", ASK("www.a.test", D1_TYPE_OPT), NO_DATA},
    {"TSIG as QTYPE", ASK("www.a.test", D1_TYPE_TSIG), NO_DATA},
    {"MAILB as QTYPE", ASK("www.a.test", 253), NO_DATA},
    {"MAILA as QTYPE", ASK("no.a.test", 254), NO_NAME},
    {"an unassigned QTYPE", ASK("www.a.test", 200), NO_DATA},
    {"IXFR", ASK("a.test", D1_TYPE_IXFR), "REFUSED | | |"},
    {"AXFR", ASK("a.test", D1_TYPE_AXFR), "REFUSED | | |"},
    {"class CH", {.name = "a.test", .type = D1_TYPE_A, .class = 3}, "REFUSED | | |"},
};

/* Our zones; the child is loaded before or after its parent. */
static void load_all(struct d1_fixture *fixture, bool child_first) {
    static struct d1_name ns1;
    ns1 = d1_fixture_name("ns1.a.test");
    const struct d1_zone_config parent = {
        .name = d1_fixture_name("a.test"),
        .nameservers_count = 1,
        .nameservers = &ns1,
        .hostmaster = d1_fixture_name("host.a.test"),
        .records_count = D1_ARRAY_LENGTH(first_lines),
        .records = first_lines,
        .negative_ttl = 60,
    };
    const struct d1_zone_config child = {
        .name = d1_fixture_name("child.a.test"),
        .nameservers_count = 1,
        .nameservers = &ns1,
        .hostmaster = ns1,
        .records_count = D1_ARRAY_LENGTH(child_lines),
        .records = child_lines,
    };
    const struct d1_zone_config other = {
        .name = d1_fixture_name("b.test"),
        .nameservers_count = 1,
        .nameservers = &ns1,
        .hostmaster = ns1,
        .records_count = D1_ARRAY_LENGTH(other_lines),
        .records = other_lines,
    };
    struct d1_zone_config bare = child;
    bare.name = d1_fixture_name("bare.a.test");
    bare.records_count = 0;
    struct d1_zone_config below = bare;
    below.name = d1_fixture_name("z.d.test");
    struct d1_zone_config lower = bare;
    lower.name = d1_fixture_name("q._acme-challenge.d.test");
    struct d1_name servers[] = {ns1, d1_fixture_name("ns.example.net")};
    const struct d1_zone_config delegation = {
        .delegation = true,
        .name = d1_fixture_name("d.test"),
        .nameservers_count = 2,
        .nameservers = servers,
        .hostmaster = ns1,
    };
    struct d1_zone_config second = delegation;
    second.name = d1_fixture_name("sub.a.test");
    const struct d1_zone_config configs[] = {child_first ? child : parent,
                                             child_first ? parent : child,
                                             other,
                                             bare,
                                             below,
                                             lower,
                                             delegation,
                                             second};
    d1_fixture_load(fixture, configs, D1_ARRAY_LENGTH(configs));
    assert_int_equal(d1_fixture_publish(fixture, "live.w.a.test", 1, 3), D1_OK);
    assert_int_equal(d1_fixture_publish(fixture, "_acme-challenge.live.d.test", 1, 3), D1_OK);
}

/* One cmocka test per row; its name says which. */
static void row_is_answered(void **state) {
    const struct expected *row = *state;
    struct d1_fixture fixture;
    for (unsigned child_first = 0; child_first < 2; child_first++) {
        load_all(&fixture, child_first == 1);
        d1_assert_reply(&fixture, &row->ask, row->answer);
        d1_fixture_close(&fixture);
    }
}

static void long_chains_end(void **state) {
    (void)state;
    struct d1_fixture fixture;
    const struct d1_ask first = A_("l1.a.test");
    const struct d1_ask longer = A_("many.a.test");
    load_all(&fixture, false);
    struct d1_reply *reply = d1_fixture_ask(&fixture, &first);
    assert_int_equal(reply->decoded.count[1], D1_CNAME_LINKS_MAX + 1);
    assert_int_equal(reply->decoded.rrs[D1_CNAME_LINKS_MAX].type, D1_TYPE_A);
    d1_free(reply);
    reply = d1_fixture_ask(&fixture, &longer);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_NOERROR);
    assert_int_equal(reply->decoded.count[1], D1_CNAME_LINKS_MAX + 1);
    assert_int_equal(reply->decoded.rrs[D1_CNAME_LINKS_MAX].type, D1_TYPE_CNAME);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void no_challenge_at_cuts_and_wildcards(void **state) {
    (void)state;
    static const char *const names[] = {"cut.a.test",      "_acme-challenge.cut.a.test",
                                        "host.cut.a.test", "x.lost.deeper.cut.a.test",
                                        "*.w.a.test",      "x.*.w.a.test"};
    struct d1_fixture fixture;
    load_all(&fixture, false);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        assert_int_equal(d1_fixture_serves(&fixture, names[i]), D1_ENOTSERVED);
        assert_int_equal(d1_fixture_publish(&fixture, names[i], 1, 3), D1_ENOTSERVED);
        assert_int_equal(d1_fixture_know(&fixture, names[i], true), D1_ENOTSERVED);
    }
    assert_int_equal(d1_fixture_serves(&fixture, "x.w.a.test"), D1_OK);
    assert_int_equal(d1_fixture_serves(&fixture, "x*.w.a.test"), D1_OK);
    assert_int_equal(d1_fixture_serves(&fixture, "_acme-challenge.child.a.test"), D1_OK);
    d1_fixture_close(&fixture);
}

/* A withdrawn challenge gives the name back to the wildcard. */
static void the_wildcard_returns(void **state) {
    (void)state;
    struct d1_fixture fixture;
    const struct d1_ask ask = ASK("live.w.a.test", D1_TYPE_TXT);
    load_all(&fixture, false);
    assert_int_equal(d1_fixture_publish(&fixture, "live.w.a.test", 0, 0), D1_OK);
    d1_assert_reply(&fixture, &ask, "NOERROR aa | live.w.a.test TXT wild | |");
    d1_fixture_close(&fixture);
}

/* Challenges stand at delegated apexes only, and nothing is left of them. */
static void challenges_of_delegated_zones(void **state) {
    (void)state;
    static const char *const refused[] = {"d.test", "x.d.test", "x._acme-challenge.y.d.test",
                                          "_acme-challenge._acme-challenge.y.d.test"};
    struct d1_fixture fixture;
    const struct d1_ask ask = ASK("_acme-challenge.y.d.test", D1_TYPE_TXT);
    load_all(&fixture, false);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(refused); i++) {
        assert_int_equal(d1_fixture_serves(&fixture, refused[i]), D1_ENOTSERVED);
        assert_int_equal(d1_fixture_publish(&fixture, refused[i], 1, 3), D1_ENOTSERVED);
        assert_int_equal(d1_fixture_know(&fixture, refused[i], true), D1_ENOTSERVED);
    }
    size_t names = d1_table_names(fixture.served->table);
    d1_assert_reply(&fixture, &ask, "NOERROR aa | | _acme-challenge.y.d.test SOA 0 |");
    assert_int_equal(d1_table_names(fixture.served->table), names);
    assert_int_equal(d1_fixture_serves(&fixture, ask.name), D1_OK);
    assert_int_equal(d1_fixture_publish(&fixture, ask.name, 2, 3), D1_OK);
    assert_int_equal(d1_table_names(fixture.served->table), names + 1);
    d1_assert_reply(
        &fixture, &ask,
        "NOERROR aa | _acme-challenge.y.d.test 0 TXT AAA; _acme-challenge.y.d.test 0 TXT "
        "BBB | |");
    assert_int_equal(d1_fixture_know(&fixture, ask.name, true), D1_OK);
    assert_int_equal(d1_fixture_publish(&fixture, ask.name, 0, 0), D1_OK);
    d1_assert_reply(&fixture, &ask, "NOERROR aa | | _acme-challenge.y.d.test SOA 0 |");
    assert_int_equal(d1_fixture_know(&fixture, ask.name, false), D1_OK);
    assert_int_equal(d1_table_names(fixture.served->table), names);
    d1_assert_reply(&fixture, &ask, "NOERROR aa | | _acme-challenge.y.d.test SOA 0 |");
    d1_fixture_close(&fixture);
}

int main(void) {
    struct CMUnitTest rows[D1_ARRAY_LENGTH(table)];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        rows[i] = (struct CMUnitTest){
            .name = table[i].why,
            .test_func = row_is_answered,
            .initial_state = (void *)(uintptr_t)&table[i],
        };
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_chains_end),
        cmocka_unit_test(no_challenge_at_cuts_and_wildcards),
        cmocka_unit_test(the_wildcard_returns),
        cmocka_unit_test(challenges_of_delegated_zones),
    };
    struct CMUnitTest all[D1_ARRAY_LENGTH(rows) + D1_ARRAY_LENGTH(tests)];
    memcpy(all, rows, sizeof(rows));
    memcpy(all + D1_ARRAY_LENGTH(rows), tests, sizeof(tests));
    return cmocka_run_group_tests_name("lookup", all, NULL, NULL);
}
