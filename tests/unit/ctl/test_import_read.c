/* The readers of `dns01ctl import`: what they take from a file, and where they say it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "ctl/import/read.h"

#define HASH "$2a$10$abcdefghijklmnopqrstuuzkMNRQx57VIxviTtXcNCmdV7gIdwNzq"
#define TABLE \
    "CREATE TABLE records(Username TEXT, Password TEXT, Subdomain TEXT, AllowFrom TEXT);\n"

typedef int read_fn(struct d1_import_set *, const char *, size_t, struct d1_error *);

static void read_good(read_fn *read, const char *text, struct d1_import_set *set) {
    struct d1_error error = {.code = D1_OK};
    d1_import_set_init(set);
    if (read(set, text, strlen(text), &error) != D1_OK) {
        fail_msg("%s", error.text);
    }
}

static void assert_bad(read_fn *read, const char *text, const char *story) {
    struct d1_import_set set;
    struct d1_error error = {.code = D1_OK};
    d1_import_set_init(&set);
    int err = read(&set, text, strlen(text), &error);
    if (err >= 0 || err != error.code || strstr(error.text, story) == NULL) {
        fail_msg("%d, %s: %s", err, error.text, text);
    }
    d1_import_set_close(&set);
}

static const char *or_null(const char *text) {
    return text != NULL ? text : "NULL";
}

static void assert_account(const struct d1_import_set *set, size_t i, const char *expected) {
    char text[512];
    assert_true(i < set->accounts_count);
    const struct d1_import_account *account = &set->accounts[i];
    snprintf(text, sizeof(text), "%s|%s|%s|%s|%s", or_null(account->username),
             or_null(account->secret), or_null(account->subdomain), or_null(account->allowfrom),
             account->where);
    assert_string_equal(text, expected);
}

static void test_copy_takes_escapes_and_nulls(void **state) {
    (void)state;
    struct d1_import_set set;
    read_good(d1_import_read_sql,
              "COPY public.records (subdomain, username, password, allowfrom) FROM stdin;\n"
              "s\\t1\tu\\\\\t\\\\x"
              "24326124\t\\N\r\n"
              "\\101\\b\\f\\r\\v\\q\tu\\n2\tp\t[]\n"
              "\\.\n"
              "COPY other (a) FROM stdin;\nrecords\t\\N\n\\.\n",
              &set);
    assert_int_equal(set.accounts_count, 2);
    assert_account(&set, 0, "u\\|$2a$|s\t1|NULL|line 2");
    assert_account(&set, 1, "u\n2|p|A\b\f\r\vq|[]|line 3");
    d1_import_set_close(&set);
}

static void test_insert_goes_by_its_columns_or_the_tables(void **state) {
    (void)state;
    struct d1_import_set set;
    read_good(d1_import_read_sql,
              "-- comment; with a semicolon\n/* another ; */\n" TABLE
              "INSERT INTO records VALUES('u1',X'2432','it''s',NULL), ('u2','p',E'a\\'b','[]');\n"
              "insert or replace into \"public\".\"records\" (\"subdomain\", username)\n"
              "  overriding system value values ($q$do'llar$q$, 'u3'::text);\n"
              "INSERT INTO public.\"records\"(username) VALUES (lower('U4)', 1)), (-4);\n"
              "INSERT INTO elsewhere VALUES (1, 'records');\n",
              &set);
    assert_account(&set, 0, "u1|$2|it's|NULL|line 4");
    assert_account(&set, 1, "u2|p|a'b|[]|line 4");
    assert_account(&set, 2, "u3|NULL|do'llar|NULL|line 6");
    assert_account(&set, 3, "lower|NULL|NULL|NULL|line 7");
    assert_account(&set, 4, "4|NULL|NULL|NULL|line 7");
    assert_int_equal(set.accounts_count, 5);
    d1_import_set_close(&set);
}

