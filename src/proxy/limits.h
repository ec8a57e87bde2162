/* proxy/limits.h
 *
 * Purpose    What stops a hostile client (or backend): every cap and time-out of a worker that is not a
 *            route's policy or a setting of the ConfigMap, with its reason. */
#ifndef YETT_PROXY_LIMITS_H
#define YETT_PROXY_LIMITS_H

enum {
    /* A browser's head with large cookies is 4 to 16 KB; ingress-nginx takes four lines of 8 KB. */
    PROXY_HEAD_BYTES_MAX = 32 << 10,
    /* Signed URLs and SAML redirects reach 8 KB. */
    PROXY_TARGET_BYTES_MAX = 16 << 10,
    /* Fields of a request; a response may have as many (HTTP_HEADERS_MAX of them). */
    PROXY_HEADERS_MAX = 100,
    /* Backends may set more cookies than clients send back. */
    PROXY_RESPONSE_HEAD_BYTES_MAX = 64 << 10,

    /* One read or write. A busy exchange holds three: its head, and one on each side of the body that
     * moves; four while bodies move both ways. */
    PROXY_BUFFER_BYTES = 16 << 10,
    /* What a backend hears of a client that showed a certificate: as much as tls/peer.h lets through, with
     * the names of the fields. */
    PROXY_CLIENT_IDENTITY_BYTES_MAX = 17 << 10,
    /* For heads that do not fit: the largest one thrice over, for what is added repeats parts of it; and the
     * client's identity. */
    PROXY_BUFFER_LARGE_BYTES = 130 << 10,
    /* A body that came with its head is kept with it, to be sent again where that is safe: as long as it
     * fits into one buffer with the largest head that may be made of the client's. */
    PROXY_WHOLE_BODY_BYTES_MAX = PROXY_BUFFER_LARGE_BYTES - 3 * PROXY_HEAD_BYTES_MAX -
                                 PROXY_CLIENT_IDENTITY_BYTES_MAX - 2048,
    /* Buffers kept for reuse: enough for the exchanges that are busy at one time. */
    PROXY_BUFFERS_KEPT = 256,
    /* And what else such an exchange takes: itself, and what speaks HTTP/1 with its client. */
    PROXY_EXCHANGES_KEPT = 128,
    PROXY_CLIENTS_KEPT = 128,

    /* Memory of all encoders that compress answers: some 600 of gzip (104 KB each), 30 of br at its usual
     * level (2 MB). They live as long as their answer takes, and clients may be slow. */
    PROXY_COMPRESS_BYTES_MAX = 64 << 20,

    /* Content that is coded in one step of a pump: its turn, of twice PROXY_PUMP_BURST steps, takes some 3 ms then. */
    PROXY_COMPRESS_STEP_BYTES = 4096,

    /* TLS contexts towards clients that a worker keeps, of 23 KB each with a chain of two: 46 MB. Past it, the one
     * that was used longest ago gives way; to make it anew takes 1 to 3 ms. */
    PROXY_TLS_CONTEXTS_MAX = 2048,

    /* Client connections of one worker, where no flag says otherwise. Idle, one costs 0.2 KB, 14 KB more under
     * TLS and 18 to 24 KB more by HTTP/2 (docs/benchmarks.md); busy, 36 KB. */
    PROXY_CONNECTIONS_MAX = 65536,
    /* Accepted in a row before other events get their turn. */
    PROXY_ACCEPT_BURST = 64,
    /* Pause after the process ran out of descriptors. */
    PROXY_ACCEPT_PAUSE_MS = 100,

    /* Reads in a row that fill a buffer, after which bytes go from socket to socket past us: a body that is
     * that long is likely to be longer. */
    PROXY_BULK_READS = 4,
    /* What a pipe takes of them at once. Its 16 places hold what 16 segments brought: 24 KB of single ones,
     * 512 KB of those that loopback or the network card put together. */
    PROXY_SPLICE_BYTES = 256 << 10,
    /* Two descriptors each, and as many of the 1,024 that the kernel gives a user at full size (16 workers'). They are
     * lent while bytes are in them: few at a time, unless readers are slow, for whom copying is as good. */
    PROXY_PIPES_MAX = 64,

