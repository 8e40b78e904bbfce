/* How many CPUs this process may use. */
#ifndef D1_DAEMON_CPUS_H
#define D1_DAEMON_CPUS_H

/*
 * CPUs of the scheduling affinity, bounded by the cgroup's CPU quota (rounded up), at least 1.
 * `cgroup_root` is /sys/fs/cgroup but in tests.
 */
unsigned d1_cpus_usable(const char *cgroup_root);

#endif /* D1_DAEMON_CPUS_H */
