/*
 * d1bench-writes: writes values as fast as a server takes and shows them, judges every answer, and
 * prints one JSON object on one line.
 *
 * Accounts come from a file with a line for each: USERNAME KEY SUBDOMAIN OWNER-NAME.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/net.h"
#include "core/text.h"
#include "tests/bench/writeload.h"

struct options {
    struct d1_bench_write_settings settings;
    struct d1_bench_cpu groups[D1_BENCH_GROUPS_MAX];
    struct d1_bench_account accounts[D1_BENCH_CLIENTS_MAX];
    unsigned accounts_count;
    pid_t pid;
};

static const char usage_text[] =
    "usage: d1bench-writes --door DOOR --server ADDRESS:PORT --dns ADDRESS:PORT --accounts FILE\n"
    "  --door DOOR       update, account-key, wrong-key, health, token, wrong-token, update-tsig\n"
    "  --clients N       each with one request under way (64)\n"
    "  --token SECRET    for the door token\n"
    "  --zone NAME       of update-tsig\n"
    "  --key NAME:HEX    the TSIG key of update-tsig, hmac-sha256\n"
    "  --warm-up TIME    not counted (500ms)\n"
    "  --time TIME       measured (3s)\n"
    "  --pid PID         measure this process's CPU time, before:\n"
    "  --threads GLOB    a group of its threads (may be repeated)\n";

static int parse_door(const char *text, const struct d1_bench_door **ret_door) {
    if (strcmp(text, d1_bench_update_door.name) == 0) {
        *ret_door = &d1_bench_update_door;
        return 0;
    }
    for (const struct d1_bench_door *door = d1_bench_http_doors; door->name != NULL; door++) {
        if (strcmp(text, door->name) == 0) {
            *ret_door = door;
            return 0;
        }
    }
    return D1_ENOTFOUND;
}

static int parse_key(const char *text, struct d1_tsig_key **ret_key) {
    char name_text[D1_NAME_TEXT_MAX];
    uint8_t secret[64];
    struct d1_name name;
    size_t length = strcspn(text, ":");
    size_t secret_length = 0;
    if (length >= sizeof(name_text) || text[length] != ':') {
        return D1_EPARSE;
    }
    memcpy(name_text, text, length);
    name_text[length] = '\0';
    for (const char *at = text + length + 1; *at != '\0'; at += 2) {
        unsigned octet = 0;
        if (secret_length == sizeof(secret) || sscanf(at, "%2x", &octet) != 1 || at[1] == '\0') {
            return D1_EPARSE;
        }
        secret[secret_length++] = (uint8_t)octet;
    }
    int err = d1_name_from_text(name_text, &name);
    return err < 0 ? err
                   : d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, secret, secret_length, ret_key);
}

static int read_accounts(const char *path, struct options *options) {
    char line[512];
    char name[D1_NAME_TEXT_MAX];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return -errno;
    }
    int err = 0;
    while (err == 0 && options->accounts_count < D1_BENCH_CLIENTS_MAX &&
           fgets(line, sizeof(line), file) != NULL) {
        struct d1_bench_account *account = &options->accounts[options->accounts_count++];
        bool whole = sscanf(line, "%63s %63s %63s %254s", account->username, account->key,
                            account->subdomain, name) == 4;
        err = whole ? d1_name_from_text(name, &account->name) : D1_EPARSE;
    }
    fclose(file);
    return err;
}

static int parse_time(const char *text, int64_t *ret_us) {
    int64_t ms;
    int err = d1_duration_parse(text, &ms);
    if (err == 0) {
        *ret_us = ms * 1000;
    }
    return err;
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret_number) {
    return d1_number_parse(text, 1, max, ret_number);
}

static int add_group(struct options *options, const char *pattern) {
    unsigned index = options->settings.groups_count;
    if (index == D1_BENCH_GROUPS_MAX || options->pid == 0) {
        return D1_EPARSE;
    }
    options->settings.groups_count++;
    d1_bench_cpu_init(&options->groups[index], pattern);
    return d1_bench_cpu_add(&options->groups[index], options->pid);
}

/* One option. Returns 0 or an error. */
static int set_option(struct options *options, int letter, const char *value) {
    struct d1_bench_write_settings *settings = &options->settings;
    uint64_t number = 0;
    int err = 0;
    switch (letter) {
    case 'd':
        return parse_door(value, &settings->door);
    case 's':
        settings->door_settings.host = value;
        return d1_address_parse(value, &settings->server);
    case 'n':
        return d1_address_parse(value, &settings->dns);
    case 'a':
        return read_accounts(value, options);
    case 'c':
        err = parse_number(value, D1_BENCH_CLIENTS_MAX, &number);
        settings->clients = (unsigned)number;
        return err;
    case 'T':
        settings->door_settings.token = value;
        return 0;
    case 'z':
        return d1_name_from_text(value, &settings->door_settings.zone);
    case 'k':
        return parse_key(value, &settings->door_settings.key);
    case 'u':
        return parse_time(value, &settings->warm_up_us);
    case 't':
        return parse_time(value, &settings->measure_us);
    case 'p':
        err = parse_number(value, INT32_MAX, &number);
        options->pid = (pid_t)number;
        return err;
    case 'g':
        return add_group(options, value);
    default:
        return D1_EPARSE;
    }
}

