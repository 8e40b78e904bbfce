/*
 * XML replies as JSON, so that pointers work on them: an element is its text, or an object of its
 * attributes ("@name"), its children by local name, and its own text ("#text"); children of the same
 * name become a list. The document is an object with the root element.
 *
 * Only what APIs of this field send: no document type, no entities but the five and characters by
 * number, names without their prefix. UTF-8.
 *
 * Threads: pure functions.
 * Memory: the result is the caller's.
 * Limits: D1_XML_*_MAX; beyond them D1_ETOOLARGE.
 */
#ifndef D1_PROVIDERS_XML_H
#define D1_PROVIDERS_XML_H

#include <jansson.h>
#include <stddef.h>

#include "core/attr.h"

#define D1_XML_DEPTH_MAX    32
#define D1_XML_ELEMENTS_MAX 65536
#define D1_XML_NAME_MAX     127

/* Returns 0 and *ret_document, D1_EPARSE, D1_ETOOLARGE or -ENOMEM. */
int d1_xml_parse(const char *text, size_t length, json_t **ret_document) D1_MUST_CHECK;

#endif /* D1_PROVIDERS_XML_H */
