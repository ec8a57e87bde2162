#include "api/outcome.h"

#include "api/status.h"
#include "base/bug.h"

/* libcurl says that it could not connect, the kernel why. */
static void kernel_append(const struct api_call *call, CURLcode code, struct buf *message)
{
    long number = 0;

    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(call->transfer.easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK &&
        number != 0)
        buf_printf(message, ": %s", strerror((int)number));
}

/* Whom we trust, where the server is not one of them. */
static void trust_append(const struct api_config *config, CURLcode code, struct buf *message)
{
    if (code != CURLE_PEER_FAILED_VERIFICATION)
        return;
    if (config->ca_pem.len > 0)
        buf_append(message, SPAN("; trusted is what certificate-authority-data holds"));
    else if (config->ca_file.len > 0)
        buf_printf(message, "; trusted is what " SPAN_FMT " holds", SPAN_ARG(config->ca_file));
    else
        buf_append(message, SPAN("; trusted are the system's authorities, since no "
                                 "certificate-authority is named"));
}

void api_outcome_failure(const struct api_call *call, const struct api_config *config,
                         CURLcode code, struct buf *message)
{
    const char *why = call->error[0] ? call->error : curl_easy_strerror(code);

    buf_printf(message, SPAN_FMT ": ", SPAN_ARG(config->server));
    if (call->is_too_large)
        buf_printf(message, "the answer is larger than %d bytes", API_BODY_MAX);
    else
        buf_append(message, span_from_str(why));
    kernel_append(call, code, message);
    trust_append(config, code, message);
}

void api_outcome_late(const struct api_call *call, const struct api_config *config, uint64_t now_ms,
                      struct buf *message)
{
    buf_printf(message, SPAN_FMT ": ", SPAN_ARG(config->server));
    if (call->state == CALL_WAITING)
        buf_append(message, SPAN("neither credentials nor a connection came in time"));
    else if (call->timeout_ms && now_ms - call->started_ms >= call->timeout_ms)
        buf_printf(message, "not answered within %u ms", call->timeout_ms);
    else
        buf_printf(message, "silent for %u ms", call->stall_ms);
}

static uint32_t retry_after_ms(const struct api_call *call)
{
    enum { MAX_S = 3600 };
    curl_off_t after_s = 0;

    if (curl_easy_getinfo(call->transfer.easy, CURLINFO_RETRY_AFTER, &after_s) != CURLE_OK ||
        after_s <= 0)
        return 0;
    return (uint32_t)MIN(after_s, (curl_off_t)MAX_S) * 1000;
}

void api_outcome_status(const struct api_call *call, const struct api_config *config, uint32_t code,
                        struct arena *arena, struct api_reply *ret_reply)
{
    enum { UNAUTHORIZED = 401 };
    struct api_status status;

    api_status_read(arena, buf_span(&call->body), code, &status);
    if (code == UNAUTHORIZED) /* the server does not say whom it did not believe */
        status.message = arena_printf(arena, SPAN_FMT ", as " SPAN_FMT, SPAN_ARG(status.message),
                                      SPAN_ARG(config->origin));
    *ret_reply = (struct api_reply){
        .result = API_CALL_STATUS,
        .status = code,
        .body = buf_span(&call->body),
        .reason = status.reason,
        .message = status.message,
        .retry_after_ms = MAX(status.retry_after_ms, retry_after_ms(call)),
    };
}
