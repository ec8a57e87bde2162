/* proxy/worker.h
 *
 * Purpose    What all connections of a worker share: loop, image, pools, counters, log.
 * Ownership  The worker owns all of it but loop, statistics page, log descriptor and the options' texts, which
 *            outlive it; connections borrow.
 * Lifetime   worker_init() … worker_deinit(); one per process, several in tests.
 * Roles      proxy. */
#ifndef YETT_PROXY_WORKER_H
#define YETT_PROXY_WORKER_H

#include "compress/encoder.h"
#include "image/view.h"
#include "net/loop.h"
#include "proxy/client/certificates.h"
#include "proxy/exchange/agent_pattern.h"
#include "proxy/exchange/patterns.h"
#include "proxy/l4/service_ports.h"
#include "proxy/l4/udp_session.h"
#include "proxy/log/access_log.h"
#include "proxy/main.h"
#include "proxy/random.h"
#include "proxy/stream/iobuf.h"
#include "proxy/upstream/backend_tls.h"
#include "proxy/upstream/balancer.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/resolver.h"
#include "stats/page.h"

struct exchange;
struct h1_client;

struct worker {
    struct loop *loop;
    struct iobuf_pool buffers;
    struct compress_budget compress_budget;
    struct agent_pattern gzip_not_for;
    struct image_view *view; /* NULL until the first image */
    struct endpoint_table endpoints;
    struct backend_tls backend_tls;
    struct balancer balancer;
    struct certificates certificates;
    struct patterns patterns;
    struct access_log access_log;
    struct resolver *resolver;
    struct stats_page *stats;
    struct stats_writer *slots;
    struct random random;
    struct service_ports service_ports;
    struct udp_sessions udp;
    struct list clients; /* all client connections */
    uint32_t clients_len, clients_max;
    uint32_t streams_len;            /* of clients that speak HTTP/2 */
    struct exchange *exchanges_free; /* for reuse */
    uint32_t exchanges_free_len;
    struct h1_client *h1_clients_free; /* likewise */
    uint32_t h1_clients_free_len;
    struct loop_timer sweep_timer; /* forgets what the newest image no longer names */
    struct span admin_name; /* abstract address of the controller's admin endpoint; "": none */
    struct span health_check_path;
    struct span access_format_default;
    struct span stream_format_default;
    enum access_escape access_escape_default;
    bool unready;         /* probes are told so; all else goes on */
    bool draining;        /* answers say Connection: close */
    uint64_t time_second; /* the second that date_text was made for */
    char date_text[32];   /* RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT" */
};

/* Sets up everything but listeners and image. `stats` stays the caller's. */
YETT_MUST_USE int worker_init(struct worker *worker, struct loop *loop, struct stats_page *stats,
                              int access_log_fd, const struct proxy_options *options);
/* Closes all connections. Those that wait on ports of TCP Services are left there. */
void worker_deinit(struct worker *worker);

/* Serves `view` (a reference is taken) from the next request on. */
void worker_take_image(struct worker *worker, struct image_view *view);

bool worker_is_ready(const struct worker *worker);

/* Closes idle connections, clients' and backends', and all of UDP's sessions. */
void worker_close_idle(struct worker *worker);

/* Now, as a Date field says it. */
struct span worker_date(struct worker *worker);

#endif
