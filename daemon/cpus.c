#include "daemon/cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"

static bool read_number(const char *root, const char *name, uint64_t *ret_first,
                        uint64_t *ret_second) {
    char path[D1_PATH_MAX];
    char *text = NULL;
    size_t length = 0;
    snprintf(path, sizeof(path), "%s/%s", root, name);
    if (d1_file_read(path, 256, &text, &length, NULL) != 0) {
        return false;
    }
    text[strcspn(text, "\n")] = '\0';
    char *second = strchr(text, ' ');
    bool ok = true;
    if (second != NULL) {
        *second++ = '\0';
        ok = d1_number_parse(second, 1, UINT32_MAX, ret_second) == 0;
    }
    ok = ok && d1_number_parse(text, 1, UINT32_MAX, ret_first) == 0;
    d1_free(text);
    return ok;
}

/* Quota in CPUs, rounded up; 0: none. Version 2 has "QUOTA PERIOD" or "max PERIOD" in one file. */
static unsigned cgroup_quota(const char *root) {
    uint64_t quota = 0;
    uint64_t period = 0;
    bool found = read_number(root, "cpu.max", &quota, &period) && period > 0;
    if (!found) {
        uint64_t unused = 0;
        found = read_number(root, "cpu/cpu.cfs_quota_us", &quota, &unused) &&
                read_number(root, "cpu/cpu.cfs_period_us", &period, &unused) && period > 0;
    }
    return found ? (unsigned)((quota + period - 1) / period) : 0;
}

unsigned d1_cpus_usable(const char *cgroup_root) {
    cpu_set_t set;
    unsigned cpus = 1;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        cpus = (unsigned)CPU_COUNT(&set);
    }
    unsigned quota = cgroup_quota(cgroup_root);
    if (quota > 0 && quota < cpus) {
        cpus = quota;
    }
    return cpus < D1_WORKERS_MAX ? cpus : D1_WORKERS_MAX;
}
