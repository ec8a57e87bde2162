/* api/address.h
 *
 * Purpose    The server's address as libcurl is told it. A TLS server name of its own stands in the URL, for
 *            that is the name that libcurl asks for and checks; then connections are led to the real host,
 *            and the Host header keeps its name.
 * Ownership  Owns its texts.
 * Lifetime   api_address_init() … api_address_deinit(), after all calls. */
#ifndef YETT_API_ADDRESS_H
#define YETT_API_ADDRESS_H

#include <curl/curl.h>
#include <stdint.h>

#include "base/arena.h"

struct api_address {
    struct arena arena;
    struct span url;               /* without a slash at its end */
    char *host_header;             /* "Host: name:port"; NULL: what libcurl makes of the URL */
    struct curl_slist *connect_to; /* NULL: to where the URL says */
};

/* False: `server` is no URL of http or https with a host. Both texts are copied. */
YETT_MUST_USE bool api_address_init(struct api_address *address, struct span server,
                                    struct span tls_server_name);
void api_address_deinit(struct api_address *address);

/* What a URL of a server says; spans borrow from it. */
struct api_url {
    bool is_https;
    struct span host; /* of an IPv6 address with its brackets */
    uint16_t port;    /* the scheme's own where none is written */
    struct span path; /* without a slash at its end; may be empty */
};
YETT_MUST_USE bool api_url_parse(struct span text, struct api_url *ret_url);

#endif