static const char *find_lack(const struct options *options) {
    const struct d1_bench_write_settings *settings = &options->settings;
    if (settings->door == NULL || settings->server.ss_family == AF_UNSPEC ||
        settings->dns.ss_family == AF_UNSPEC) {
        return "--door, --server and --dns must be given";
    }
    if (options->accounts_count < settings->clients) {
        return "--accounts must have one for each client";
    }
    if (settings->door == &d1_bench_update_door && settings->door_settings.key == NULL) {
        return "update-tsig needs --key and --zone";
    }
    return NULL;
}

/* Returns 0, or -1 when it has said what is wrong. */
static int parse_options(int argc, char **argv, struct options *options) {
    static const struct option table[] = {
        {"door", required_argument, NULL, 'd'},
        {"server", required_argument, NULL, 's'},
        {"dns", required_argument, NULL, 'n'},
        {"accounts", required_argument, NULL, 'a'},
        {"clients", required_argument, NULL, 'c'},
        {"token", required_argument, NULL, 'T'},
        {"zone", required_argument, NULL, 'z'},
        {"key", required_argument, NULL, 'k'},
        {"warm-up", required_argument, NULL, 'u'},
        {"time", required_argument, NULL, 't'},
        {"pid", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 'g'},
        {NULL, 0, NULL, 0},
    };
    int index = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (letter == '?') {
            fputs(usage_text, stderr);
            return -1;
        }
        if (set_option(options, letter, optarg) < 0) {
            fprintf(stderr, "d1bench-writes: --%s: '%s' is not valid\n%s", table[index].name,
                    optarg, usage_text);
            return -1;
        }
    }
    const char *lack = find_lack(options);
    if (lack != NULL) {
        fprintf(stderr, "d1bench-writes: %s\n%s", lack, usage_text);
        return -1;
    }
    return 0;
}

/* A share of nothing is 0. */
static double per(double amount, uint64_t count) {
    return count > 0 ? amount / (double)count : 0.0;
}

static void print_latency(const char *name, const struct d1_bench_histogram *histogram) {
    printf(", \"%s_p50_us\": %" PRIu64 ", \"%s_p99_us\": %" PRIu64, name,
           d1_bench_histogram_value(histogram, 500), name,
           d1_bench_histogram_value(histogram, 990));
}

static void print_writes(const struct options *options, const struct d1_bench_writes *writes) {
    double seconds = (double)writes->elapsed_us / 1e6;
    printf("{\"door\": \"%s\", \"clients\": %u, \"seconds\": %.3f, \"done\": %" PRIu64
           ", \"per_second\": %.1f",
           options->settings.door->name, options->settings.clients, seconds, writes->done,
           (double)writes->done / seconds);
    print_latency("answer", &writes->answer_us);
    print_latency("seen", &writes->seen_us);
    printf(", \"wrong\": %" PRIu64 ", \"unseen\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"complaint\": \"%s\", \"generator_cpu_us\": %.2f, \"cpu_us\": {",
           writes->wrong, writes->unseen, writes->lost, writes->complaint,
           per((double)writes->own_ns / 1e3, writes->done));
    for (unsigned i = 0; i < options->settings.groups_count; i++) {
        printf("%s\"%s\": %.2f", i > 0 ? ", " : "", options->groups[i].pattern,
               per((double)writes->group_ns[i] / 1e3, writes->done));
    }
    printf("}}\n");
}

int main(int argc, char **argv) {
    static struct options options = {
        .settings = {.clients = 64, .warm_up_us = 500000, .measure_us = 3000000},
    };
    static struct d1_bench_writes writes;
    struct d1_error error = {0};
    options.settings.groups = options.groups;
    options.settings.accounts = options.accounts;
    if (parse_options(argc, argv, &options) < 0) {
        return 2;
    }
    int err = d1_bench_writes_run(&options.settings, &writes, &error);
    if (err == 0) {
        print_writes(&options, &writes);
    } else {
        fprintf(stderr, "d1bench-writes: %s\n", error.text);
    }
    d1_tsig_key_drop(options.settings.door_settings.key);
    return err == 0 ? 0 : 1;
}
