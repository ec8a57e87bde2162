/* image/describe.h
 *
 * Purpose    Records of an image as words: where they came from, what they do, whom they lead to.
 * Ownership  Appends to the caller's buf; borrows nothing. */
#ifndef YETT_IMAGE_DESCRIBE_H
#define YETT_IMAGE_DESCRIBE_H

#include "base/buf.h"
#include "image/view.h"

/* "10.0.0.7:8080", "[2001:db8::1]:80", "api.example.com:443" */
void image_describe_endpoint(const struct image_endpoints *endpoints, uint32_t index,
                             struct buf *out);

/* "default/web:80" */
void image_describe_service(const struct image_view *view, const struct image_service *service,
                            struct buf *out);

/* "http", "https", "auto-http", "h2c", "h2" */
const char *image_describe_protocol(enum route_protocol protocol);

/* "verified as backend.internal, shown a certificate, asked for by name"; "not verified"; "not asked, for
 * its secrets are not here" */
void image_describe_backend_tls(const struct image_view *view, const struct image_policy *policy,
                                struct buf *out);

/* "on", "off", "optional", "optional_no_ca", "broken" */
const char *image_describe_client_auth(const struct image_client_auth *auth);

/* "https-redirect 308" */
void image_describe_filter(const struct image_filter *filter, struct buf *out);

/* "Exact" or "Prefix", and what is not a known kind */
const char *image_describe_path_kind(uint32_t kind);

/* The path as requests are held against it: "/" for the prefix of all. */
struct span image_describe_path(const struct image_view *view, const struct image_path *path);

/* "*" for any host. */
struct span image_describe_host(const struct image_view *view, const struct image_host *host);

/* "hello.yaml:12:5"; nothing where there is no file. */
void image_describe_place(const struct image_view *view, uint32_t origin, struct buf *out);

#endif
