/*
 * d1bench-flood: sends DNS queries from invented addresses as fast as the machine does, never waits
 * for an answer, and prints one JSON object on one line when it gets SIGTERM or SIGINT.
 *
 * IPv4 packets are written to a device as they are (packet(7)), past routing and firewall. Of each
 * eight, two come from addresses of --neighbours and two ask for one of --owner; the other sources
 * are any address, the other names a random label below --zone.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/net.h"
#include "dns/name.h"

#define BATCH         64  /* Frames of one sendmmsg call. */
#define OWNERS_MAX    64  /* Of --owner. */
#define CALLS_A_CHECK 64  /* System calls between two looks for a signal. */
#define FRAME_MAX     512 /* IP, UDP and DNS headers, a name, type and class. */
#define LABEL_OCTETS  16  /* Of an invented name: 64 random bits as hex. */
#define TYPE_TXT      16
#define CLASS_IN      1
#define HEADERS       (sizeof(struct iphdr) + sizeof(struct udphdr))

static_assert(HEADERS + D1_DNS_HEADER_BYTES + D1_NAME_OCTETS_MAX + 4 <= FRAME_MAX,
              "the longest name fits");

struct flood {
    int fd;
    struct sockaddr_ll link;
    struct sockaddr_in server;
    struct d1_name zone;
    struct d1_name owners[OWNERS_MAX];
    size_t owners_count;
    uint32_t neighbours; /* First of 256 addresses, host order; 0: none. */
    uint64_t random;
    uint64_t sent;
    uint64_t refused;
    alignas(8) uint8_t frames[BATCH][FRAME_MAX];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
};

static const char usage_text[] =
    "usage: d1bench-flood --device DEVICE --mac ADDRESS --server IPV4:PORT --zone NAME\n"
    "                     [--owner NAME]... [--neighbours IPV4]\n";

/* xorshift64: the sources must differ, nothing more. */
static uint64_t next_random(struct flood *flood) {
    uint64_t x = flood->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    flood->random = x;
    return x;
}

static uint16_t ip_checksum(const struct iphdr *header) {
    uint16_t words[sizeof(*header) / 2];
    memcpy(words, header, sizeof(words));
    uint32_t sum = 0;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(words); i++) {
        sum += words[i];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    return (uint16_t)~sum;
}

/* Neither loopback nor multicast: the kernel throws such sources away before anyone sees them. */
static uint32_t any_source(struct flood *flood) {
    uint32_t address;
    do {
        address = (uint32_t)next_random(flood);
    } while (address >> 24 == 0 || address >> 24 == 127 || address >> 24 >= 224);
    return address;
}

static bool asks_owner(const struct flood *flood, size_t slot) {
    return slot % 4 == 0 && flood->owners_count > 0;
}

static bool from_neighbour(const struct flood *flood, size_t slot) {
    return slot % 8 < 2 && flood->neighbours != 0;
}

/* What stays the same in all packets of this slot. */
static void prepare_slot(struct flood *flood, size_t slot) {
    uint8_t *at = flood->frames[slot] + HEADERS;
    const struct d1_name *name = &flood->zone;
    at[5] = 1; /* QDCOUNT; all the rest of the header is 0, but for the identifier. */
    at += D1_DNS_HEADER_BYTES;
    if (asks_owner(flood, slot)) {
        name = &flood->owners[slot / 4 % flood->owners_count];
    } else {
        *at = LABEL_OCTETS;
        at += 1 + LABEL_OCTETS;
    }
    memcpy(at, name->octets, name->length);
    at += name->length;
    d1_store_u16(at, TYPE_TXT);
    d1_store_u16(at + 2, CLASS_IN);
    at += 4;

    size_t length = (size_t)(at - flood->frames[slot]);
    struct iphdr *ip = (struct iphdr *)flood->frames[slot];
    ip->version = 4;
    ip->ihl = sizeof(*ip) / 4;
    ip->tot_len = htons((uint16_t)length);
    ip->ttl = 64;
    ip->protocol = IPPROTO_UDP;
    ip->daddr = flood->server.sin_addr.s_addr;
    struct udphdr *udp = (struct udphdr *)(ip + 1);
    udp->dest = flood->server.sin_port;
    udp->len = htons((uint16_t)(length - sizeof(*ip)));
    flood->parts[slot] = (struct iovec){.iov_base = flood->frames[slot], .iov_len = length};
    flood->messages[slot].msg_hdr = (struct msghdr){
        .msg_name = &flood->link,
        .msg_namelen = sizeof(flood->link),
        .msg_iov = &flood->parts[slot],
        .msg_iovlen = 1,
    };
}

/* Another source and another question. */
static void renew_slot(struct flood *flood, size_t slot) {
    uint8_t *frame = flood->frames[slot];
    struct iphdr *ip = (struct iphdr *)frame;
    struct udphdr *udp = (struct udphdr *)(ip + 1);
    uint64_t bits = next_random(flood);
    uint32_t source =
        from_neighbour(flood, slot) ? flood->neighbours | (uint8_t)bits : any_source(flood);
    ip->saddr = htonl(source);
    ip->check = 0;
    ip->check = ip_checksum(ip);
    udp->source = htons((uint16_t)(1024 + (bits >> 8) % 60000));
    d1_store_u16(frame + HEADERS, (uint16_t)(bits >> 32));
    if (!asks_owner(flood, slot)) {
        static const char digits[] = "0123456789abcdef";
        uint64_t label = next_random(flood);
        for (size_t i = 0; i < LABEL_OCTETS; i++) {
            frame[HEADERS + D1_DNS_HEADER_BYTES + 1 + i] = (uint8_t)digits[label >> (4 * i) & 15];
        }
    }
}

