/*
 * d1bench-generator: asks a DNS server as fast as it answers, judges every answer, and prints one
 * JSON object on one line.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/net.h"
#include "core/text.h"
#include "tests/bench/load.h"
#include "tests/bench/udp.h"

struct mode {
    const char *name;
    int (*run)(const struct d1_bench_settings *settings, struct d1_bench_cpu *cpu,
               struct d1_bench_tally *ret_tally, struct d1_error *ret_error);
};

static const struct mode modes[] = {
    {"udp", d1_bench_udp_run},
};

struct options {
    const struct mode *mode;
    const char *query_path;
    struct d1_bench_settings settings;
    struct d1_bench_cpu cpu;
};

static const char usage_text[] =
    "usage: d1bench-generator --server ADDRESS:PORT --queries FILE [options]\n"
    "  --mode udp        how to ask (udp)\n"
    "  --sockets N       connected sockets, 1..64 (8)\n"
    "  --window N        queries under way on each socket, 1..64 (24)\n"
    "  --wait TIME       for the server's first right answer (10s)\n"
    "  --warm-up TIME    asked but not counted (500ms)\n"
    "  --time TIME       measured (3s)\n"
    "  --lost-after TIME without an answer, then asked anew (500ms)\n"
    "  --pid PID         measure this process's CPU time (may be repeated)\n"
    "  --threads GLOB    only its threads of such a name (*)\n";

static int parse_mode(const char *text, const struct mode **ret_mode) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        if (strcmp(text, modes[i].name) == 0) {
            *ret_mode = &modes[i];
            return 0;
        }
    }
    return D1_ENOTFOUND;
}

static int parse_count(const char *text, unsigned max, unsigned *ret_count) {
    uint64_t count;
    int err = d1_number_parse(text, 1, max, &count);
    if (err == 0) {
        *ret_count = (unsigned)count;
    }
    return err;
}

static int parse_time(const char *text, int64_t *ret_us) {
    int64_t ms;
    int err = d1_duration_parse(text, &ms);
    if (err == 0 && ms > INT64_MAX / 1000) {
        return D1_EPARSE;
    }
    if (err == 0) {
        *ret_us = ms * 1000;
    }
    return err;
}

static int parse_pid(const char *text, struct d1_bench_cpu *cpu) {
    uint64_t pid;
    int err = d1_number_parse(text, 1, INT32_MAX, &pid);
    return err < 0 ? err : d1_bench_cpu_add(cpu, (pid_t)pid);
}

/* One option. Returns 0 or an error. */
static int set_option(struct options *options, int letter, const char *value) {
    struct d1_bench_settings *settings = &options->settings;
    switch (letter) {
    case 's':
        return d1_address_parse(value, &settings->server);
    case 'q':
        options->query_path = value;
        return 0;
    case 'm':
        return parse_mode(value, &options->mode);
    case 'c':
        return parse_count(value, D1_BENCH_SOCKETS_MAX, &settings->sockets);
    case 'w':
        return parse_count(value, D1_BENCH_WINDOW_MAX, &settings->window);
    case 'W':
        return parse_time(value, &settings->wait_us);
    case 'u':
        return parse_time(value, &settings->warm_up_us);
    case 't':
        return parse_time(value, &settings->measure_us);
    case 'l':
        return parse_time(value, &settings->lost_us);
    case 'p':
        return parse_pid(value, &options->cpu);
    case 'g':
        options->cpu.pattern = value;
        return 0;
    default:
        return D1_EPARSE;
    }
}

