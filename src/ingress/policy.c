#include "ingress/policy.h"

#include "base/num.h"

static uint32_t tls_version(struct span word)
{
    if (span_eq(word, SPAN("TLSv1.2")))
        return ROUTE_TLS_1_2;
    return span_eq(word, SPAN("TLSv1.3")) ? ROUTE_TLS_1_3 : 0;
}

uint32_t ingress_tls_versions(struct span text, void (*on_unknown)(void *ctx, struct span word),
                              void *ctx)
{
    struct span word;
    uint32_t versions = 0;

    while (span_split(&text, ' ', &word)) {
        if (span_is_empty(word))
            continue;
        uint32_t version = tls_version(word);
        versions |= version;
        if (version == 0)
            on_unknown(ctx, word);
    }
    return versions;
}

bool ingress_seconds_parse(struct span text, uint32_t min, uint32_t *ret_ms)
{
    uint32_t seconds;

    if (!num_parse_u32(text, POLICY_SECONDS_MAX, &seconds) || seconds < min)
        return false;
    *ret_ms = seconds * 1000;
    return true;
}

/* All conditions that ingress-nginx takes; those without bits are beyond the gate. */
static const struct {
    const char *word;
    uint32_t bits;
} retry_words[] = {
    { "error", ROUTE_RETRY_ERROR },
    { "timeout", ROUTE_RETRY_TIMEOUT },
    { "non_idempotent", ROUTE_RETRY_NON_IDEMPOTENT },
    { "invalid_header", 0 },
    { "http_500", 0 },
    { "http_502", 0 },
    { "http_503", 0 },
    { "http_504", 0 },
    { "http_403", 0 },
    { "http_404", 0 },
    { "http_429", 0 },
};

static int retry_word_parse(struct span word, uint32_t *ret_bits)
{
    for (size_t i = 0; i < ARRAY_LEN(retry_words); i++) {
        if (span_eq(word, span_from_str(retry_words[i].word))) {
            *ret_bits = retry_words[i].bits;
            return retry_words[i].bits ? POLICY_OK : POLICY_PARTLY;
        }
    }
    return POLICY_INVALID;
}

static int retry_on_parse(struct span text, uint32_t *ret_bits)
{
    struct span word;
    uint32_t all = 0, bits = 0;
    int result = POLICY_OK;
    bool is_empty = true;

    if (span_eq(span_trim(text), SPAN("off"))) {
        *ret_bits = 0;
        return POLICY_OK;
    }
    while (span_split(&text, ' ', &word)) {
        if (span_is_empty(word))
            continue;
        int r = retry_word_parse(word, &bits);
        if (r == POLICY_INVALID)
            return r;
        if (r == POLICY_PARTLY)
            result = r;
        all |= bits;
        is_empty = false;
    }
    if (is_empty)
        return POLICY_INVALID;
    *ret_bits = all;
    return result;
}

static bool tries_parse(struct span text, uint32_t *ret_tries)
{
    uint32_t tries;

    if (!num_parse_u32(text, INT32_MAX, &tries))
        return false;
    *ret_tries = tries == 0 ? POLICY_TRIES_MAX : MIN(tries, (uint32_t)POLICY_TRIES_MAX);
    return true;
}

int ingress_policy_set(struct route_policy *policy, enum policy_field field, struct span text)
{
    bool is_valid = false;

    switch (field) {
    case POLICY_BODY_BYTES:
        is_valid = num_parse_size(text, INT64_MAX, &policy->body_bytes_max);
        break;
    case POLICY_CONNECT_TIMEOUT:
        is_valid = ingress_seconds_parse(text, 1, &policy->connect_timeout_ms);
        break;
    case POLICY_READ_TIMEOUT:
        is_valid = ingress_seconds_parse(text, 1, &policy->read_timeout_ms);
        break;
    case POLICY_SEND_TIMEOUT:
        is_valid = ingress_seconds_parse(text, 1, &policy->send_timeout_ms);
        break;
    case POLICY_RETRY_ON:
        return retry_on_parse(text, &policy->retry_on);
    case POLICY_RETRY_TRIES:
        is_valid = tries_parse(text, &policy->retry_tries);
        break;
    case POLICY_RETRY_TIMEOUT:
        is_valid = ingress_seconds_parse(text, 0, &policy->retry_timeout_ms);
        break;
    }
    return is_valid ? POLICY_OK : POLICY_INVALID;
}

const char *ingress_policy_grammar(enum policy_field field)
{
    switch (field) {
    case POLICY_BODY_BYTES:
        return "bytes, with k, m or g, such as 8m; 0 is no limit";
    case POLICY_CONNECT_TIMEOUT:
    case POLICY_READ_TIMEOUT:
    case POLICY_SEND_TIMEOUT:
        return "whole seconds from 1 to 2592000, without a unit";
    case POLICY_RETRY_ON:
        return "words such as 'error timeout', or off";
    case POLICY_RETRY_TRIES:
        return "a number of tries, the first included; 0 is no limit";
    case POLICY_RETRY_TIMEOUT:
        return "whole seconds without a unit; 0 is no limit";
    }
    return "";
}