static bool is_ended(void) {
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

/* Returns 0, or -errno when the device is gone. */
static int send_batch(struct flood *flood) {
    for (size_t slot = 0; slot < BATCH; slot++) {
        renew_slot(flood, slot);
    }
    int sent = sendmmsg(flood->fd, flood->messages, BATCH, 0);
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
        return -errno;
    }
    uint64_t count = sent < 0 ? 0 : (uint64_t)sent;
    flood->sent += count;
    flood->refused += BATCH - count;
    return 0;
}

static int run(struct flood *flood) {
    int err = 0;
    while (err == 0 && !is_ended()) {
        for (unsigned i = 0; i < CALLS_A_CHECK && err == 0; i++) {
            err = send_batch(flood);
        }
    }
    return err;
}

static int open_device(struct flood *flood) {
    flood->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (flood->fd < 0) {
        return -errno;
    }
    int on = 1;
    if (setsockopt(flood->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) != 0) {
        return -errno;
    }
    return d1_random(&flood->random, sizeof(flood->random));
}

static int add_owner(struct flood *flood, const char *text) {
    if (flood->owners_count == OWNERS_MAX) {
        return D1_ELIMIT;
    }
    return d1_name_from_text(text, &flood->owners[flood->owners_count++]);
}

static int set_server(struct flood *flood, const char *text) {
    struct sockaddr_storage address;
    int err = d1_address_parse(text, &address);
    if (err == 0 && address.ss_family != AF_INET) {
        return D1_EPARSE;
    }
    if (err == 0) {
        memcpy(&flood->server, &address, sizeof(flood->server));
    }
    return err;
}

static int set_neighbours(struct flood *flood, const char *text) {
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1) {
        return D1_EPARSE;
    }
    flood->neighbours = ntohl(address.s_addr) & 0xffffff00;
    return 0;
}

static int set_mac(struct flood *flood, const char *text) {
    struct ether_addr address;
    if (ether_aton_r(text, &address) == NULL) {
        return D1_EPARSE;
    }
    flood->link.sll_halen = sizeof(address);
    memcpy(flood->link.sll_addr, &address, sizeof(address));
    return 0;
}

static int set_option(struct flood *flood, int letter, const char *value) {
    switch (letter) {
    case 'd':
        flood->link.sll_ifindex = (int)if_nametoindex(value);
        return flood->link.sll_ifindex == 0 ? -errno : 0;
    case 'm':
        return set_mac(flood, value);
    case 's':
        return set_server(flood, value);
    case 'z':
        return d1_name_from_text(value, &flood->zone);
    case 'o':
        return add_owner(flood, value);
    case 'n':
        return set_neighbours(flood, value);
    default:
        return D1_EPARSE;
    }
}

/* Returns 0, or -1 when it has said what is wrong. */
static int parse_options(int argc, char **argv, struct flood *flood) {
    static const struct option table[] = {
        {"device", required_argument, NULL, 'd'},
        {"mac", required_argument, NULL, 'm'},
        {"server", required_argument, NULL, 's'},
        {"zone", required_argument, NULL, 'z'},
        {"owner", required_argument, NULL, 'o'},
        {"neighbours", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    int index = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (letter == '?') {
            fputs(usage_text, stderr);
            return -1;
        }
        if (set_option(flood, letter, optarg) < 0) {
            fprintf(stderr, "d1bench-flood: --%s: '%s' is not valid\n%s", table[index].name, optarg,
                    usage_text);
            return -1;
        }
    }
    bool complete = flood->link.sll_ifindex != 0 && flood->link.sll_halen != 0 &&
                    flood->server.sin_port != 0 && flood->zone.length != 0;
    if (optind < argc || !complete) {
        fputs(usage_text, stderr);
        return -1;
    }
    if (1 + LABEL_OCTETS + flood->zone.length > D1_NAME_OCTETS_MAX) {
        fputs("d1bench-flood: --zone is too long\n", stderr);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv) {
    static struct flood flood;
    flood.link = (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP)};
    if (parse_options(argc, argv, &flood) < 0) {
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    for (size_t slot = 0; slot < BATCH; slot++) {
        prepare_slot(&flood, slot);
    }
    int err = open_device(&flood);
    int64_t start = d1_clock_mono_us(d1_clock_system());
    if (err == 0) {
        puts("flooding");
        fflush(stdout);
        err = run(&flood);
    }
    if (err != 0) {
        fprintf(stderr, "d1bench-flood: %s\n", strerror(-err));
        return 1;
    }
    double seconds = (double)(d1_clock_mono_us(d1_clock_system()) - start) / 1e6;
    printf("{\"sent\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"seconds\": %.3f}\n", flood.sent,
           flood.refused, seconds);
    return 0;
}
