/* What a request head costs: a browser's with ten fields, a tool's with three, and one fed in two pieces.
 * usage: bench_h1 [RUNS]; under callgrind, the difference between two counts of runs gives instructions. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/clock.h"
#include "http/h1.h"
#include "http/target.h"

enum { ROUNDS = 7 };

static const struct {
    const char *what;
    struct span bytes;
    size_t first_piece; /* 0: all at once */
} heads[] = {
#define HEAD(what, bytes, first)                  \
    {                                             \
        what, { bytes, sizeof(bytes) - 1 }, first \
    }
#define BROWSER                                                                           \
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"       \
    "Host: www.kittyhell.example\r\n"                                                     \
    "User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) " \
    "Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n"                                       \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"         \
    "Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n"                                        \
    "Accept-Encoding: gzip,deflate\r\n"                                                   \
    "Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n"                                   \
    "Referer: https://www.kittyhell.example/gallery/2010/03/\r\n"                         \
    "Connection: keep-alive\r\n"                                                          \
    "Upgrade-Insecure-Requests: 1\r\n"                                                    \
    "Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; "                 \
    "__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; "                    \
    "__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.example|"            \
    "utmcct=/reader/|utmcmd=referral\r\n\r\n"
    HEAD("browser, 10 fields", BROWSER, 0),
    HEAD("browser in two pieces", BROWSER, 300),
    HEAD("curl, 3 fields",
         "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: curl/8.0.1\r\nAccept: */*\r\n\r\n", 0),
#undef HEAD
};

/* What the proxy does with each head before it looks for a route. */
static size_t parse(struct span bytes, size_t first_piece)
{
    static const struct h1_limits limits = { 32768, 16384, 100 };
    struct http_header headers[HTTP_HEADERS_MAX];
    struct h1_parser parser = { 0 };
    struct http_head head;
    size_t len = 0;

    if (first_piece > 0)
        invariant(h1_request_parse(&parser, span_upto(bytes, first_piece), &limits, headers, &head,
                                   &len) == H1_PARTIAL);
    invariant(h1_request_parse(&parser, bytes, &limits, headers, &head, &len) == H1_OK);
    return len + head.headers_len;
}

static size_t normalise(struct span bytes)
{
    struct target target;
    struct span path, host;
    char at[256];
    (void)bytes;
    invariant(target_parse(SPAN("/wp-content/uploads/2010/03/darth-vader-pink.jpg?a=b"), HTTP_GET,
                           &target) == TARGET_OK);
    invariant(target_normalise(target.path, at, &path) == TARGET_OK);
    invariant(host_normalise(SPAN("www.kittyhell.example"), at, &host) == TARGET_OK);
    return path.len + host.len;
}

static volatile size_t sink; /* keeps the work from being optimised away */

/* The best of some rounds: what else the machine does only ever adds. */
static void measure(size_t i, unsigned long runs)
{
    double best_ns = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start_ns = clock_mono_ns();
        for (unsigned long n = 0; n < runs; n++)
            sink += parse(heads[i].bytes, heads[i].first_piece);
        double ns = (double)(clock_mono_ns() - start_ns) / (double)runs;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    printf("%-24s %4zu bytes %8.1f ns\n", heads[i].what, heads[i].bytes.len, best_ns);
}

int main(int argc, char **argv)
{
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        measure(i, runs);

    uint64_t start_ns = clock_mono_ns();
    for (unsigned long n = 0; n < runs; n++)
        sink += normalise(SPAN_EMPTY);
    printf("%-24s            %8.1f ns\n", "target and host",
           (double)(clock_mono_ns() - start_ns) / (double)runs);
    return 0;
}
