#include "tests/bench/load.h"

int d1_bench_tally_begin(struct d1_bench_tally *tally, const struct d1_clock *clock,
                         struct d1_bench_cpu *cpu, struct d1_error *ret_error) {
    int err = d1_bench_cpu_begin(cpu, ret_error);
    if (err < 0) {
        return err;
    }
    *tally = (struct d1_bench_tally){0};
    tally->own_ns = d1_bench_cpu_own_ns();
    tally->elapsed_us = d1_clock_mono_us(clock);
    return 0;
}

int d1_bench_tally_end(struct d1_bench_tally *tally, const struct d1_clock *clock,
                       const struct d1_bench_cpu *cpu, struct d1_error *ret_error) {
    uint64_t server_ns;
    tally->elapsed_us = d1_clock_mono_us(clock) - tally->elapsed_us;
    int err = d1_bench_cpu_end(cpu, &server_ns, ret_error);
    if (err < 0) {
        return err;
    }
    tally->server_ns = server_ns;
    tally->own_ns = d1_bench_cpu_own_ns() - tally->own_ns;
    return 0;
}

uint64_t d1_bench_tally_bad(const struct d1_bench_tally *tally) {
    uint64_t bad = 0;
    for (size_t i = 0; i < D1_BENCH_FAULTS; i++) {
        bad += tally->faults[i];
    }
    return bad;
}
