#include "proxy/log/access_format.h"

#include <time.h>

#include "base/clock.h"
#include "base/num.h"

const struct span access_format_ingress_nginx =
    SPAN("$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
         "\"$http_referer\" \"$http_user_agent\" $request_length $request_time "
         "[$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr "
         "$upstream_response_length $upstream_response_time $upstream_status $req_id");

const struct span access_format_json = SPAN(
    "{\"time\":\"$time_iso8601\",\"remote_addr\":\"$remote_addr\",\"method\":\"$request_method\","
    "\"scheme\":\"$scheme\",\"host\":\"$host\",\"uri\":\"$request_uri\","
    "\"protocol\":\"$server_protocol\",\"status\":\"$status\","
    "\"body_bytes_sent\":\"$body_bytes_sent\",\"request_length\":\"$request_length\","
    "\"request_time\":\"$request_time\",\"referer\":\"$http_referer\","
    "\"user_agent\":\"$http_user_agent\",\"namespace\":\"$namespace\","
    "\"ingress\":\"$ingress_name\",\"service\":\"$service_name\",\"port\":\"$service_port\","
    "\"upstream_addr\":\"$upstream_addr\",\"upstream_status\":\"$upstream_status\","
    "\"upstream_response_time\":\"$upstream_response_time\",\"request_id\":\"$req_id\"}");

const struct span access_format_stream = SPAN(
    "[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time");

const struct span access_format_stream_json = SPAN(
    "{\"time\":\"$time_iso8601\",\"remote_addr\":\"$remote_addr\",\"protocol\":\"$protocol\","
    "\"status\":\"$status\",\"bytes_sent\":\"$bytes_sent\",\"bytes_received\":\"$bytes_received\","
    "\"session_time\":\"$session_time\",\"port\":\"$server_port\","
    "\"upstream\":\"$proxy_upstream_name\",\"upstream_addr\":\"$upstream_addr\"}");

typedef void put_fn(struct access_format *format, const struct access_record *record,
                    struct buf *out);

struct access_op {
    put_fn *put;      /* NULL: `text` stands as it is, or (is_header) names a field */
    struct span text; /* part of the format's text */
    bool is_header;
    bool is_number; /* needs no escape */
};

static void put_u64(struct buf *out, uint64_t value)
{
    out->len += num_format_u64(buf_reserve(out, 20), value);
}

/* "0.012" */
static void put_seconds(struct buf *out, uint64_t us)
{
    uint64_t ms = us / 1000;
    char fraction[4] = { '.', (char)('0' + ms / 100 % 10), (char)('0' + ms / 10 % 10),
                         (char)('0' + ms % 10) };

    put_u64(out, ms / 1000);
    buf_append(out, span_of(fraction, sizeof(fraction)));
}

#define PUT(name)                                                                            \
    static void put_##name(struct access_format *format, const struct access_record *record, \
                           struct buf *out)

#define PUT_VALUE(name, expression) \
    PUT(name)                       \
    {                               \
        (void)format;               \
        expression;                 \
    }

PUT_VALUE(remote_addr, buf_append(out, record->client_ip))
PUT_VALUE(peer_addr, out->len += ip_format(&record->peer_ip, buf_reserve(out, IP_TEXT_MAX)))
PUT_VALUE(remote_port, put_u64(out, record->client_port))
PUT_VALUE(remote_user, (void)record; (void)out) /* no way to log in yet */
PUT_VALUE(request_method, buf_append(out, record->request->method_text))
PUT_VALUE(request_uri, buf_append(out, record->request->target))
PUT_VALUE(uri, buf_append(out, record->path))
PUT_VALUE(args, buf_append(out, record->query))
PUT_VALUE(protocol, buf_append(out, record->protocol))
PUT_VALUE(scheme, buf_append(out, record->scheme))
PUT_VALUE(host, buf_append(out, record->host))
PUT_VALUE(http_host, buf_append(out, record->request->host))
PUT_VALUE(server_port, put_u64(out, record->server_port))
PUT_VALUE(status, put_u64(out, record->status))
PUT_VALUE(body_bytes_sent, put_u64(out, record->response_bytes))
PUT_VALUE(bytes_sent, put_u64(out, record->response_head_bytes + record->response_bytes))
PUT_VALUE(request_length, put_u64(out, record->request_bytes))
PUT_VALUE(request_time, put_seconds(out, record->duration_us))
PUT_VALUE(request_id, buf_append(out, record->request_id))
PUT_VALUE(namespace, buf_append(out, record->namespace))
PUT_VALUE(ingress_name, buf_append(out, record->ingress))
PUT_VALUE(service_name, buf_append(out, record->service))
PUT_VALUE(service_port, buf_append(out, record->service_port))
PUT_VALUE(upstream_name, buf_append(out, record->upstream_name))
PUT_VALUE(tls_protocol, buf_append(out, record->tls_protocol))
PUT_VALUE(tls_cipher, buf_append(out, record->tls_cipher))
PUT_VALUE(tls_server_name, buf_append(out, record->tls_server_name))
PUT_VALUE(client_verify, buf_append(out, record->tls_client.verify))
PUT_VALUE(client_subject_dn, buf_append(out, record->tls_client.subject_dn))
PUT_VALUE(client_issuer_dn, buf_append(out, record->tls_client.issuer_dn))
PUT_VALUE(client_serial, buf_append(out, record->tls_client.serial))
PUT_VALUE(client_fingerprint, buf_append(out, record->tls_client.fingerprint))
PUT_VALUE(connection_requests, put_u64(out, record->connection_requests))

