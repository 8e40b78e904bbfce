#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "daemon/daemon.h"
#include "providers/builtin.h"
#include "providers/process.h"

#define DEFAULT_CONFIG "/etc/dns01d/dns01d.yaml"

static const char usage[] =
    "Usage: dns01d [-c FILE] [--check] [--print-defaults] [--version] [--help]\n"
    "\n"
    "DNS-01 challenge responder: authoritative DNS for ACME challenges, and the HTTP\n"
    "doors that ACME clients write them through.\n"
    "\n"
    "  -c, --config FILE   YAML configuration; without it " DEFAULT_CONFIG "\n"
    "                      if it exists, else the defaults, all on loopback\n"
    "      --check         read the configuration, print each fault, exit 1 if any\n"
    "      --print-defaults  print every setting with its default\n"
    "      --version       print the version\n"
    "  -h, --help          print this\n"
    "\n"
    "SIGHUP reads the configuration again; SIGTERM ends the program when what is\n"
    "under way is finished. Manual: dns01d(8), dns01d.conf(5).\n";

struct arguments {
    const char *config;
    bool check;
    bool done; /* What was asked for was printed. */
};

static int print_defaults(void) {
    struct d1_bytes out;
    d1_bytes_init(&out, D1_CONFIG_BYTES_MAX);
    int err = d1_setting_print(d1_config_settings(), &out);
    const char *text = d1_bytes_text(&out);
    if (err == D1_OK && text != NULL) {
        fputs(text, stdout);
    }
    d1_bytes_close(&out);
    return err;
}

/* Returns 0, or the exit status to end with. */
static int parse_arguments(int argc, char **argv, struct arguments *ret_arguments) {
    enum { CHECK = 256, PRINT_DEFAULTS, VERSION };
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, CHECK},
                                            {"print-defaults", no_argument, NULL, PRINT_DEFAULTS},
                                            {"version", no_argument, NULL, VERSION},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    for (;;) {
        int option = getopt_long(argc, argv, "c:h", options, NULL);
        switch (option) {
        case -1:
            if (optind < argc) {
                fprintf(stderr, "dns01d: unexpected argument \"%s\"; see dns01d --help\n",
                        argv[optind]);
                return 2;
            }
            return 0;
        case 'c':
            ret_arguments->config = optarg;
            break;
        case CHECK:
            ret_arguments->check = true;
            break;
        case PRINT_DEFAULTS:
            ret_arguments->done = true;
            return print_defaults() == D1_OK ? 0 : 1;
        case VERSION:
            ret_arguments->done = true;
            puts("dns01d " D1_VERSION);
            return 0;
        case 'h':
            ret_arguments->done = true;
            fputs(usage, stdout);
            return 0;
        default:
            fputs("See dns01d --help.\n", stderr);
            return 2;
        }
    }
}

static void print_fault(void *arg, const char *text) {
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

static void print_warning(void *arg, const char *text) {
    (void)arg;
    fprintf(stderr, "%s (a warning)\n", text);
}

static int check_only(struct d1_config *config, const char *path) {
    struct d1_error error = {0};
    int err = d1_daemon_check_zones(config, &error);
    d1_config_destroy(config);
    if (err != D1_OK) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        return 1;
    }
    return 0;
}

static int serve(struct d1_config *config, const char *path) {
    struct d1_log log;
    d1_log_init(&log, STDERR_FILENO, d1_clock_system());
    atomic_store(&log.level, config->log_level);
    atomic_store(&log.format, config->log_format);
    struct d1_error error = {0};
    struct d1_daemon *daemon = NULL;
    int err = d1_daemon_create(config, path, &log, &daemon, &error);
    if (err != D1_OK) {
        d1_config_destroy(config);
    } else {
        err = d1_daemon_run(daemon, &error);
    }
    if (err != D1_OK) {
        fprintf(stderr, "dns01d: %s\n", error.text);
        return 1;
    }
    return 0;
}

/* ---- The provider process ---- */

static const struct d1_provider *find_type(const char *type, void *arg) {
    const struct d1_provider *provider = NULL;
    return d1_builtin_find(arg, type, &provider, NULL) == D1_OK ? provider : NULL;
}

/* Faults were told by who read the configuration. */
static void ignore_fault(void *arg, const char *file, unsigned line, const char *text) {
    (void)arg;
    (void)file;
    (void)line;
    (void)text;
}

static void load_folder(const char *path, void *arg) {
    int err = d1_builtin_load(arg, path, ignore_fault, NULL);
    (void)err; /* What cannot be read has no types. */
}

static int run_providers(void) {
    struct d1_builtin *types = NULL;
    if (d1_builtin_create(&types) != D1_OK) {
        return 1;
    }
    const struct d1_process_types process = {
        .find = find_type, .folder = load_folder, .arg = types};
    int status = d1_process_main(STDIN_FILENO, &process);
    d1_builtin_destroy(types);
    return status;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], D1_PROCESS_ARGUMENT) == 0) {
        return run_providers();
    }
    struct arguments arguments = {0};
    int status = parse_arguments(argc, argv, &arguments);
    if (status != 0 || arguments.done) {
        return status;
    }
    const char *path = arguments.config;
    if (path == NULL && access(DEFAULT_CONFIG, F_OK) == 0) {
        path = DEFAULT_CONFIG;
    }
    struct d1_config_faults faults = {
        .line = print_fault,
        .warning = print_warning,
        .file = path != NULL ? path : "built-in defaults",
    };
    struct d1_config *config = NULL;
    int err = d1_config_read(path, &faults, &config);
    if (err != D1_OK) {
        if (faults.count == 0) {
            fprintf(stderr, "dns01d: %s\n", d1_err_text(err));
        }
        return 1;
    }
    return arguments.check ? check_only(config, faults.file) : serve(config, path);
}
