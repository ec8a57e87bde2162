#include "base/num.h"
#include "base/pattern.h"
#include "base/scope.h"
#include "ingress/annotate_reading.h"
#include "ingress/cache.h"
#include "ingress/names.h"
#include "ingress/policy.h"

/* What a client must prove is read so that a mistake never asks for less: where the author's wish cannot be made
 * out, the hosts are refused. Of backends, a wrong proxy-ssl-secret denies the Ingress; but what does not switch
 * proxy-ssl-verify on leaves it off, as in ingress-nginx, and is told as an error. */

#define REFUSES_ALL "every request of its hosts is refused with 403"
#define IS_IGNORED  "it is ignored"

static bool names_an_object(struct annotation_finding at)
{
    return ingress_object_name_parse(at.pair->value.text).name.len > 0;
}

static bool switch_read(struct span text, bool *ret_is_on)
{
    bool is_on = span_eq(text, SPAN("on"));

    if (!is_on && !span_eq(text, SPAN("off")))
        return false;
    *ret_is_on = is_on;
    return true;
}

/* As in ingress-nginx, 0 and nonsense are 1. */
static void depth_read(struct annotation_reading *reading, struct annotation_finding at,
                       uint32_t *ret_depth)
{
    enum { DEPTH_MAX = 100 }; /* OpenSSL's own bound on a chain */
    uint32_t depth;

    *ret_depth = 1;
    if (num_parse_u32(at.pair->value.text, DEPTH_MAX, &depth) && depth > 0)
        *ret_depth = depth;
    else
        annotation_invalid(reading, at, DIAG_WARNING, "a number from 1 to 100", "1 is taken");
}

/* ---- clients ----------------------------------------------------------------------------------- */

static void clients_refuse(struct annotation_reading *reading, struct annotation_finding at,
                           const char *wanted)
{
    annotation_invalid(reading, at, DIAG_ERROR, wanted, REFUSES_ALL);
    reading->result.client_auth.is_broken = true;
}

void annotation_read_auth_tls_secret(struct annotation_reading *reading,
                                     struct annotation_finding at)
{
    reading->result.client_auth.secret = at.pair;
    if (!names_an_object(at))
        clients_refuse(reading, at, "the Secret as namespace/name");
}

void annotation_read_auth_tls_verify_client(struct annotation_reading *reading,
                                            struct annotation_finding at)
{
    static const struct {
        struct span word;
        enum route_client_auth_mode mode;
    } modes[] = {
        { { "on", 2 }, ROUTE_CLIENT_AUTH_ON },
        { { "off", 3 }, ROUTE_CLIENT_AUTH_OFF },
        { { "optional", 8 }, ROUTE_CLIENT_AUTH_OPTIONAL },
        { { "optional_no_ca", 14 }, ROUTE_CLIENT_AUTH_OPTIONAL_NO_CA },
    };
    struct ingress_client_auth *auth = &reading->result.client_auth;

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (!span_eq(at.pair->value.text, modes[i].word))
            continue;
        auth->mode = modes[i].mode;
        if (auth->mode != ROUTE_CLIENT_AUTH_OFF)
            auth->guard = at.pair;
        return;
    }
    auth->guard = at.pair;
    annotation_invalid(reading, at, DIAG_WARNING, "on, off, optional or optional_no_ca",
                       "on is taken");
}

void annotation_read_auth_tls_verify_depth(struct annotation_reading *reading,
                                           struct annotation_finding at)
{
    depth_read(reading, at, &reading->result.client_auth.depth);
}

void annotation_read_auth_tls_error_page(struct annotation_reading *reading,
                                         struct annotation_finding at)
{
    struct span value = at.pair->value.text;
    bool is_place = span_starts_with(value, SPAN("https://")) ||
                    span_starts_with(value, SPAN("http://")) || span_starts_with(value, SPAN("/"));

    for (size_t i = 0; i < value.len; i++)
        is_place = is_place && value.ptr[i] > ' ' && value.ptr[i] < 0x7F;
    if (is_place)
        reading->result.client_auth.error_page = value;
    else
        annotation_invalid(reading, at, DIAG_WARNING, "an http or https URL, or a path",
                           "the built-in page is shown");
}

/* The expression is looked for in the subject, "CN=" and all. It guards even where auth-tls-verify-client is off, and
 * whichever of the two is read first. */
void annotation_read_auth_tls_match_cn(struct annotation_reading *reading,
                                       struct annotation_finding at)
{
    struct span value = at.pair->value.text;
    struct pattern *pattern = NULL;

    if (!reading->result.client_auth.guard)
        reading->result.client_auth.guard = at.pair;
    if (!span_starts_with(value, SPAN("CN=")) || pattern_new(value, &pattern) != PATTERN_OK)
        clients_refuse(reading, at, "CN= and a regular expression");
    else
        reading->result.client_auth.match_cn = value;
    pattern_free(pattern);
}

/* ---- backends ---------------------------------------------------------------------------------- */