static void test_create_tells_the_order_of_columns(void **state) {
    (void)state;
    struct d1_import_set set;
    read_good(
        d1_import_read_sql,
        "CREATE INDEX idx ON txt (subdomain);\n"
        "CREATE TABLE IF NOT EXISTS \"txt\" (rowid SERIAL, \"Subdomain\" TEXT DEFAULT ('a,b'),\n"
        " Value TEXT CHECK (length(Value) > 0), LastUpdate INT,\n"
        " CONSTRAINT x UNIQUE (Value, Subdomain), PRIMARY KEY (rowid));\n"
        "CREATE TABLE other(username TEXT);\n"
        "INSERT INTO txt VALUES (7,'s','old',5),(8,'s','',9),(9,'s','new',6),(1,'r','v',NULL);"
        "CREATE TABLE records(username TEXT);",
        &set);
    assert_int_equal(d1_import_set_finish(&set, NULL), D1_OK);
    size_t count = 0;
    const struct d1_import_txt *values = d1_import_set_values(&set, "s", &count);
    assert_int_equal(count, 2);
    assert_string_equal(values[0].value, "new");
    assert_int_equal(values[0].updated, 6);
    assert_string_equal(values[1].value, "old");
    values = d1_import_set_values(&set, "r", &count);
    assert_int_equal(count, 1);
    assert_int_equal(values->updated, 0);
    assert_null(d1_import_set_values(&set, "zz", &count));
    assert_int_equal(count, 0);
    d1_import_set_close(&set);
}

static void test_dumps_that_are_cut_off_or_wrong(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"COPY records (username) FROM stdin;\nu", "line 2: the file ends within the rows of COPY"},
        {"COPY records (username) FROM stdin;\nu\n", "within the rows of COPY"},
        {"COPY records (username) FROM stdin", "line 1: the file ends within a statement"},
        {"COPY records (username) FROM stdin WITH csv;\n", "COPY in another format"},
        {"COPY records (username) FROM stdin;\na\tb\n\\.\n",
         "line 2: 2 fields where the table has 1"},
        {"COPY (select", "no name of a table"},
        {"COPY records (username", "ends within a statement"},
        {"COPY records (;", "no list of columns"},
        {"INSERT INTO records VALUES ('u');", "without the names of its columns"},
        {"INSERT INTO records (username) VALUES ('u", "line 1: a quote is never closed"},
        {"INSERT INTO records (username) VALUES ($a$u", "a dollar quote is never closed"},
        {"INSERT INTO records (username) VALUES ('u'", "ends within a statement"},
        {"INSERT INTO records (username) VALUES ('u')", "ends within a statement"},
        {"INSERT INTO records (username) VALUES", "ends within a statement"},
        {"INSERT INTO records (username) VALUES 'u';", "a row is missing"},
        {"INSERT INTO records (username) VALUES (,);", "a value is missing"},
        {"INSERT INTO records (username) VALUES (X'2');", "something else than hex"},
        {"INSERT INTO records (username);", "INSERT without VALUES"},
        {"INSERT INTO records (username) VALUES ('a','b');", "2 fields where the table has 1"},
        {"INSERT INTO", "ends within a statement"},
        {"\n\nselect 'a", "line 3: a quote is never closed"},
        {"CREATE TABLE records (a int", "ends within a statement"},
        {"CREATE TABLE txt (a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q);", "too many columns"},
        {"INSERT INTO txt (a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q) VALUES (1);", "too many columns"},
        {"INSERT INTO txt (a) VALUES (1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7);", "too many columns"},
        {"COPY txt (a) FROM stdin;\n1\t2\t3\t4\t5\t6\t7\t8\t9\t0\t1\t2\t3\t4\t5\t6\t7\n\\.\n",
         "too many columns"},
        {"INSERT INTO acmedns (name, value) VALUES ('db_version', '2');", "version 2"},
        {"INSERT INTO acmedns (name, value) VALUES ('db_version', NULL);", "version NULL"},
        {"/* open", ""},
    };
    for (size_t i = 0; i + 1 < D1_ARRAY_LENGTH(cases); i++) {
        assert_bad(d1_import_read_sql, cases[i][0], cases[i][1]);
    }
}