PUT(proxied_addr)
{
    (void)format;
    if (record->proxied_ip)
        out->len += ip_format(record->proxied_ip, buf_reserve(out, IP_TEXT_MAX));
}

PUT(server_protocol)
{
    (void)format;
    const struct http_head *request = record->request;

    buf_append(out, request->version_major == 2   ? SPAN("HTTP/2.0")
                    : request->version_minor == 0 ? SPAN("HTTP/1.0")
                                                  : SPAN("HTTP/1.1"));
}

PUT(request)
{
    if (record->request->method_text.len == 0)
        return;
    buf_append(out, record->request->method_text);
    buf_append_byte(out, ' ');
    buf_append(out, record->request->target);
    buf_append_byte(out, ' ');
    put_server_protocol(format, record, out);
}

/* "23/Nov/2026:22:21:11 +0000", made once a second. */
PUT(time_local)
{
    uint64_t second = record->wall_ns / 1000000000u;

    if (format->time_second != second) {
        time_t time = (time_t)second;
        struct tm tm;

        gmtime_r(&time, &tm);
        strftime(format->time_local, sizeof(format->time_local), "%d/%b/%Y:%H:%M:%S +0000", &tm);
        format->time_second = second;
    }
    buf_append(out, span_from_str(format->time_local));
}

PUT(time_iso8601)
{
    char text[CLOCK_RFC3339_LEN];

    (void)format;
    clock_format_rfc3339(record->wall_ns, text);
    buf_append(out, span_of(text, 19));
    buf_append(out, SPAN("+00:00"));
}

PUT(msec)
{
    (void)format;
    put_seconds(out, record->wall_ns / 1000u);
}

/* A value per try, as nginx lists them. */
static void put_tries(const struct access_record *record, struct buf *out,
                      void (*put_one)(const struct access_try *try, struct buf *out))
{
    for (size_t i = 0; i < record->tries_len; i++) {
        size_t before;

        if (i > 0)
            buf_append(out, SPAN(", "));
        before = out->len;
        put_one(&record->tries[i], out);
        if (out->len == before)
            buf_append_byte(out, '-');
    }
}

static void try_addr(const struct access_try *try, struct buf *out)
{
    bool v4 = ip_is_v4(&try->ip);

    if (try->port == 0)
        return;
    if (!v4)
        buf_append_byte(out, '[');
    out->len += ip_format(&try->ip, buf_reserve(out, IP_TEXT_MAX));
    buf_append(out, v4 ? SPAN(":") : SPAN("]:"));
    put_u64(out, try->port);
}

static void try_status(const struct access_try *try, struct buf *out)
{
    if (try->status)
        put_u64(out, try->status);
}

static void try_response_length(const struct access_try *try, struct buf *out)
{
    put_u64(out, try->response_bytes);
}

static void span_of_time(const struct access_try *try, uint64_t end_us, struct buf *out)
{
    if (end_us >= try->start_us && end_us != 0)
        put_seconds(out, end_us - try->start_us);
}

static void try_response_time(const struct access_try *try, struct buf *out)
{
    span_of_time(try, try->end_us, out);
}

static void try_connect_time(const struct access_try *try, struct buf *out)
{
    span_of_time(try, try->connected_us, out);
}

static void try_header_time(const struct access_try *try, struct buf *out)
{
    span_of_time(try, try->header_us, out);
}

PUT_VALUE(upstream_addr, put_tries(record, out, try_addr))
PUT_VALUE(upstream_status, put_tries(record, out, try_status))
PUT_VALUE(upstream_response_length, put_tries(record, out, try_response_length))
PUT_VALUE(upstream_response_time, put_tries(record, out, try_response_time))
PUT_VALUE(upstream_connect_time, put_tries(record, out, try_connect_time))
PUT_VALUE(upstream_header_time, put_tries(record, out, try_header_time))

#define ACCESS_VARIABLE(name, put) { { name, sizeof(name) - 1 }, put, false },
#define ACCESS_NUMBER(name, put)   { { name, sizeof(name) - 1 }, put, true },
static const struct {
    struct span name;
    put_fn *put;
    bool is_number;
} variables[] = {
#include "proxy/log/access_variables.h"
};
#undef ACCESS_VARIABLE
#undef ACCESS_NUMBER

static void put_nothing(struct access_format *format, const struct access_record *record,
                        struct buf *out)
{
    (void)format;
    (void)record;
    (void)out;
}

