#include "ctl/hookpaste.h"

#include <stddef.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"

struct client {
    const char *name;
    const char *summary;
    const char *lines;
};

/* For clients whose configuration is a shell script that they source. */
#define EXPORTS                                         \
    "# Only where dns01d runs on another host:\n"       \
    "#export DNS01CTL_URL=https://dns01d.example.org\n" \
    "#export DNS01CTL_TOKEN_FILE=/etc/ssl/private/dns01d.token\n"

static const char certbot_lines[] =
    "# certbot keeps both hooks for its renewals. Where dns01d runs on another host, each is\n"
    "# 'dns01ctl --url https://dns01d.example.org --token-file /etc/ssl/private/dns01d.token'.\n"
    "certbot certonly --manual --preferred-challenges dns \\\n"
    "    --manual-auth-hook dns01ctl --manual-cleanup-hook dns01ctl \\\n"
    "    -d example.org -d '*.example.org'\n";

static const char dehydrated_lines[] = "# /etc/dehydrated/conf.d/dns01d.sh\n"
                                       "CHALLENGETYPE=dns-01\n"
                                       "HOOK=/usr/bin/dns01ctl\n"
                                       "HOOK_CHAIN=yes\n" EXPORTS;

static const char uacme_lines[] =
    EXPORTS "uacme -h /usr/bin/dns01ctl issue example.org '*.example.org'\n";

static const char lego_lines[] =
    EXPORTS "export EXEC_PATH=/usr/bin/dns01ctl  # with or without EXEC_MODE=RAW\n"
            "export EXEC_SEQUENCE_INTERVAL=1     # the record is live when dns01ctl returns\n"
            "lego --email you@example.org --dns exec \\\n"
            "    --domains example.org --domains '*.example.org' run\n";

static const char getssl_lines[] = "# ~/.getssl/getssl.cfg, or the one of a domain\n"
                                   "VALIDATE_VIA_DNS=true\n"
                                   "DNS_ADD_COMMAND=\"/usr/bin/dns01ctl dns_add\"\n"
                                   "DNS_DEL_COMMAND=\"/usr/bin/dns01ctl dns_del\"\n" EXPORTS;

/* acme.sh keeps what its scripts save, so that renewals by cron know it. */
static const char acme_sh_lines[] =
    "#!/usr/bin/env sh\n"
    "# shellcheck disable=SC2034\n"
    "#\n"
    "# dns01ctl hook acme.sh > ~/.acme.sh/dnsapi/dns_dns01d.sh\n"
    "# acme.sh --issue --dns dns_dns01d --dnssleep 1 -d example.org -d '*.example.org'\n"
    "dns_dns01d_info='dns01d\n"
    "Options:\n"
    " DNS01CTL_URL URL of dns01d, where it runs on another host. Optional.\n"
    " DNS01CTL_TOKEN_FILE File with the token for that URL. Optional.\n"
    " DNS01CTL_SOCKET Control socket in an unusual place. Optional.\n"
    "'\n"
    "\n"
    "# Usage: dns_dns01d_add _acme-challenge.www.example.org VALUE\n"
    "dns_dns01d_add() {\n"
    "  _dns01d_settings\n"
    "  dns01ctl present \"$1\" \"$2\"\n"
    "}\n"
    "\n"
    "# Usage: dns_dns01d_rm _acme-challenge.www.example.org VALUE\n"
    "dns_dns01d_rm() {\n"
    "  _dns01d_settings\n"
    "  dns01ctl cleanup \"$1\" \"$2\"\n"
    "}\n"
    "\n"
    "_dns01d_settings() {\n"
    "  if [ -z \"$DNS01CTL_URL$DNS01CTL_TOKEN_FILE$DNS01CTL_SOCKET\" ]; then\n"
    "    DNS01CTL_URL=\"$(_readaccountconf_mutable DNS01CTL_URL)\"\n"
    "    DNS01CTL_TOKEN_FILE=\"$(_readaccountconf_mutable DNS01CTL_TOKEN_FILE)\"\n"
    "    DNS01CTL_SOCKET=\"$(_readaccountconf_mutable DNS01CTL_SOCKET)\"\n"
    "  fi\n"
    "  _saveaccountconf_mutable DNS01CTL_URL \"$DNS01CTL_URL\"\n"
    "  _saveaccountconf_mutable DNS01CTL_TOKEN_FILE \"$DNS01CTL_TOKEN_FILE\"\n"
    "  _saveaccountconf_mutable DNS01CTL_SOCKET \"$DNS01CTL_SOCKET\"\n"
    "  export DNS01CTL_URL DNS01CTL_TOKEN_FILE DNS01CTL_SOCKET\n"
    "}\n";

static const struct client clients[] = {
    {"certbot", "manual authentication and cleanup hooks", certbot_lines},
    {"dehydrated", "HOOK, with or without HOOK_CHAIN", dehydrated_lines},
    {"acme.sh", "a script for its dnsapi folder", acme_sh_lines},
    {"uacme", "challenge hook", uacme_lines},
    {"lego", "exec provider, default and RAW mode", lego_lines},
    {"getssl", "DNS_ADD_COMMAND and DNS_DEL_COMMAND", getssl_lines},
};

void d1_hook_list(FILE *out) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(clients); i++) {
        fprintf(out, "%-12s%s\n", clients[i].name, clients[i].summary);
    }
}

int d1_hook_paste(FILE *out, const char *client) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(clients); i++) {
        if (strcmp(clients[i].name, client) == 0) {
            fputs(clients[i].lines, out);
            return D1_OK;
        }
    }
    return D1_ENOTFOUND;
}
