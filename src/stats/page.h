/* stats/page.h
 *
 * Purpose    Counters of one worker in memory that the controller reads: layout, writer and reader.
 * Ownership  The supervisor makes one memfd per worker slot and holds it across the worker's deaths, so
 *            that counters never go back; the process that maps it owns the mapping.
 * Roles      proxy writes its own page (single writer, relaxed atomics), control reads all, supervisor
 *            creates them and writes its own fields.
 * Limits     STATS_SLOTS_MAX routes; what comes later is counted in slot 0, under id 0 ("other").
 * See        docs/internals/stats.md */
#ifndef YETT_STATS_PAGE_H
#define YETT_STATS_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum {
    STATS_SLOTS_MAX = 65536,
    STATS_STATUS_CLASSES = 5,    /* 1xx … 5xx */
    STATS_DURATION_BUCKETS = 12, /* upper bounds in stats_duration_bounds_us; the last is +Inf */
};

/* 5 ms, 10 ms, 25 ms, 50 ms, 100 ms, 250 ms, 500 ms, 1 s, 2.5 s, 5 s, 10 s, +Inf (UINT64_MAX). */
extern const uint64_t stats_duration_bounds_us[STATS_DURATION_BUCKETS];

/* Numbers of one (rule, service): keyed by route_metric_id(). */
struct stats_slot {
    uint64_t id;
    uint64_t status[STATS_STATUS_CLASSES];
    uint64_t duration[STATS_DURATION_BUCKETS]; /* not cumulative */
    uint64_t duration_sum_us;
    uint64_t request_bytes, response_bytes;
    uint64_t reserved[3];
};

struct stats_page {
    uint64_t slots_len; /* grows; all but its writer use stats_page_slots_len() */

    /* Written by the worker. The second line are gauges: stats_writer_new() clears them, because
     * what they counted died with the worker before. */
    uint64_t connections_accepted, connections_handled;
    uint64_t connections_active, connections_reading, connections_writing, connections_waiting;
    uint64_t requests;
    uint64_t upstream_connects, upstream_connect_failures, upstream_reuses, upstream_retries;
    uint64_t tls_handshakes, tls_handshake_failures;
    uint64_t refused_connections; /* over the limit */
    uint64_t bad_requests;        /* heads that were refused */
    uint64_t access_log_dropped;  /* lines, because the reader was slow */
    uint64_t generation;          /* of the image that is being served */
    uint64_t proxy_headers_refused;
    uint64_t stream_connections;                       /* below HTTP, TCP: begun */
    uint64_t udp_sessions;                             /* begun */
    uint64_t stream_failures;                          /* no endpoint took it; UDP: ICMP said so */
    uint64_t stream_received_bytes, stream_sent_bytes; /* from and to their clients */
    uint64_t udp_datagrams_dropped, udp_sessions_evicted;
    uint64_t spliced_bytes;   /* of bodies and tunnels: from socket to socket in the kernel */
    uint64_t refused_streams; /* of HTTP/2, over the limits of all clients together */
    uint64_t worker_reserved[6];

    /* Written by the supervisor. */
    uint64_t starts; /* of this worker slot: restarts are one less */
    uint64_t started_wall_s;
    uint64_t pid;
    uint64_t supervisor_reserved[5];

    struct stats_slot slots[];
};

/* Size of a page's memfd. */
size_t stats_page_bytes(void);

/* Makes a memfd of that size and sets it up (no reader sees it half-made). Returns the descriptor,
 * close-on-exec, or -errno. */
YETT_MUST_USE int stats_page_create(void);

enum stats_map_mode { STATS_READ, STATS_WRITE };

/* Maps the page behind `fd`, which stays with the caller. Returns 0, -errno, or -EPROTO for a
 * foreign one: another size, or a file that could still be cut short. What stands in it is never a
 * reason: a worker may have written anything. */
YETT_MUST_USE int stats_page_map(int fd, enum stats_map_mode mode, struct stats_page **ret_page);
void stats_page_unmap(struct stats_page *page);

/* Slots [0, len) have their ids; from 1 to STATS_SLOTS_MAX, whatever the page says. */
size_t stats_page_slots_len(const struct stats_page *page);

/* The single writer: finds slots by id with an index of its own, built from what the page holds. */
struct stats_writer;
YETT_MUST_USE struct stats_writer *stats_writer_new(struct stats_page *page);
struct stats_writer *stats_writer_free(struct stats_writer *writer);
/* Never NULL: slot 0 once the page is full. */
struct stats_slot *stats_writer_slot(struct stats_writer *writer, uint64_t id);

static inline void stats_add(uint64_t *counter, uint64_t by)
{
    __atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED); /* single writer */
}

/* For gauges. */
static inline void stats_sub(uint64_t *gauge, uint64_t by)
{
    __atomic_store_n(gauge, *gauge - by, __ATOMIC_RELAXED); /* single writer */
}

static inline uint64_t stats_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Counts one finished request. `status` 100..599. */
void stats_slot_count(struct stats_slot *slot, unsigned status, uint64_t duration_us,
                      uint64_t request_bytes, uint64_t response_bytes);

#endif
