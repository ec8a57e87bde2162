/* http/h1_scan.h
 *
 * Purpose    The three searches that a head spends its time in, for the machine at hand. Each
 *            returns the first such byte from `at` on, or `end`, past which none reads:
 *              h1_scan_name    no letter, digit or '-': what ends a field name, but for odd ones
 *              h1_scan_text    what no field value holds: controls but tab, and DEL
 *              h1_scan_target  what no request target holds: controls, space and DEL
 *            The twins agree on every input; test/unit/http/test_h1_scan.c holds them to it. */
#ifndef YETT_HTTP_H1_SCAN_H
#define YETT_HTTP_H1_SCAN_H

#include "http/h1_scan_portable.h"

#ifdef __SSE2__
#include "http/h1_scan_sse2.h"
#define h1_scan_name   h1_scan_name_sse2
#define h1_scan_text   h1_scan_text_sse2
#define h1_scan_target h1_scan_target_sse2
#else
#define h1_scan_name   h1_scan_name_portable
#define h1_scan_text   h1_scan_text_portable
#define h1_scan_target h1_scan_target_portable
#endif

#endif