static void test_a_field_has_a_limit(void **state) {
    (void)state;
    static char text[3 * D1_IMPORT_FIELD_MAX];
    struct d1_import_set set;
    static const char *const begins[] = {"INSERT INTO records (username) VALUES ('",
                                         "COPY records (username) FROM stdin;\n"};
    static const char *const ends[] = {"');", "\n\\.\n"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof(text), "%s%0*d%s", begins[i], D1_IMPORT_FIELD_MAX, 7, ends[i]);
        read_good(d1_import_read_sql, text, &set);
        assert_int_equal(strlen(set.accounts[0].username), D1_IMPORT_FIELD_MAX);
        d1_import_set_close(&set);
        snprintf(text, sizeof(text), "%s%0*d%s", begins[i], D1_IMPORT_FIELD_MAX + 1, 7, ends[i]);
        assert_bad(d1_import_read_sql, text, "too long");
    }
    snprintf(text, sizeof(text), "subdomain,value\n%0*d,v\n", D1_IMPORT_FIELD_MAX + 1, 7);
    assert_bad(d1_import_read_csv, text, "a field is too long");
}

static void test_commands_of_psql_are_skipped(void **state) {
    (void)state;
    struct d1_import_set set;
    read_good(d1_import_read_sql, "\\restrict it's\nselect 1;\n\\unrestrict it's", &set);
    assert_int_equal(set.accounts_count, 0);
    struct d1_error error = {.code = D1_OK};
    assert_int_equal(d1_import_set_finish(&set, &error), D1_EPARSE);
    assert_non_null(strstr(error.text, "no table `records`"));
    d1_import_set_close(&set);
}

static void test_csv_with_a_header(void **state) {
    (void)state;
    struct d1_import_set set;
    read_good(d1_import_read_csv,
              "AllowFrom,\"subdomain\",Username,extra,password\r\n"
              "\"[\"\"192.0.2.0/24\"\"]\",\"a,\nb\",u,x," HASH "\r\n\r\n,s,,,p",
              &set);
    assert_account(&set, 0, "u|" HASH "|a,\nb|[\"192.0.2.0/24\"]|line 2");
    assert_account(&set, 1, "|p|s||line 5");
    d1_import_set_close(&set);
}

static void test_csv_without_a_header(void **state) {
    (void)state;
    struct d1_import_set set;
    read_good(d1_import_read_csv, "u," HASH ",s,[]\n", &set);
    assert_account(&set, 0, "u|" HASH "|s|[]|line 1");
    assert_int_equal(d1_import_read_csv(&set, "7,s,v,11\n8,s,,0\n", 16, NULL), D1_OK);
    assert_int_equal(set.values_count, 1);
    assert_int_equal(set.values[0].updated, 11);
    assert_int_equal(d1_import_read_csv(&set, "s,w,12\n", 7, NULL), D1_OK);
    assert_int_equal(set.values_count, 2);
    d1_import_set_close(&set);
}

static void test_zero_octets_end_no_field(void **state) {
    (void)state;
    struct d1_import_set set;
    struct d1_error error = {.code = D1_OK};
    d1_import_set_init(&set);
    assert_int_equal(d1_import_read_csv(&set, "subdomain,value\na\0b,c\n", 21, &error), D1_OK);
    assert_string_equal(set.values[0].subdomain, "a");
    assert_int_equal(d1_import_read_csv(&set, "\0", 1, &error), D1_OK);
    d1_import_set_close(&set);
}

static void test_csv_that_is_wrong(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"hello\n", "no acme-dns table"},
        {"a,b,c\n", "no acme-dns table"},
        {"a,b,\n", "no acme-dns table"},
        {"subdomain,name\n", "no acme-dns table"},
        {"subdomain,value\na\n", "line 2: 1 fields where the table has 2"},
        {"subdomain,value\n\n\"a", "line 3: a quote is never closed"},
        {"subdomain,value\n\"a\"b,c\n", "between a quote and the comma"},
        {"1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7\n", "too many columns"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        assert_bad(d1_import_read_csv, cases[i][0], cases[i][1]);
    }
}