    /* What one client of HTTP/1 does in a row before others get their turn: reading a head, answering it, ending
     * it are a step each, so that pipelined requests come to some hundred exchanges. */
    PROXY_CLIENT_BURST = 256,
    /* Buffers' worth that one stream moves before others get their turn. */
    PROXY_PUMP_BURST = 16,

    /* What a stream of HTTP/2 may send before it was passed on: enough for 5 Mbit/s over 100 ms, and it fits
     * into one large buffer. As nginx (http2_body_preread_size). */
    PROXY_H2_STREAM_WINDOW_BYTES = 65535,
    /* And all streams of a connection together: sixteen slow backends may hold one up before the rest of the
     * client's streams notice, and a connection makes the worker hold no more content than this. Heads come on
     * top of it: those of each stream, until it ends. */
    PROXY_H2_CONNECTION_WINDOW_BYTES = 1 << 20,
    /* Windows are promises of memory that cannot be taken back, and all connections together promise more than there
     * is; and each stream, however idle, may hold a large buffer with its head. Where a worker's buffers come to this
     * much, what HTTP/2 brings further is refused, stream by stream: content and new requests alike. */
    PROXY_H2_BUFFERS_BYTES_MAX = 512 << 20,
    /* Reads of one connection of HTTP/2 before others get their turn. A read of 16 KB may bring a thousand
     * frames. */
    PROXY_H2_READ_BURST = 4,

    /* A client that does not take its answer. As ingress-nginx (send_timeout). */
    PROXY_CLIENT_SEND_TIMEOUT_MS = 60000,
    /* A handshake is three flights; a phone on a bad network needs seconds. */
    PROXY_TLS_HANDSHAKE_TIMEOUT_MS = 15000,
    /* After an early answer, what the client still sends is read and dropped for so long, so that the
     * answer is not lost to a reset (RFC 9112, 9.6). */
    PROXY_LINGER_MS = 2000,
    PROXY_LINGER_BYTES_MAX = 1 << 20,
    /* Interim answers (1xx) of one exchange; more are no answer. A long WebDAV request says 102 every
     * 20 s. */
    PROXY_INTERIM_MAX = 100,
    /* A larger one is not passed on: it must fit into a buffer with the answer's head. */
    PROXY_INTERIM_BYTES_MAX = 16 << 10,
    /* A draining worker closes idle connections this often, the first time after as long: whoever's request is
     * on its way still gets an answer, and no exit is held up for more. */
    PROXY_DRAIN_IDLE_MS = 500,

    /* On a connection that many streams share, all may be silent for minutes: the kernel asks after so much
     * silence, so often and so many times, whether the other host is still there. */
    PROXY_H2_WATCH_IDLE_S = 60,
    PROXY_H2_WATCH_INTERVAL_S = 10,
    PROXY_H2_WATCH_PROBES = 3,

    /* An endpoint that nobody answers for gets no request for so long, where its Service has others; then
     * one request looks again. As fail_timeout of nginx. */
    PROXY_AVOID_UNREACHABLE_MS = 10000,
    /* One that refuses costs a try no time, and a restarted process is back soon. */
    PROXY_AVOID_REFUSING_MS = 1000,

    /* Below HTTP there is no policy that says it; the default of HTTP's proxy-connect-timeout. */
    PROXY_PASSAGE_CONNECT_TIMEOUT_MS = 5000,
    /* Each is a descriptor and about 3 KB with the kernel's part. A resolver's port at 10,000 questions a
     * second has a few hundred at a time; the rest is for those that time out. */
    PROXY_UDP_SESSIONS_MAX = 16384,
    /* Batches of datagrams taken from one port before others get their turn. */
    PROXY_UDP_BURST = 4,
    /* For the sessions of a port that is gone: until then it cannot be bound again. */
    PROXY_UDP_CLOSING_MS = 2000,

    /* The longest time that a gRPC call's own deadline lets its backend be silent. Deadlines are minutes;
     * days are what a client says that means none. */
    PROXY_GRPC_DEADLINE_MAX_MS = 24 * 3600 * 1000,

    /* Extra tries of one request: a kept connection that turns out dead grants one, and a stream that the
     * backend refused. */
    PROXY_STALE_TRIES_MAX = 2,
    /* Tries of one request where the policy sets no limit. */
    PROXY_TRIES_MAX = 16,
};

#endif
