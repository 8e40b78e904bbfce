#include "daemon/cpus.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/attr.h"

static char root[64];

static int make_root(void **state) {
    (void)state;
    snprintf(root, sizeof(root), "/tmp/dns01d-cpus-XXXXXX");
    return mkdtemp(root) != NULL ? 0 : -1;
}

static void put(const char *name, const char *content) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int remove_root(void **state) {
    (void)state;
    static const char *const names[] = {"cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"};
    char path[256];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", root, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/cpu", root);
    rmdir(path);
    return rmdir(root);
}

static unsigned affinity(void) {
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    return (unsigned)CPU_COUNT(&set);
}

static void without_a_cgroup_the_affinity_counts(void **state) {
    (void)state;
    assert_int_equal(d1_cpus_usable("/nowhere"), affinity());
}

static void no_quota_changes_nothing(void **state) {
    (void)state;
    put("cpu.max", "max 100000\n");
    assert_int_equal(d1_cpus_usable(root), affinity());
}

static void a_quota_is_rounded_up(void **state) {
    (void)state;
    put("cpu.max", "50000 100000\n");
    assert_int_equal(d1_cpus_usable(root), 1);
    put("cpu.max", "100001 100000\n");
    assert_int_equal(d1_cpus_usable(root), affinity() < 2 ? affinity() : 2);
}

static void version_1_is_read_too(void **state) {
    (void)state;
    char path[256];
    snprintf(path, sizeof(path), "%s/cpu", root);
    put("cpu.max", "nonsense\n");
    assert_int_equal(mkdir(path, 0700), 0);
    put("cpu/cpu.cfs_quota_us", "20000\n");
    put("cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(d1_cpus_usable(root), 1);
    put("cpu/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(d1_cpus_usable(root), affinity());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_cgroup_the_affinity_counts),
        cmocka_unit_test(no_quota_changes_nothing),
        cmocka_unit_test(a_quota_is_rounded_up),
        cmocka_unit_test(version_1_is_read_too),
    };
    return cmocka_run_group_tests_name("cpus", tests, make_root, remove_root);
}
