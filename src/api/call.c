#include "api/call.h"

#include "base/mem.h"

#if defined(__x86_64__)
#define CALL_ARCH "amd64"
#elif defined(__aarch64__)
#define CALL_ARCH "arm64"
#else
#define CALL_ARCH "other"
#endif

enum {
    CALL_BUFFER_BYTES = 16 << 10,
    CALL_QUIET_BUFFER_BYTES = 1 << 10, /* libcurl's least */
};

static const char *const methods[] = {
    [API_GET] = "GET",     [API_POST] = "POST",     [API_PUT] = "PUT",
    [API_PATCH] = "PATCH", [API_DELETE] = "DELETE",
};

/* ---- what comes ---------------------------------------------------------------------------------- */

uint32_t api_call_status(const struct api_call *call)
{
    long status = 0;

    if (curl_easy_getinfo(call->transfer.easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return 0;
    return status > 0 ? (uint32_t)status : 0;
}

static bool is_success(uint32_t status)
{
    return status >= 200 && status < 300;
}

/* Less than was given makes libcurl end the transfer. */
static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct api_call *call = ctx;
    struct span piece = span_of(bytes, size * count);

    if (call->state != CALL_RUNNING)
        return 0;
    call->heard_ms = loop_now_ms(call->loop);
    call->nudge_ms = 0;
    if (call->events->on_body && is_success(api_call_status(call))) {
        call->events->on_body(call->ctx, piece);
        return call->state == CALL_RUNNING ? piece.len : 0;
    }
    if (piece.len > API_BODY_MAX - call->body.len) {
        call->is_too_large = true;
        return 0;
    }
    buf_append(&call->body, piece);
    return piece.len;
}

/* A line of the head; the empty one ends it. */
static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct api_call *call = ctx;
    struct span line = span_of(bytes, size * count);

    if (call->state != CALL_RUNNING)
        return 0;
    call->heard_ms = loop_now_ms(call->loop);
    if (!span_eq(line, SPAN("\r\n")) || api_call_status(call) < 200)
        return line.len;
    call->on_answer(call);
    if (call->events->on_body && call->nudge_ms == 0) {
        call->nudge_ms = CALL_NUDGE_MS;
        loop_timer_set(call->loop, &call->timer, CALL_NUDGE_MS);
    }
    if (call->events->on_open && is_success(api_call_status(call)))
        call->events->on_open(call->ctx);
    return call->state == CALL_RUNNING ? line.len : 0;
}

enum api_call_result api_call_result_of(const struct api_call *call, CURLcode code)
{
    if (call->is_too_large)
        return API_CALL_TOO_LARGE;
    if (code == CURLE_OK)
        return is_success(api_call_status(call)) ? API_CALL_OK : API_CALL_STATUS;
    return api_call_status(call) ? API_CALL_CUT : API_CALL_UNREACHABLE;
}

/* ---- what goes ----------------------------------------------------------------------------------- */

static void header_push(struct api_call *call, const char *line)
{
    struct curl_slist *node = &call->headers[call->headers_len];

    node->data = (char *)line; /* libcurl only reads it */
    node->next = NULL;
    if (call->headers_len > 0)
        call->headers[call->headers_len - 1].next = node;
    call->headers_len++;
}

static char *line_new(const char *name, struct span value)
{
    struct buf line = { 0 };

    if (value.len == 0)
        return NULL;
    buf_printf(&line, "%s: " SPAN_FMT, name, SPAN_ARG(value));
    buf_append_byte(&line, '\0');
    return line.ptr;
}

static void headers_set(struct api_call *call, const struct api_address *address)
{
    header_push(call, call->accept ? call->accept : "Accept: application/json");
    header_push(call, "User-Agent: yett/" YETT_VERSION " (linux/" CALL_ARCH ")");
    header_push(call, "Expect:"); /* a body goes out at once */
    if (call->request_body)
        header_push(call,
                    call->content_type ? call->content_type : "Content-Type: application/json");
    if (address->host_header)
        header_push(call, address->host_header);
}

