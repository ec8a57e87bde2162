#include "api/credentials.h"

#include "api/exec_credential.h"
#include "api/exec_run.h"
#include "api/file.h"
#include "base/clock.h"
#include "base/mem.h"

struct api_credentials {
    struct loop *loop;
    const struct api_config *config;
    void (*on_ready)(void *ctx);
    void *ctx;

    struct api_file ca, certificate, key, token; /* those whose path is empty are never read */
    struct api_identity *identity;               /* the newest; NULL: none yet */
    struct buf error;                            /* why there is none, or none that is new */

    struct api_exec_run *run; /* NULL: none is going on */
    struct arena said_arena;  /* of `said` */
    struct api_exec_credential said;
    bool has_said;     /* the plugin has answered once */
    bool is_refused;   /* what it said was answered with 401 */
    uint64_t ended_ms; /* when the last run ended; 0: there was none */
    bool is_failed;    /* the last run did, and why: */
    struct buf run_error;
};

/* ---- files ---------------------------------------------------------------------------------------- */

/* What was read before goes on being used; the error says that it is old. */
static bool file_refresh(struct api_credentials *credentials, struct api_file *file,
                         const char *what, bool at_once)
{
    uint64_t look_ms = at_once ? 0 : CREDENTIALS_LOOK_MS;
    uint64_t read_ms = at_once ? 0 : CREDENTIALS_READ_MS;

    if (file->path.len == 0)
        return true;
    int r = api_file_refresh(file, CREDENTIALS_FILE_MAX, loop_now_ms(credentials->loop), look_ms,
                             read_ms);
    if (r == 0)
        return true;
    buf_printf(&credentials->error, SPAN_FMT ": the %s file " SPAN_FMT " cannot be read: %s",
               SPAN_ARG(credentials->config->origin), what, SPAN_ARG(file->path), strerror(-r));
    return file->is_read;
}

static bool files_refresh(struct api_credentials *credentials, bool at_once)
{
    credentials->error.len = 0;
    return file_refresh(credentials, &credentials->ca, "certificate authority", at_once) &&
           file_refresh(credentials, &credentials->certificate, "client certificate", at_once) &&
           file_refresh(credentials, &credentials->key, "client key", at_once) &&
           file_refresh(credentials, &credentials->token, "token", at_once);
}

/* ---- the identity ---------------------------------------------------------------------------------- */

/* A header's value; a token with a line break in it would be a header of its own. */
static bool is_header_value(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return text.len > 0;
}

static struct span trim_lines(struct span text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]))
        text.len--;
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]))
        text = span_from(text, 1);
    return text;
}

/* The plugin's where there is one, else the file's, else the one in the config. */
static struct span token_now(const struct api_credentials *credentials)
{
    if (credentials->has_said && credentials->said.token.len > 0)
        return credentials->said.token;
    if (credentials->token.is_read)
        return trim_lines(buf_span(&credentials->token.bytes));
    return credentials->config->token;
}

static bool authorization_add(struct api_credentials *credentials, struct api_identity *identity)
{
    struct span token = token_now(credentials);

    if (token.len == 0 && credentials->token.path.len == 0)
        return true;
    if (!is_header_value(token)) {
        buf_printf(&credentials->error,
                   SPAN_FMT ": the token%s" SPAN_FMT " is empty or has control characters in it",
                   SPAN_ARG(credentials->config->origin),
                   credentials->token.path.len > 0 ? " of the file " : "",
                   SPAN_ARG(credentials->token.path));
        return false;
    }
    api_identity_header_add(
        identity,
        arena_printf(&identity->arena, "Authorization: Bearer " SPAN_FMT, SPAN_ARG(token)));
    return true;
}

static struct span pem_now(struct api_identity *identity, const struct api_file *file,
                           struct span fixed)
{
    struct span pem = file->is_read ? buf_span(&file->bytes) : fixed;

