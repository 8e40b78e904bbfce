/*
 * Every hard limit of the program, with its source or its reason. A length that comes from outside
 * is compared with a constant of this file before it is used.
 */
#ifndef D1_CORE_LIMITS_H
#define D1_CORE_LIMITS_H

/* DNS. */
#define D1_NAME_OCTETS_MAX        255 /* RFC 1035, 2.3.4: a name in wire form, root label included. */
#define D1_LABEL_OCTETS_MAX       63 /* RFC 1035, 2.3.4. */
#define D1_NAME_LABELS_MAX        127 /* 255 octets hold at most 127 one-octet labels and the root. */
#define D1_NAME_TEXT_MAX          1024 /* Each octet as \DDD, dots, NUL: 4 * 254 + 1, rounded up. */
#define D1_TXT_STRING_MAX         255  /* RFC 1035, 3.3: one character-string. */
#define D1_DNS_HEADER_BYTES       12   /* RFC 1035, 4.1.1. */
#define D1_DNS_MESSAGE_MAX        65535 /* RFC 1035, 4.2.2: two-octet length on TCP. */
#define D1_DNS_UDP_PLAIN_MAX      512   /* RFC 1035, 4.2.1: without EDNS. */
#define D1_COOKIE_SECRETS_MAX     8  /* The current one, and former ones that are still accepted. */
#define D1_NSID_OCTETS_MAX        64 /* A host name (HOST_NAME_MAX). */
#define D1_DNS_UDP_MAX            1232 /* DNS flag day 2020, RFC 9715: no fragments on any path. */
#define D1_OWNER_VALUES_BYTES_MAX 1232 /* Contract: values of one owner name, in octets. */
#define D1_TSIG_MAC_MAX           64   /* HMAC-SHA-512 (RFC 8945, 6). */
#define D1_UPDATE_RECORDS_MAX     512  /* Prerequisites and changes of one UPDATE; then REFUSED. */
#define D1_TSIG_KEYS_MAX          65536
#define D1_SIGNED_QUERY_MAX       2048 /* Question, OPT and TSIG of a query need less. */
#define D1_RECORD_BYTES_MAX       65520 /* One table record with all its RRsets; fits a TCP message. */

/* Resolver. */
#define D1_RESOLVE_QUERIES_MAX     256   /* Questions under way at once; then D1_ELIMIT. */
#define D1_RESOLVE_RECORDS_MAX     64    /* Records of one answer that are looked at. */
#define D1_RESOLVE_SERVERS_MAX     16    /* `resolver.servers`. */
#define D1_RESOLVE_QUERY_MS        5000  /* As stub resolvers wait for one answer. */
#define D1_RESOLVE_CACHE_S         5     /* Longer than one chain takes, shorter than patience. */
#define D1_FOLLOW_LINKS_MAX        8     /* CNAMEs; resolvers of CAs follow about as many. */
#define D1_FOLLOW_MS               10000 /* One chain: two lost packets, or one slow server. */
#define D1_FOLLOWS_MAX             128   /* Chains followed at once; then D1_ELIMIT. */
#define D1_FOLLOWERS_MAX           1024  /* Requests that wait for those; then D1_ELIMIT. */
#define D1_AUTHORITY_NAMES_MAX     16    /* Name servers of one zone: the root has 13. */
#define D1_AUTHORITY_ADDRESSES_MAX 32    /* And their addresses. */

/* Record table and zones. */
#define D1_TABLE_WAITING_BYTES_MAX    67108864 /* Retired, still seen by readers; then put refuses. */
#define D1_RRSETS_MAX                 64       /* Types at one owner name. */
#define D1_DELEGATION_NAMESERVERS_MAX 16       /* NS records in the answers of one delegation. */
#define D1_CNAME_LINKS_MAX            16       /* CNAMEs followed for one answer. */
#define D1_ZONE_TEXT_MAX              65535    /* One line of a zone file, and one record of it. */
#define D1_STATIC_RECORDS_MAX         16777216 /* Records of one zone's configuration and file. */