/* Returns 0, or -1 when it has said what is wrong. */
static int parse_options(int argc, char **argv, struct options *options) {
    static const struct option table[] = {
        {"server", required_argument, NULL, 's'},  {"queries", required_argument, NULL, 'q'},
        {"mode", required_argument, NULL, 'm'},    {"sockets", required_argument, NULL, 'c'},
        {"window", required_argument, NULL, 'w'},  {"wait", required_argument, NULL, 'W'},
        {"warm-up", required_argument, NULL, 'u'}, {"time", required_argument, NULL, 't'},
        {"pid", required_argument, NULL, 'p'},     {"lost-after", required_argument, NULL, 'l'},
        {"threads", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0},
    };
    int index = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (letter == '?') {
            fputs(usage_text, stderr);
            return -1;
        }
        if (set_option(options, letter, optarg) < 0) {
            fprintf(stderr, "d1bench-generator: --%s: '%s' is not valid\n%s", table[index].name,
                    optarg, usage_text);
            return -1;
        }
    }
    if (optind < argc || options->settings.server.ss_family == AF_UNSPEC ||
        options->query_path == NULL) {
        fputs(usage_text, stderr);
        return -1;
    }
    return 0;
}

/* A share of nothing is 0. */
static double per(double amount, uint64_t count) {
    return count > 0 ? amount / (double)count : 0.0;
}

static void print_tally(const struct options *options, const struct d1_bench_tally *tally) {
    double seconds = (double)tally->elapsed_us / 1e6;
    const struct d1_bench_histogram *latency = &tally->latency_us;
    printf("{\"mode\": \"%s\", \"sockets\": %u, \"window\": %u, \"seconds\": %.3f",
           options->mode->name, options->settings.sockets, options->settings.window, seconds);
    printf(", \"answers\": %" PRIu64 ", \"answers_per_second\": %.0f", tally->answers,
           (double)tally->answers / seconds);
    if (options->cpu.pid_count > 0) {
        printf(", \"server_threads\": %zu, \"server_cpu_us_per_answer\": %.4f",
               options->cpu.thread_count, per((double)tally->server_ns / 1e3, tally->answers));
        printf(", \"server_cpu_seconds\": %.4f", (double)tally->server_ns / 1e9);
    }
    printf(", \"generator_cpu_us_per_query\": %.4f", per((double)tally->own_ns / 1e3, tally->sent));
    printf(", \"sent\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"stale\": %" PRIu64, tally->sent,
           tally->lost, tally->stale);
    printf(", \"bad\": %" PRIu64 ", \"faults\": {", d1_bench_tally_bad(tally));
    const char *comma = "";
    for (unsigned i = 0; i < D1_BENCH_FAULTS; i++) {
        if (tally->faults[i] > 0) {
            printf("%s\"%s\": %" PRIu64, comma, d1_bench_fault_text(i), tally->faults[i]);
            comma = ", ";
        }
    }
    printf("}, \"p50_us\": %" PRIu64 ", \"p99_us\": %" PRIu64 ", \"p999_us\": %" PRIu64 "}\n",
           d1_bench_histogram_value(latency, 500), d1_bench_histogram_value(latency, 990),
           d1_bench_histogram_value(latency, 999));
}

int main(int argc, char **argv) {
    struct options options = {
        .mode = &modes[0],
        .settings =
            {
                .clock = d1_clock_system(),
                .sockets = 8,
                .window = 24,
                .wait_us = 10000000,
                .warm_up_us = 500000,
                .measure_us = 3000000,
                .lost_us = 500000,
            },
    };
    struct d1_bench_queries *queries = NULL;
    struct d1_bench_tally tally;
    struct d1_error error = {0};
    d1_bench_cpu_init(&options.cpu, "*");
    if (parse_options(argc, argv, &options) < 0) {
        return 2;
    }
    int err = d1_bench_queries_load(options.query_path, &queries, &error);
    if (err == 0) {
        options.settings.queries = queries;
        err = options.mode->run(&options.settings, &options.cpu, &tally, &error);
    }
    if (err == 0) {
        print_tally(&options, &tally);
    } else {
        fprintf(stderr, "d1bench-generator: %s\n", error.text);
    }
    d1_bench_queries_destroy(queries);
    return err == 0 ? 0 : 1;
}