    return pem.len > 0 ? arena_dup(&identity->arena, pem) : SPAN_EMPTY;
}

static void certificates_set(const struct api_credentials *credentials,
                             struct api_identity *identity)
{
    const struct api_config *config = credentials->config;
    const struct api_exec_credential *said = &credentials->said;

    identity->ca_pem = pem_now(identity, &credentials->ca, config->ca_pem);
    if (credentials->has_said && said->key_pem.len > 0) {
        identity->certificate_pem = arena_dup(&identity->arena, said->certificate_pem);
        identity->key_pem = arena_dup(&identity->arena, said->key_pem);
        return;
    }
    identity->certificate_pem =
        pem_now(identity, &credentials->certificate, config->client_certificate_pem);
    identity->key_pem = pem_now(identity, &credentials->key, config->client_key_pem);
}

/* Makes the identity anew from what is known; the one before stays where it says the same, so that calls
 * share it. */
static bool identity_make(struct api_credentials *credentials)
{
    const struct api_config *config = credentials->config;
    struct api_identity *identity = api_identity_new();

    certificates_set(credentials, identity);
    identity->username = arena_dup(&identity->arena, config->username);
    identity->password = arena_dup(&identity->arena, config->password);
    vec_for_each (line, &config->impersonation)
        api_identity_header_add(identity, *line);
    if (!authorization_add(credentials, identity)) {
        api_identity_unref(identity);
        return false;
    }
    if (credentials->identity && api_identity_eq(identity, credentials->identity)) {
        api_identity_unref(identity);
        return true;
    }
    api_identity_unref(credentials->identity);
    credentials->identity = identity;
    return true;
}

/* ---- the plugin ------------------------------------------------------------------------------------ */

static bool has_plugin(const struct api_credentials *credentials)
{
    return credentials->config->exec.command.len > 0;
}

static void run_ended(struct api_credentials *credentials, bool is_ok, struct span error)
{
    credentials->is_failed = !is_ok;
    credentials->ended_ms = loop_now_ms(credentials->loop);
    credentials->run_error.len = 0;
    if (is_ok)
        return;
    buf_printf(&credentials->run_error, SPAN_FMT ": exec plugin '" SPAN_FMT "': " SPAN_FMT,
               SPAN_ARG(credentials->config->origin), SPAN_ARG(credentials->config->exec.command),
               SPAN_ARG(error));
}

static void on_run_done(void *ctx, bool is_ok, struct span output, struct span error)
{
    struct api_credentials *credentials = ctx;
    struct api_exec_credential said;
    struct buf fault = { 0 };
    struct arena arena;

    arena_init(&arena, 4096);
    if (is_ok) {
        is_ok = api_exec_credential_parse(&arena, output, credentials->config->exec.api_version,
                                          &said, &fault);
        error = buf_span(&fault);
    }
    if (is_ok) {
        arena_deinit(&credentials->said_arena);
        credentials->said_arena = arena;
        credentials->said = said;
        credentials->has_said = true;
        credentials->is_refused = false;
    } else {
        arena_deinit(&arena);
    }
    run_ended(credentials, is_ok, error);
    buf_deinit(&fault);
    credentials->run = api_exec_run_free(credentials->run);
    credentials->on_ready(credentials->ctx);
}

static void run_start(struct api_credentials *credentials)
{
    const struct api_config *config = credentials->config;
    struct span ca_pem =
        credentials->ca.is_read ? buf_span(&credentials->ca.bytes) : config->ca_pem;
    struct buf info = { 0 }, error = { 0 };

    api_exec_info_encode(config, ca_pem, &info);
    int r = api_exec_run_start(credentials->loop, &config->exec, buf_span(&info), on_run_done,
                               credentials, &credentials->run, &error);
    if (r < 0)
        run_ended(credentials, false, buf_span(&error));
    buf_deinit(&info);
    buf_deinit(&error);
}