static void test_goacmedns_accounts(void **state) {
    (void)state;
    struct d1_import_set set;
    read_good(d1_import_read_goacmedns,
              "{\"a.test\":{\"username\":\"u\",\"password\":\"p\",\"subdomain\":\"s\","
              "\"fulldomain\":\"s.z\"},"
              "\"*.a.test\":{\"Username\":\"u\",\"Password\":\"p\",\"SubDomain\":\"s\","
              "\"FullDomain\":\"s.z\"},\"b.test\":{\"Username\":\"v\"}}",
              &set);
    assert_true(set.plain);
    assert_int_equal(set.accounts_count, 2);
    assert_account(&set, 0, "u|p|s|NULL|a.test");
    assert_string_equal(set.accounts[0].fulldomain, "s.z");
    assert_account(&set, 1, "v|NULL|NULL|NULL|b.test");
    d1_import_set_close(&set);
    assert_bad(d1_import_read_goacmedns, "[]", "not a JSON object");
    assert_bad(d1_import_read_goacmedns, "{\"a\":7}", "a: not an account");
    assert_bad(d1_import_read_goacmedns, "{\n\"a\":", "line 2");
    assert_bad(d1_import_read_goacmedns, "{\"a\":{},\"a\":{}}", "duplicate");
    char deep[128];
    memset(deep, '[', sizeof(deep));
    deep[sizeof(deep) - 1] = '\0';
    assert_bad(d1_import_read_goacmedns, deep, "nested too deeply");
    read_good(d1_import_read_goacmedns, "{\"\\\"[[[[\":{\"username\":\"]\\\\\"}}", &set);
    d1_import_set_close(&set);
}

/* Every allocation fails in turn: an error each time, and nothing left behind. */
static void try_without_memory(read_fn *read, const char *text) {
    int64_t live = d1_mem_live();
    uint64_t failed = 1;
    for (unsigned tries = 0; failed > 0; tries++) {
        struct d1_import_set set;
        d1_import_set_init(&set);
        d1_mem_fault_arm(tries, 0);
        int err = read(&set, text, strlen(text), NULL);
        failed = d1_mem_fault_disarm();
        assert_true(failed == 0 ? err == D1_OK : err < 0);
        d1_import_set_close(&set);
        assert_int_equal(d1_mem_live(), live);
        assert_true(tries < 1000);
    }
}

static void test_without_memory(void **state) {
    (void)state;
    try_without_memory(d1_import_read_sql,
                       TABLE "INSERT INTO records VALUES ('u','\\x2432','s','[]');"
                             "INSERT INTO txt(subdomain,value) VALUES ('s','v');");
    try_without_memory(d1_import_read_csv, "username,password,subdomain\nu,p,s\n");
    try_without_memory(d1_import_read_goacmedns,
                       "{\"a\":{\"username\":\"u\",\"password\":\"p\",\"fulldomain\":\"f\"}}");
}

static void test_files_that_cannot_be_read(void **state) {
    (void)state;
    struct d1_import_set set;
    struct d1_error error = {.code = D1_OK};
    d1_import_set_init(&set);
    assert_true(d1_import_read_file(&set, "/nonexistent/file", &error) < 0);
    assert_string_equal(error.text, "cannot read /nonexistent/file: No such file or directory");
    assert_true(d1_import_read_file(&set, "/", &error) < 0);
    assert_string_equal(error.text, "cannot read /: Is a directory");
    assert_int_equal(d1_import_read_file(&set, "/dev/null", &error), D1_EPARSE);
    assert_string_equal(error.text, "/dev/null: empty");
    assert_int_equal(d1_import_read_sqlite(&set, "/nonexistent/file", &error), D1_ECORRUPT);
    assert_non_null(strstr(error.text, "unable to open"));
    d1_import_set_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_takes_escapes_and_nulls),
        cmocka_unit_test(test_insert_goes_by_its_columns_or_the_tables),
        cmocka_unit_test(test_create_tells_the_order_of_columns),
        cmocka_unit_test(test_dumps_that_are_cut_off_or_wrong),
        cmocka_unit_test(test_a_field_has_a_limit),
        cmocka_unit_test(test_commands_of_psql_are_skipped),
        cmocka_unit_test(test_csv_with_a_header),
        cmocka_unit_test(test_csv_without_a_header),
        cmocka_unit_test(test_zero_octets_end_no_field),
        cmocka_unit_test(test_csv_that_is_wrong),
        cmocka_unit_test(test_goacmedns_accounts),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
