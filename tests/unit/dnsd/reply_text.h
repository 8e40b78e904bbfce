/*
 * Whole answers as text: "RCODE flags | answer | authority | additional", records as "owner TYPE
 * rdata" with their TTL when it is not 3600 (an SOA has nothing but its TTL), separated by "; ".
 */
#ifndef D1_TESTS_UNIT_DNSD_REPLY_TEXT_H
#define D1_TESTS_UNIT_DNSD_REPLY_TEXT_H

#include "tests/unit/dnsd/fixture.h"

/* Ask, and compare the answer. */
void d1_assert_reply(const struct d1_fixture *fixture, const struct d1_ask *ask,
                     const char *answer);

/* Make a fixture of these zones, without challenges. */
void d1_fixture_load(struct d1_fixture *fixture, const struct d1_zone_config *configs,
                     size_t count);

#endif /* D1_TESTS_UNIT_DNSD_REPLY_TEXT_H */
