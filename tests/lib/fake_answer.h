/*
 * A stand-in for dnsd/answer.c, for tests of what is around it: the question decides what becomes of
 * it. A program that links fake_answer.c has this d1_answer_batch and not the real one.
 *
 * Octets 12 and on of a message are orders, each a letter:
 *   'c'          note: asked for a challenge; its name is the root
 *   'u'          note: unexpected
 *   'r' N        RCODE N
 *   'l' HI LO    the answer has this length
 *   't'          the answer ends with the answering thread's id (4 octets, host order)
 * Anything else ends the orders. The answer is the message with QR set. No answer to less than a
 * header, or to QR=1; an UPDATE is left aside.
 */
#ifndef D1_TESTS_FAKE_ANSWER_H
#define D1_TESTS_FAKE_ANSWER_H

#include "dnsd/answer.h"

/* Something to serve: the fake never looks at it. */
struct d1_served *d1_fake_served(void);

#endif /* D1_TESTS_FAKE_ANSWER_H */