static struct access_op variable_op(struct span name)
{
    if (span_starts_with(name, SPAN("http_")) && name.len > 5)
        return (struct access_op){ NULL, span_from(name, 5), true, false };
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        if (span_eq(name, variables[i].name))
            return (struct access_op){ variables[i].put, name, false, variables[i].is_number };
    }
    /* ingress-nginx writes it as an empty value, not as a missing one, where no canary took part. */
    if (span_eq(name, SPAN("proxy_alternative_upstream_name")))
        return (struct access_op){ NULL, SPAN_EMPTY, false, false };
    return (struct access_op){ put_nothing, name, false, true };
}

static size_t name_len(struct span text)
{
    size_t n = 0;

    while (n < text.len && (text.ptr[n] == '_' || (text.ptr[n] >= '0' && text.ptr[n] <= '9') ||
                            (ascii_lower(text.ptr[n]) >= 'a' && ascii_lower(text.ptr[n]) <= 'z')))
        n++;
    return n;
}

/* "$name" or "${name}" at the start of `text`: the name, and the bytes that it takes; 0: neither. */
static size_t variable_take(struct span text, struct span *ret_name)
{
    bool braced = text.len > 1 && text.ptr[1] == '{';
    struct span rest = span_from(text, braced ? 2 : 1);
    size_t len = name_len(rest);

    if (len == 0 || (braced && (len == rest.len || rest.ptr[len] != '}')))
        return 0;
    *ret_name = span_upto(rest, len);
    return len + (braced ? 3 : 1);
}

static void format_compile(struct access_format *format)
{
    struct span rest = format->text, name;
    size_t literal = 0;

    while (literal < rest.len) {
        size_t taken =
            rest.ptr[literal] == '$' ? variable_take(span_from(rest, literal), &name) : 0;

        if (taken == 0) {
            literal++;
            continue;
        }
        if (literal > 0)
            vec_push(&format->ops, ((struct access_op){ .text = span_upto(rest, literal) }));
        vec_push(&format->ops, variable_op(name));
        rest = span_from(rest, literal + taken);
        literal = 0;
    }
    if (rest.len > 0)
        vec_push(&format->ops, ((struct access_op){ .text = rest }));
}

void access_format_set(struct access_format *format, struct span text, enum access_escape escape)
{
    format->escape = escape;
    if (format->text.ptr && span_eq(text, format->text))
        return;
    access_format_deinit(format);
    format->text = span_of(mem_dup(text.ptr, text.len), text.len);
    format->escape = escape;
    format_compile(format);
}

void access_format_deinit(struct access_format *format)
{
    mem_free((char *)format->text.ptr);
    vec_deinit(&format->ops);
    *format = (struct access_format){ 0 };
}

/* nginx: quotes, backslashes, control and high bytes as \xXX. */
static void escape_default(struct buf *out, struct span value)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\') {
            buf_append_byte(out, (char)c);
            continue;
        }
        const char code[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
        buf_append(out, span_of(code, sizeof(code)));
    }
}

/* $http_user_agent names the field User-Agent. */
static bool names_header(struct span variable, struct span header)
{
    if (variable.len != header.len)
        return false;
    for (size_t i = 0; i < header.len; i++) {
        char want = ascii_lower(variable.ptr[i]), c = ascii_lower(header.ptr[i]);
        if (want != (c == '-' ? '_' : c))
            return false;
    }
    return true;
}

static void put_header(const struct access_format *format, const struct access_record *record,
                       struct span variable, struct buf *out)
{
    const struct http_head *request = record->request;

    for (uint32_t i = 0; i < request->headers_len; i++) {
        struct span value = http_header_value(&request->headers[i]);

        if (!names_header(variable, http_header_name(&request->headers[i])))
            continue;
        if (format->escape == ACCESS_ESCAPE_JSON)
            buf_append_json(out, value);
        else if (format->escape == ACCESS_ESCAPE_DEFAULT)
            escape_default(out, value);
        else
            buf_append(out, value);
        return;
    }
}

static bool is_plain(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\')
            return false;
    }
    return true;
}

/* A client can fill some variables (its request's id, a trusted peer's scheme) with any byte that a field
 * value may hold. */
static void escape_written(const struct access_format *format, struct buf *out, size_t from)
{
    struct span written = span_from(buf_span(out), from);

    if (format->escape == ACCESS_ESCAPE_NONE || is_plain(written))
        return;
    struct buf raw = { 0 };
    buf_append(&raw, written);
    out->len = from;
    if (format->escape == ACCESS_ESCAPE_JSON)
        buf_append_json(out, buf_span(&raw));
    else
        escape_default(out, buf_span(&raw));
    buf_deinit(&raw);
}

void access_format_write(struct access_format *format, const struct access_record *record,
                         struct buf *out)
{
    vec_for_each (op, &format->ops) {
        size_t before = out->len;

        if (op->put) {
            op->put(format, record, out);
            if (!op->is_number)
                escape_written(format, out, before);
        } else if (op->is_header) {
            put_header(format, record, op->text, out);
        } else {
            buf_append(out, op->text);
            continue;
        }
        if (out->len == before && format->escape != ACCESS_ESCAPE_JSON)
            buf_append_byte(out, '-');
    }
}