static void body_set(struct api_call *call, struct span body)
{
    if (body.len == 0)
        return;
    call->request_body = mem_alloc(body.len);
    memcpy(call->request_body, body.ptr, body.len);
    curl_easy_setopt(call->transfer.easy, CURLOPT_POSTFIELDS, call->request_body);
    curl_easy_setopt(call->transfer.easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
}

static void url_set(struct api_call *call, const struct api_address *address, struct span path)
{
    struct buf url = { 0 };

    buf_printf(&url, SPAN_FMT SPAN_FMT, SPAN_ARG(address->url), SPAN_ARG(path));
    buf_append_byte(&url, '\0');
    curl_easy_setopt(call->transfer.easy, CURLOPT_URL, url.ptr);
    buf_deinit(&url);
}

static void transfer_set(struct api_call *call, bool is_quiet)
{
    CURL *easy = call->transfer.easy;

    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's answer is none */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
                     is_quiet ? (long)CALL_QUIET_BUFFER_BYTES : (long)CALL_BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)API_CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

struct api_call *api_call_new(struct loop *loop, const struct api_request *request,
                              const struct api_address *address)
{
    struct api_call *call = mem_alloc_zero(sizeof(*call));

    list_init(&call->link);
    call->loop = loop;
    call->timeout_ms = request->timeout_ms;
    call->stall_ms = request->stall_ms;
    call->started_ms = call->heard_ms = loop_now_ms(loop);
    call->transfer.easy = curl_easy_init();
    invariant(call->transfer.easy != NULL);
    transfer_set(call, request->is_quiet);
    url_set(call, address, request->path);
    body_set(call, request->body);
    curl_easy_setopt(call->transfer.easy, CURLOPT_CUSTOMREQUEST, methods[request->method]);
    call->accept = line_new("Accept", request->accept);
    call->content_type = line_new("Content-Type", request->content_type);
    headers_set(call, address);
    curl_easy_setopt(call->transfer.easy, CURLOPT_CONNECT_TO, address->connect_to);
    return call;
}

struct api_call *api_call_free(struct api_call *call)
{
    if (!call)
        return NULL;
    list_remove(&call->link);
    loop_timer_cancel(&call->timer);
    curl_easy_cleanup(call->transfer.easy);
    api_identity_unref(call->identity);
    mem_free(call->accept);
    mem_free(call->content_type);
    mem_free(call->request_body);
    buf_deinit(&call->body);
    return mem_free(call);
}

/* libcurl reads the bytes when it makes a connection; they live as long as the identity. */
static void blob_set(CURL *easy, CURLoption option, struct span pem)
{
    struct curl_blob blob = { (void *)pem.ptr, pem.len, CURL_BLOB_NOCOPY };

    if (pem.len > 0)
        curl_easy_setopt(easy, option, &blob);
}

static void server_check_set(CURL *easy, const struct api_config *config,
                             const struct api_identity *identity)
{
    if (config->insecure_skip_tls_verify) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (identity->ca_pem.len > 0) {
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the system's count as well */
        blob_set(easy, CURLOPT_CAINFO_BLOB, identity->ca_pem);
    }
}

/* Go's SOCKS proxy resolves names, which libcurl's socks5h:// stands for. */
static void proxy_set(CURL *easy, struct span proxy_url)
{
    struct buf url = { 0 };

    if (proxy_url.len == 0)
        return; /* then HTTPS_PROXY and NO_PROXY count, as they do to kubectl */
    if (span_starts_with_nocase(proxy_url, SPAN("socks5://")))
        buf_printf(&url, "socks5h" SPAN_FMT, SPAN_ARG(span_from(proxy_url, 6)));
    else
        buf_append(&url, proxy_url);
    buf_append_byte(&url, '\0');
    curl_easy_setopt(easy, CURLOPT_PROXY, url.ptr);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    buf_deinit(&url);
}

void api_call_prepare(struct api_call *call, const struct api_config *config,
                      struct api_identity *identity)
{
    CURL *easy = call->transfer.easy;

    api_identity_unref(call->identity);
    call->identity = identity;
    call->headers[call->headers_len - 1].next = identity->headers;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    server_check_set(easy, config, identity);
    blob_set(easy, CURLOPT_SSLCERT_BLOB, identity->certificate_pem);
    blob_set(easy, CURLOPT_SSLKEY_BLOB, identity->key_pem);
    if (identity->username.len > 0) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, identity->username.ptr);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, identity->password.ptr);
    }
    proxy_set(easy, config->proxy_url);
}