/* DNS worker. */
#define D1_UDP_BATCH            64 /* Datagrams a recvmmsg call takes; more gains nothing. */
#define D1_UDP_BATCHES_PER_WAKE 8  /* Then other sockets of the worker get their turn. */
#define D1_WORKERS_MAX          256
#define D1_LISTENERS_MAX        64
#define D1_TCP_CONNECTIONS_MAX  4096     /* Per worker, bounded again by RLIMIT_NOFILE. */
#define D1_TCP_UNSENT_BYTES_MAX 262144   /* Unsent answers per connection; then reading pauses. */
#define D1_TCP_HELD_BYTES_MAX   67108864 /* Unsent and unread octets a worker holds altogether. */
#define D1_TCP_READ_BYTES       16384    /* One read; also the reassembly step. */
#define D1_TCP_IDLE_MS          10000    /* RFC 7766, 6.2.3: a few seconds or more. */
#define D1_PROXY_BYTES_MAX      536 /* PROXY v2 header: fits the least MTU, as its text advises. */
#define D1_RATE_PREFIXES        65536 /* Client prefixes whose rate a worker knows: 1 MiB. */
#define D1_RATE_PER_SECOND_MAX  1000000
#define D1_DNS_CIDRS_MAX        1024 /* Of one setting of `dns`; each is compared. */
#define D1_UPDATE_JOBS_MAX      256 /* UPDATEs of a worker that are being applied; then SERVFAIL. */
#define D1_ASKED_RING_LENGTH    1024 /* Timeline events a worker holds for the control thread. */

/* HTTP. */
#define D1_HTTP_HEADER_BYTES_MAX          16384 /* Request line and headers together. */
#define D1_HTTP_HEADERS_MAX               64
#define D1_HTTP_TARGET_BYTES_MAX          4096
#define D1_HTTP_BODY_BYTES_MAX            65536
#define D1_HTTP_METHOD_BYTES_MAX          32 /* The longest registered one has 17 (RFC 9110, 16.1). */
#define D1_HTTP_TRAILER_BYTES_MAX         1024 /* Read and forgotten. */
#define D1_HTTP_CHUNK_EXTENSION_BYTES_MAX 256  /* In all chunks of a body together. */
#define D1_HTTP_RESPONSE_HEAD_BYTES_MAX   8192
#define D1_HTTP_READ_BYTES                16384 /* One read; also what is held of pipelined requests. */
#define D1_HTTP_BACKLOG                   512
#define D1_HTTP_CONNECTIONS_MAX           4096 /* Per listener, bounded again by RLIMIT_NOFILE. */
#define D1_HTTP_HEADER_MS                 10000 /* From the first octet of a request to its last header. */
#define D1_HTTP_BODY_MS                   30000  /* From the last header to the end of the body. */
#define D1_HTTP_IDLE_MS                   120000 /* Keep-alive, as acme-dns. */
#define D1_HTTP_WRITE_MS                  30000  /* A client that does not read its answer. */
#define D1_HTTP_LINGER_MS                 2000 /* After the last answer: until the client has closed too. */
#define D1_HTTP_LINGER_BYTES_MAX          1048576 /* Read and forgotten in that time. */
#define D1_HTTP_PER_ADDRESS_MAX           1024 /* Default: no address takes all of the connections. */
#define D1_HTTP_CALLS_MAX                 1024 /* Requests of ours under way at a time. */
#define D1_HTTP_IDLE_CONNECTIONS_MAX      32   /* Kept open for the next request. */
#define D1_HTTP_CONNECT_MS                5000
#define D1_HTTP_CALL_MS                   20000 /* A front door waits 25 s at most. */
#define D1_HTTP_REPLY_BYTES_MAX           1048576
#define D1_HTTP_RETRY_AFTER_MAX_S         300
#define D1_TLS_RECORD_BYTES               16384   /* RFC 8446, 5.1: plaintext of one record. */
#define D1_TLS_PEM_BYTES_MAX              1048576 /* A chain or key file. */
#define D1_TLS_CHAIN_MAX                  16 /* Certificates of a chain; real ones have 2 to 4. */
#define D1_TLS_AUTHORITIES_MAX            64 /* Of a bundle; a rotation holds two. */
#define D1_TLS_NAME_MAX                   64 /* RFC 5280, A.1: ub-common-name. */
#define D1_TLS_PROVEN_MS                  60000 /* A chain is checked again after that. */
#define D1_JSON_DEPTH_MAX                 32 /* jansson recurses; nothing of ours nests deeper than 4. */

/* Front doors. */
#define D1_JSON_KEYS_MAX         64       /* Of an object we read; each is compared with each. */
#define D1_LIST_ENTRIES_MAX      10000    /* Challenges in one listing; more are only said to be. */
#define D1_HTTP_ANSWER_BYTES_MAX 33554432 /* A full listing with the longest names and values. */
#define D1_LIMIT_ADDRESSES       8192     /* Client addresses whose frequency is remembered. */

