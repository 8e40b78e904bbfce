/*
 * The provider process: dns01d started again with D1_PROCESS_ARGUMENT, its standard input a channel
 * to the dns01d that started it. It holds the secrets of provider accounts and nothing else: no
 * TSIG key, no store, no port. It ends when the channel does.
 *
 * Messages to it, by their "op":
 *   folders  {list: [text]}             folders of types, before the accounts that need them
 *   resolver {servers: [text], "trust-anchor-file"}
 *   account  {name, type, settings: {name: text}, zone?, ttl, look, "ca-file"?, "ca-pem"?, proxy?,
 *             networks: [text], "limit-ms"}
 *   drop     {name}
 *   job      {id, account, verb, fqdn, value}
 *   cancel   {id}
 * From it:
 *   account  {name, err, text}           whether the account was taken
 *   progress {id, step, text}
 *   end      {id, err, kind, text}       as in d1_host_job
 *   asked    {type, status}              one HTTP request has ended
 */
#ifndef D1_PROVIDERS_PROCESS_H
#define D1_PROVIDERS_PROCESS_H

#define D1_PROCESS_ARGUMENT "--provider-process"

struct d1_provider;

/* The types of provider. */
struct d1_process_types {
    const struct d1_provider *(*find)(const char *type, void *arg); /* As in d1_host_options. */
    void (*folder)(const char *path, void *arg); /* Read the types of that folder, too. */
    void *arg;
};

/* Run it until its channel ends. Returns the exit status. */
int d1_process_main(int fd, const struct d1_process_types *types);

#endif /* D1_PROVIDERS_PROCESS_H */
