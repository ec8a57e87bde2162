#include "base/buf.h"
#include "proxy/exchange/stages/stage.h"

/* Host without its port; an IPv6 literal keeps its brackets. */
static struct span host_without_port(struct span host)
{
    size_t bracket = span_rfind(host, ']');
    size_t colon = span_rfind(host, ':');

    if (colon == SPAN_NOT_FOUND || (bracket != SPAN_NOT_FOUND && colon < bracket))
        return host;
    return span_upto(host, colon);
}

/* http → https on the same host, on the port that https has: what --https-port says is the Pod's own
 * affair. As ingress-nginx does, one slash at the very end of the target is cut
 * unless preserve-trailing-slash was asked for, and only the scheme `http` redirects. */
int stage_https_redirect(struct exchange *exchange, const struct image_filter *filter)
{
    struct span target = exchange->target.origin;
    struct buf location = { 0 };

    if (!span_eq(exchange->origin.scheme, SPAN("http")))
        return STAGE_NEXT;
    if (!(filter->flags & IMAGE_FILTER_KEEP_TRAILING_SLASH) && span_ends_with(target, SPAN("/")))
        target.len--;
    buf_append(&location, SPAN("Location: https://"));
    buf_append(&location, host_without_port(exchange->origin.host));
    buf_append(&location, target);
    buf_append(&location, SPAN("\r\n"));
    exchange_respond(exchange, filter->status, buf_span(&location));
    buf_deinit(&location);
    return STAGE_ANSWERED;
}