/* Kubernetes. */
#define D1_KUBE_LABEL_MAX        63      /* RFC 1123: a namespace. */
#define D1_KUBE_NAME_MAX         253     /* A name of an object, a key of a Secret. */
#define D1_KUBE_REPLY_BYTES_MAX  4194304 /* etcd keeps objects of 1.5 MiB; JSON may be longer. */
#define D1_KUBE_TOKEN_BYTES_MAX  16384   /* A bound token has about 1 KiB. */
#define D1_KUBE_CONFIG_BYTES_MAX 1048576 /* A kubeconfig. */
#define D1_KUBE_NAMES_MAX        64      /* Groups and solvers served at once. */
#define D1_KUBE_POLICY_MAX       4096    /* Entries of webhook.policy. */
#define D1_KUBE_HEADERS_MAX      8       /* Header names and CNs of one list of the front proxy. */
#define D1_KUBE_USER_MAX         1024    /* A user name. */
#define D1_KUBE_GROUPS_MAX       64      /* Of one user; headers are bounded too. */
#define D1_KUBE_REVIEWS_MAX      256     /* Decisions that are remembered, ... */
#define D1_KUBE_REVIEW_MS        10000   /* ... and for how long; as the Go library. */
#define D1_KUBE_CALL_MS          8000    /* One answer of the API, retries included. */
#define D1_KUBE_ANSWER_MS        28000 /* All of a Present; kube-apiserver waits 60 s, Go webhooks 34. */
#define D1_ISSUER_SETTINGS_MAX   64
#define D1_ISSUER_TEXT_MAX       65535

/* Store and solver. */
#define D1_STORE_QUEUE_MAX     16384 /* Writes that wait for a commit; then 503. */
#define D1_STORE_BATCH_MAX     1024  /* Writes in one transaction. */
#define D1_TOKEN_NAME_MAX      128
#define D1_VIA_TEXT_MAX        96  /* A provider account: its name, or '~' and a digest. */
#define D1_OWNER_TEXT_MAX      160 /* "kubernetes:" and a namespace, "token:" and a name. */
#define D1_SECRET_BYTES_MIN    16  /* Contract: shorter secrets of ours are refused. */
#define D1_SECRET_BYTES_MAX    4096
#define D1_TIMELINE_EVENTS_MAX 64    /* Per owner name; later `asked` are only counted. */
#define D1_TIMELINE_NAMES_MAX  65536 /* Names with events; the oldest give way. */
#define D1_ALLOWFROM_MAX       64    /* CIDRs of one acme-dns account. */
#define D1_ACCOUNTS_MAX        16777216
#define D1_ACCOUNT_KEY_LENGTH  40 /* Characters of an account's key, as acme-dns. */
#define D1_BCRYPT_TEXT_BYTES   61 /* "$2a$10$" and 53 characters, NUL. */
#define D1_BCRYPT_COST_MAX     14 /* About a second of a CPU; each step doubles it. acme-dns has 10. */
#define D1_LOGINS_RUNNING_MAX  2    /* bcrypt checks at a time: half of libuv's pool. */
#define D1_LOGINS_WAITING_MAX  64   /* Then 503; half of them may be for users that do not exist. */
#define D1_IMPORT_BATCH_MAX    100  /* Accounts in one request; they fit a body. */
#define D1_IMPORT_VALUES_MAX   8    /* Of one imported account; acme-dns has two. */
#define D1_SEALED_BYTES_MAX    2048 /* A client's account in JSON: names, UUIDs, a key and a URL. */
#define D1_SEALED_PER_TOKEN    1024 /* Domains of one token whose accounts are kept. */
#define D1_SEALED_MAX          65536
#define D1_CHALLENGES_MAX      16777216
#define D1_TOKENS_MAX          65536
#define D1_TOKEN_PATTERNS_MAX  256   /* `names` and `owners` of a token made at run time. */
#define D1_TOKEN_KEY_BYTES_MAX 64    /* Its TSIG secret: as long as the longest MAC. */
#define D1_RIGHTS_PATTERNS_MAX 65536 /* `names` and `owners` of one credential. */

/* Configuration. */
#define D1_CONFIG_BYTES_MAX 4194304
#define D1_CONFIG_DEPTH_MAX 16
#define D1_ZONES_MAX        4096
#define D1_PATH_MAX         4096

#endif /* D1_CORE_LIMITS_H */
