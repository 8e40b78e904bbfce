/* Prerequisites of UPDATE against what is served: odd.test and auth.example.test of the fixture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "dnsd/apply.h"
#include "tests/unit/dnsd/fixture.h"

#define MESSAGE_MAX 1024
#define RECORDS_MAX 4
#define TYPE_PTR    12
#define NO_RDATA    .rdata = NULL, .length = 0
#define RDATA(text) .rdata = (text), .length = sizeof(text) - 1

struct record {
    const char *name;
    uint16_t class;
    uint16_t type;
    const char *rdata;
    uint16_t length;
};

struct row {
    const char *why;
    struct record records[RECORDS_MAX];
    enum d1_rcode rcode;
};

/* Shorter in the table. */
#define ANY_OF D1_CLASS_ANY
#define NONE   D1_CLASS_NONE
#define IN     D1_CLASS_IN

static const struct row table[] = {
    {"nothing is asked", {{NULL, 0, 0, NO_RDATA}}, D1_RCODE_NOERROR},
    {"a name in use", {{"ns1.auth.example.test", ANY_OF, D1_TYPE_ANY, NO_RDATA}}, D1_RCODE_NOERROR},
    {"a name not in use",
     {{"no.auth.example.test", ANY_OF, D1_TYPE_ANY, NO_RDATA}},
     D1_RCODE_NXDOMAIN},
    {"an empty non-terminal is not in use",
     {{"er.static.auth.example.test", ANY_OF, D1_TYPE_ANY, NO_RDATA}},
     D1_RCODE_NXDOMAIN},
    {"it is unused as wanted",
     {{"er.static.auth.example.test", NONE, D1_TYPE_ANY, NO_RDATA}},
     D1_RCODE_NOERROR},
    {"a name in use that is not to be",
     {{"ns1.auth.example.test", NONE, D1_TYPE_ANY, NO_RDATA}},
     D1_RCODE_YXDOMAIN},
    {"an RRset", {{"ns1.auth.example.test", ANY_OF, D1_TYPE_A, NO_RDATA}}, D1_RCODE_NOERROR},
    {"no such RRset", {{"ns1.auth.example.test", ANY_OF, D1_TYPE_TXT, NO_RDATA}}, D1_RCODE_NXRRSET},
    {"an RRset that is not to be",
     {{"ns1.auth.example.test", NONE, D1_TYPE_A, NO_RDATA}},
     D1_RCODE_YXRRSET},
    {"a set of one",
     {{"ns1.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\1")}},
     D1_RCODE_NOERROR},
    {"the same twice",
     {{"ns1.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\1")},
      {"ns1.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\1")}},
     D1_RCODE_NOERROR},
    {"another address",
     {{"ns1.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\2")}},
     D1_RCODE_NXRRSET},
    {"a longer one",
     {{"ns1.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\1\1")}},
     D1_RCODE_NXRRSET},
    {"no set of that type",
     {{"ns1.auth.example.test", IN, D1_TYPE_TXT, RDATA("\1x")}},
     D1_RCODE_NXRRSET},
    {"no record at all",
     {{"no.auth.example.test", IN, D1_TYPE_TXT, RDATA("\1x")}},
     D1_RCODE_NXRRSET},
    {"one of two",
     {{"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\7")}},
     D1_RCODE_NXRRSET},
    {"both, in another order",
     {{"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\10")},
      {"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\7")}},
     D1_RCODE_NOERROR},
    {"both, between others",
     {{"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\7")},
      {"ns1.auth.example.test", IN, D1_TYPE_AAAA, RDATA("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")},
      {"mixed.auth.example.test", ANY_OF, D1_TYPE_A, NO_RDATA},
      {"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\10")}},
     D1_RCODE_NOERROR},
    {"the same rdata at two names is no repetition",
     {{"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\7")},
      {"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\7")},
      {"ns1.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\1")},
      {"mixed.auth.example.test", IN, D1_TYPE_A, RDATA("\300\0\2\10")}},
     D1_RCODE_NOERROR},
    {"a name server, letters in another case",
     {{"auth.example.test", IN, D1_TYPE_NS, RDATA("\3NS1\4Auth\7example\4test\0")}},
     D1_RCODE_NOERROR},
    {"a name server, compressed",
     {{"auth.example.test", IN, D1_TYPE_NS, RDATA("\3ns1\xc0\x0c")}},
     D1_RCODE_NOERROR},
    {"another name server",
     {{"auth.example.test", IN, D1_TYPE_NS, RDATA("\3ns2\xc0\x0c")}},
     D1_RCODE_NXRRSET},
    {"a name with octets behind it",
     {{"auth.example.test", IN, D1_TYPE_NS, RDATA("\3ns1\xc0\x0cx")}},
     D1_RCODE_NXRRSET},
    {"no name at all",
     {{"auth.example.test", IN, D1_TYPE_NS, RDATA("\3ns1\xc0\xff")}},
     D1_RCODE_NXRRSET},
    {"an alias",
     {{"alias.auth.example.test", IN, D1_TYPE_CNAME, RDATA("\6Target\7example\3net\0")}},
     D1_RCODE_NOERROR},
    {"a pointer",
     {{"ptr.odd.test", IN, TYPE_PTR, RDATA("\4HOST\7example\3net\0")}},
     D1_RCODE_NOERROR},
    {"the second is not true",
     {{"ns1.auth.example.test", ANY_OF, D1_TYPE_A, NO_RDATA},
      {"ns1.auth.example.test", NONE, D1_TYPE_A, NO_RDATA}},
     D1_RCODE_YXRRSET},
};

static void write_record(struct d1_writer *writer, const struct record *record) {
    struct d1_name name = d1_fixture_name(record->name);
    d1_write_bytes(writer, name.octets, name.length);
    d1_write_u16(writer, record->type);
    d1_write_u16(writer, record->class);
    d1_write_u32(writer, 0);
    d1_write_u16(writer, record->length);
    d1_write_bytes(writer, record->rdata, record->length);
}

static void row_holds(void **state) {
    const struct row *row = *state;
    struct d1_fixture fixture;
    struct d1_update update;
    uint8_t message[MESSAGE_MAX];
    struct d1_writer writer = d1_writer_over(message, sizeof(message));
    struct d1_name zone = d1_fixture_name("auth.example.test");
    uint16_t count = 0;
    d1_write_bytes(&writer, "\0\1\x28\0\0\1\0\0\0\0\0\0", D1_DNS_HEADER_BYTES);
    d1_write_bytes(&writer, zone.octets, zone.length);
    d1_write_bytes(&writer, "\0\6\0\1", 4);
    while (count < RECORDS_MAX && row->records[count].name != NULL) {
        write_record(&writer, &row->records[count++]);
    }
    assert_false(writer.failed);
    d1_store_u16(message + 6, count);
    assert_int_equal(d1_update_parse(message, d1_writer_length(&writer), &update), 0);
    d1_fixture_init(&fixture);
    assert_int_equal(d1_prerequisites_check(fixture.served, &update), row->rcode);
    d1_fixture_close(&fixture);
}

int main(void) {
    struct CMUnitTest tests[D1_ARRAY_LENGTH(table)];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        tests[i] = (struct CMUnitTest){
            .name = table[i].why,
            .test_func = row_holds,
            .initial_state = (void *)(uintptr_t)&table[i],
        };
    }
    return cmocka_run_group_tests_name("prerequisite", tests, NULL, NULL);
}