void annotation_read_proxy_ssl_secret(struct annotation_reading *reading,
                                      struct annotation_finding at)
{
    if (names_an_object(at)) {
        reading->result.backend_tls.secret = at.pair;
        return;
    }
    annotation_invalid(reading, at, DIAG_ERROR, "the Secret as namespace/name",
                       "every rule of this Ingress answers 503");
    reading->result.is_denied = true;
}

void annotation_read_proxy_ssl_verify(struct annotation_reading *reading,
                                      struct annotation_finding at)
{
    if (!switch_read(at.pair->value.text, &reading->result.backend_tls.verifies))
        annotation_invalid(reading, at, DIAG_ERROR, "on or off",
                           "off is taken: whoever answers in a backend's place is believed");
}

void annotation_read_proxy_ssl_verify_depth(struct annotation_reading *reading,
                                            struct annotation_finding at)
{
    depth_read(reading, at, &reading->result.backend_tls.depth);
}

static bool name_is_valid(struct span name)
{
    struct span host;
    struct arena scratch;

    arena_init(&scratch, 512);
    bool is_valid = ingress_host_parse(name, &scratch, &host) == HOST_OK && host.ptr[0] != '*';
    arena_deinit(&scratch);
    return is_valid;
}

void annotation_read_proxy_ssl_name(struct annotation_reading *reading,
                                    struct annotation_finding at)
{
    if (name_is_valid(at.pair->value.text))
        reading->result.backend_tls.name = at.pair->value.text;
    else
        annotation_invalid(reading, at, DIAG_WARNING, "the DNS name in the backend's certificate",
                           IS_IGNORED);
}

void annotation_read_proxy_ssl_server_name(struct annotation_reading *reading,
                                           struct annotation_finding at)
{
    if (!switch_read(at.pair->value.text, &reading->result.backend_tls.sends_name))
        annotation_invalid(reading, at, DIAG_WARNING, "on or off", "off is taken");
}

struct version_finding {
    struct annotation_reading *reading;
    struct annotation_finding at;
};

static void version_report(void *ctx, struct span word)
{
    struct version_finding *finding = ctx;
    SCOPED(buf_deinit) struct buf what = { 0 };

    buf_printf(&what, "'" SPAN_FMT "' is no version of TLS that is spoken here; it is left out",
               SPAN_ARG(span_upto(word, 200)));
    annotation_report(finding->reading, finding->at, DIAG_WARNING, DIAG_ANNOTATION_UNSUPPORTED,
                      buf_span(&what), SPAN("write TLSv1.2, TLSv1.3 or both"));
}

void annotation_read_proxy_ssl_protocols(struct annotation_reading *reading,
                                         struct annotation_finding at)
{
    struct version_finding finding = { reading, at };
    uint32_t versions = ingress_tls_versions(at.pair->value.text, version_report, &finding);

    if (versions)
        reading->result.backend_tls.versions = versions;
    else
        annotation_invalid(reading, at, DIAG_WARNING, "TLSv1.2, TLSv1.3 or both",
                           "TLSv1.2 is taken");
}

void annotation_read_proxy_ssl_ciphers(struct annotation_reading *reading,
                                       struct annotation_finding at)
{
    if (ingress_cache_ciphers_are_valid(reading->cache, at.pair->value.text))
        reading->result.backend_tls.ciphers = at.pair->value.text;
    else
        annotation_invalid(reading, at, DIAG_WARNING, "ciphers as OpenSSL lists them",
                           "DEFAULT is taken");
}

/* ---- hosts ------------------------------------------------------------------------------------- */

void annotation_read_ssl_ciphers(struct annotation_reading *reading, struct annotation_finding at)
{
    if (ingress_cache_ciphers_are_valid(reading->cache, at.pair->value.text)) {
        reading->result.tls_ciphers = at.pair->value.text;
        return;
    }
    annotation_invalid(reading, at, DIAG_ERROR, "ciphers as OpenSSL lists them",
                       "this Ingress makes no routes");
    reading->result.is_dropped = true;
}

void annotation_read_ssl_prefer_server_ciphers(struct annotation_reading *reading,
                                               struct annotation_finding at)
{
    bool prefers;

    if (num_parse_bool(at.pair->value.text, &prefers))
        reading->result.cipher_choice = prefers ? ROUTE_CIPHERS_OF_SERVER : ROUTE_CIPHERS_OF_CLIENT;
    else
        annotation_invalid(reading, at, DIAG_WARNING, "\"true\" or \"false\"", IS_IGNORED);
}

/* The author may hold the only key: nothing is terminated here by mistake. */
void annotation_read_ssl_passthrough(struct annotation_reading *reading,
                                     struct annotation_finding at)
{
    bool passes;

    if (!num_parse_bool(at.pair->value.text, &passes)) {
        annotation_invalid(reading, at, DIAG_ERROR, "\"true\" or \"false\"",
                           "this Ingress makes no routes");
        reading->result.is_dropped = true;
    } else if (passes) {
        reading->result.passthrough = at.pair;
    }
}
