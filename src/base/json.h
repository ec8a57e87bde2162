/* base/json.h
 *
 * Purpose    JSON written piece by piece; commas come of themselves.
 * Ownership  Writes to the caller's buf; the caller closes what it opened. */
#ifndef YETT_BASE_JSON_H
#define YETT_BASE_JSON_H

#include <stdint.h>

#include "base/buf.h"

/* Where the next value goes: a comma if one is due, then `"key":` unless key is NULL. Keys are ours
 * and need no escape. */
void json_key(struct buf *out, const char *key);
void json_open(struct buf *out, const char *key, char bracket); /* '{' or '[' */
void json_close(struct buf *out, char bracket);                 /* '}' or ']' */
void json_u64(struct buf *out, const char *key, uint64_t value);
void json_bool(struct buf *out, const char *key, bool value);
void json_text(struct buf *out, const char *key, struct span text);

#endif
