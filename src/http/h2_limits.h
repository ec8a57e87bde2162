/* http/h2_limits.h
 *
 * Purpose    What stops a hostile HTTP/2 peer: every cap of the session codec, with its reason. In HTTP/2
 *            a few bytes of the peer's can cost us much, so what it may do is counted by what it costs:
 *            each budget is a burst, a rate at which it fills again, and what honest work adds to it.
 *            Past one, the session says GOAWAY ENHANCE_YOUR_CALM and is over. */
#ifndef YETT_HTTP_H2_LIMITS_H
#define YETT_HTTP_H2_LIMITS_H

enum {
    /* Streams taken back before they were answered (rapid reset, CVE-2023-44487), and streams that we had to
     * reset for what the peer did on them ("made you reset", CVE-2025-8671). A browser that leaves a page
     * resets what is open, at most the 128 streams that it may have; twice that is no accident. A client
     * that cancels part of what it asks, as hedging ones do, earns each cancel by a stream that it let end. */
    H2_CANCELS_BURST = 256,
    H2_CANCEL_REFILL_MS = 30,

    /* Chores: frames that carry no part of a message, such as PING (CVE-2019-9512), SETTINGS (-9515),
     * PRIORITY (-9513), empty DATA and CONTINUATION (-9518), WINDOW_UPDATE, unknown ones, and those for
     * streams that are over. A thousand at once is what the start of a page may bring; 125 a second is
     * more than any client's housekeeping. */
    H2_CHORES_BURST = 1024,
    H2_CHORE_REFILL_MS = 8,
    /* A request or an answer pays for its priorities and its windows. */
    H2_CHORES_EARNED_A_HEAD = 8,
    /* So does a piece of content that came, or was sent whole: peers that measure the way answer each with a
     * PING (gRPC does), however small it is. */
    H2_CHORES_EARNED_A_PIECE = 2,
    /* DATA that we send is acknowledged by WINDOW_UPDATEs, often two (stream and connection) for each frame.
     * Earned by bytes and not by frames, so that windows of a byte at a time (-9511) pay for nothing. */
    H2_BYTES_SENT_TO_EARN_A_CHORE = 512,

    /* Past the limits of a head, fields are still decoded, for the table that both ends share, and looked at
     * up to this many times the limit, so that a client whose cookies grew too large gets its 431. What is
     * larger still is no accident: few bytes of HPACK can name much (a bomb), so the stream is reset and the
     * rest decoded without being looked at; and it counts for as many cancels as it may have cost. */
    H2_HEAD_EXCESS = 2,
    H2_HEAD_EXCESS_CANCELS = 32,

    /* CONTINUATION frames of one head: with frames of 16 KB a head of 32 KB needs one; some clients cut finer. */
    H2_CONTINUATIONS_MAX = 16,

    /* Answers to PING and SETTINGS that wait to be sent. We stop reading where output waits, so only one
     * read's worth can pile up. */
    H2_ACKS_MAX = 1024,

    /* A head of ours may be as large as the largest answer of a backend, and what is added to it; the bound
     * is one before compression. */
    H2_HEAD_OUT_BYTES_MAX = 192 << 10,

    /* Less room than this, and no DATA frame is begun: small ones cost both ends. */
    H2_PULL_ROOM_MIN = 1024,

    /* Streams that a peer lets us open before it said how many (RFC 9113, 6.5.2, asks for at least this). */
    H2_STREAMS_BEFORE_SETTINGS = 100,
};

#endif