/* True where what it said last holds for another `early_ms`. */
static bool has_valid_word(const struct api_credentials *credentials, int64_t early_ms)
{
    int64_t now_ms = (int64_t)(clock_wall_ns() / 1000000);

    if (!credentials->has_said || credentials->is_refused)
        return false;
    return credentials->said.expires_s > (now_ms + early_ms) / 1000;
}

static bool may_run(const struct api_credentials *credentials)
{
    return !credentials->run &&
           (credentials->ended_ms == 0 ||
            loop_now_ms(credentials->loop) - credentials->ended_ms >= CREDENTIALS_AGAIN_MS);
}

static enum api_credentials_result plugin_get(struct api_credentials *credentials)
{
    if (has_valid_word(credentials, CREDENTIALS_EARLY_MS))
        return API_CREDENTIALS_OK;
    if (may_run(credentials))
        run_start(credentials);
    if (has_valid_word(credentials, 0))
        return API_CREDENTIALS_OK; /* for as long as it holds */
    if (credentials->run)
        return API_CREDENTIALS_PENDING;
    if (credentials->has_said && !credentials->is_failed)
        return API_CREDENTIALS_OK; /* short-lived or refused: the server may tell */
    buf_append(&credentials->error, buf_span(&credentials->run_error));
    return API_CREDENTIALS_BAD;
}

/* ---- the surface ----------------------------------------------------------------------------------- */

enum api_credentials_result api_credentials_get(struct api_credentials *credentials,
                                                struct api_identity **ret_identity)
{
    enum api_credentials_result result = API_CREDENTIALS_OK;

    if (!files_refresh(credentials, false))
        return API_CREDENTIALS_BAD;
    if (has_plugin(credentials))
        result = plugin_get(credentials);
    if (result != API_CREDENTIALS_OK)
        return result;
    if (!identity_make(credentials))
        return API_CREDENTIALS_BAD;
    *ret_identity = api_identity_ref(credentials->identity);
    return API_CREDENTIALS_OK;
}

bool api_credentials_reject(struct api_credentials *credentials,
                            const struct api_identity *identity)
{
    if (identity != credentials->identity)
        return true; /* there is a newer one */
    if (has_plugin(credentials)) {
        if (credentials->run)
            return true;
        credentials->is_refused = may_run(credentials);
        return credentials->is_refused;
    }
    (void)files_refresh(credentials, true);
    (void)identity_make(credentials);
    return identity != credentials->identity;
}

struct span api_credentials_error(const struct api_credentials *credentials)
{
    return buf_span(&credentials->error);
}

struct api_credentials *api_credentials_new(struct loop *loop, const struct api_config *config,
                                            void (*on_ready)(void *ctx), void *ctx)
{
    struct api_credentials *credentials = mem_alloc_zero(sizeof(*credentials));

    credentials->loop = loop;
    credentials->config = config;
    credentials->on_ready = on_ready;
    credentials->ctx = ctx;
    if (config->ca_pem.len == 0)
        credentials->ca.path = config->ca_file;
    if (config->client_certificate_pem.len == 0)
        credentials->certificate.path = config->client_certificate_file;
    if (config->client_key_pem.len == 0)
        credentials->key.path = config->client_key_file;
    credentials->token.path = config->token_file;
    arena_init(&credentials->said_arena, 4096);
    return credentials;
}

struct api_credentials *api_credentials_free(struct api_credentials *credentials)
{
    if (!credentials)
        return NULL;
    api_exec_run_free(credentials->run);
    arena_deinit(&credentials->said_arena);
    api_identity_unref(credentials->identity);
    api_file_deinit(&credentials->ca);
    api_file_deinit(&credentials->certificate);
    api_file_deinit(&credentials->key);
    api_file_deinit(&credentials->token);
    buf_deinit(&credentials->error);
    buf_deinit(&credentials->run_error);
    return mem_free(credentials);
}
