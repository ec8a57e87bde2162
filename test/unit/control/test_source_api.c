#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../api/fake_client.h"
#include "base/mem.h"
#include "base/scope.h"
#include "control/source_api.h"

/* ---- objects of a cluster ----------------------------------------------------------------------
 */

#define META(namespace, name, version, more)                                                  \
    "\"metadata\":{\"namespace\":\"" namespace "\",\"name\":\"" name "\",\"uid\":\"u-" name   \
                                               "\",\"resourceVersion\":\"" version            \
                                               "\",\"creationTimestamp\":\"2026-01-31T23:59:" \
                                               "59Z\",\"managedFields\":[{\"manager\":\"x\"}" \
                                               "]" more "}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define END(version)                                                                  \
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version \
    "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define GONE "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n"

#define ANNOTATIONS                                                             \
    ",\"annotations\":{\"nginx.ingress.kubernetes.io/ssl-redirect\":\"false\"," \
    "\"kubectl.kubernetes.io/last-applied-configuration\":\"a long text\"}"
#define BACKEND "{\"service\":{\"name\":\"web\",\"port\":{\"number\":80}}}"
#define PATHS   "[{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":" BACKEND "}]"
#define INGRESS_OF(class, namespace, name, version, host, tls, status)                          \
    "{\"kind\":\"Ingress\",\"apiVersion\":\"networking.k8s.io/v1\"," META(                      \
        namespace, name, version,                                                               \
        ANNOTATIONS) ",\"spec\":{\"ingressClassName\":\"" class "\"," tls                       \
                                                                "\"rules\":[{\"host\":\"" host  \
                                                                "\",\"http\":{\"paths\":" PATHS \
                                                                "}}]},\"status\":{"             \
                                                                "\"loadBalancer\":{" status "}}}"
#define TLS(host, secret) "\"tls\":[{\"hosts\":[\"" host "\"],\"secretName\":\"" secret "\"}],"
#define INGRESS(namespace, name, version, host) \
    INGRESS_OF("yett", namespace, name, version, host, "", "")
#define INGRESS_TLS(namespace, name, version, host, secret) \
    INGRESS_OF("yett", namespace, name, version, host, TLS(host, secret), "")
#define CLASS(name, version, controller)                                                \
    "{\"kind\":\"IngressClass\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{" \
    "\"name\":\"" name "\",\"resourceVersion\":\"" version                              \
    "\"},\"spec\":{\"controller\":\"" controller "\"}}"
#define OUR_CLASS CLASS("yett", "2", "yett.dev/ingress-controller")
#define SERVICE(namespace, name, version, port)                                \
    "{\"kind\":\"Service\",\"apiVersion\":\"v1\"," META(                       \
        namespace, name, version,                                              \
        "") ",\"spec\":{\"clusterIP\":\"10.0.0.1\",\"ports\":[{\"port\":" port \
            ",\"aNewField\":1}]},\"aNewerField\":{}}"
#define SLICE(namespace, name, version, service, address)                                          \
    "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\"," META(                    \
        namespace, name, version,                                                                  \
        ",\"labels\":{\"kubernetes.io/service-name\":\"" service                                   \
        "\"}") ",\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"\",\"port\":80}],\"endpoints\":[" \
               "{"                                                                                 \
               "\"addresses\":[\"" address "\"],\"conditions\":{\"ready\":true}}]}"
#define SECRET(namespace, name, version, data)          \
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"," META( \
        namespace, name, version,                       \
        "") ",\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.crt\":\"" data "\"}}"
#define NAMESPACE(name, version)                                                   \
    "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name \
    "\",\"resourceVersion\":\"" version "\"}}"
#define CONFIG_MAP(namespace, name, version, value)                                 \
    "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"," META(namespace, name, version, \
                                                          "") ",\"data\":{\"x\":\"" value "\"}}"

/* ---- fixture -----------------------------------------------------------------------------------
 */

struct fixture {
    struct loop *loop;
    uint64_t now_ms;
    struct ingress_options ingress;
    struct source_api_options options;
    struct source *source;
    unsigned changes, statuses;
    uint32_t kinds;
    bool is_endpoints_only;
    size_t services;
};

static void on_change(void *ctx, const struct source_change *change)
{
    struct fixture *fixture = ctx;

    fixture->changes++;
    fixture->kinds = change->kinds;
    fixture->is_endpoints_only = source_change_is_endpoints_only(change);
    fixture->services = change->services.len;
}

static void on_status(void *ctx, const struct kube_object *ingress)
{
    assert_int_equal(ingress->kind, KUBE_INGRESS);
    ((struct fixture *)ctx)->statuses++;
}

static void turn(struct fixture *fixture)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_turn(fixture->loop, 0), 0);
}

static void pass(struct fixture *fixture, uint64_t ms)
{
    for (uint64_t gone = 0; gone < ms; gone += 10) {
        fixture->now_ms += 10;
        loop_clock_set_manual(fixture->loop, fixture->now_ms);
        turn(fixture);
    }
}

static void start(struct fixture *fixture)
{
    fixture->options.ingress = &fixture->ingress;
    fixture->source = source_api_new(fixture->loop, NULL, &fixture->options, on_change, fixture);
    fixture->source->on_status = on_status;
    fixture->source->on_status_ctx = fixture;
    source_api_start(fixture->source);
    pass(fixture, 20);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

    assert_int_equal(loop_new(&fixture->loop), 0);
    fixture->now_ms = 1000000;
    loop_clock_set_manual(fixture->loop, fixture->now_ms);
    fixture->ingress = ingress_options_default();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    source_free(fixture->source);
    fake_client_reset();
    loop_free(fixture->loop);
    mem_free(fixture);
    return 0;
}

/* The watch of `resource` ("/services?") says that. */
static void tell(struct fixture *fixture, const char *resource, const char *events)
{
    fake_body(fake_call_with(resource), events);
    turn(fixture);
}

static void list(struct fixture *fixture, const char *resource, const char *events)
{
    fake_open(fake_call_with(resource));
    tell(fixture, resource, events);
    tell(fixture, resource, END("100"));
}

/* One Ingress of ours, with its Service and a slice. */
static void list_small_cluster(struct fixture *fixture)
{
    list(fixture, "/ingressclasses?", EVENT("ADDED", OUR_CLASS));
    list(fixture, "/ingresses?", EVENT("ADDED", INGRESS("shop", "web", "5", "a.example")));
    list(fixture, "/services?", EVENT("ADDED", SERVICE("shop", "web", "6", "80")));
    list(fixture, "/endpointslices?",
         EVENT("ADDED", SLICE("shop", "web-1", "7", "web", "10.0.0.1")));
}

static void run_small_cluster(struct fixture *fixture)
{
    start(fixture);
    list_small_cluster(fixture);
    assert_int_equal(fixture->changes, 1);
}

static const struct kube_object *find(const struct fixture *fixture, enum kube_kind kind,
                                      const char *namespace, const char *name)
{
    return kube_store_find(&fixture->source->store, kind, span_from_str(namespace),
                           span_from_str(name));
}

static void assert_host(const struct fixture *fixture, const char *name, const char *host)
{
    const struct kube_object *ingress = find(fixture, KUBE_INGRESS, "shop", name);

    assert_non_null(ingress);
    assert_true(span_eq(ingress->ingress.rules[0].host.text, span_from_str(host)));
}

static bool is_asked_for(const char *part)
{
    for (size_t i = 0; i < fake_calls(); i++) {
        if (strstr(fake_call_at(i).path, part))
            return true;
    }
    return false;
}

static size_t asked_for(const char *part)
{
    size_t count = 0;

    for (size_t i = 0; i < fake_calls(); i++)
        count += strstr(fake_call_at(i).path, part) != NULL;
    return count;
}

static size_t diags_of(const struct fixture *fixture, enum diag_code code)
{
    struct diag_list diags;
    size_t count = 0;

    diag_list_init(&diags);
    source_diags_append(fixture->source, &diags);
    vec_for_each (diag, &diags.diags)
        count += diag->code == code;
    diag_list_deinit(&diags);
    return count;
}

/* ---- the start ---------------------------------------------------------------------------------
 */

static void nothing_is_told_before_all_is_here(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    assert_int_equal(fake_calls(), 4);
    list(fixture, "/ingressclasses?", EVENT("ADDED", OUR_CLASS));
    list(fixture, "/ingresses?", "");
    list(fixture, "/services?", "");
    assert_int_equal(fixture->changes, 0);
    list(fixture, "/endpointslices?", "");
    assert_int_equal(fixture->changes, 1);
    assert_true(source_api_facts(fixture->source).is_synced);
    assert_true(source_api_facts(fixture->source).is_in_step);
}

static void objects_are_kept_without_what_nobody_asks_for(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    const struct kube_object *ingress = find(fixture, KUBE_INGRESS, "shop", "web");
    assert_non_null(ingress);
    assert_int_equal(ingress->annotations.len, 1);
    assert_true(span_eq(ingress->uid, SPAN("u-web")));
    assert_true(span_eq(ingress->resource_version, SPAN("5")));
    assert_true(ingress->created_s > 0);
    assert_int_equal(ingress->file.len, 0);
    assert_int_equal(kube_store_slices(&fixture->source->store, SPAN("shop"), SPAN("web")).len, 1);
    assert_int_equal(diags_of(fixture, DIAG_UNKNOWN_FIELD), 0);
}

static void secrets_are_asked_for_by_name_before_the_first_change(void **state)
{
    struct fixture *fixture = *state;

    fixture->ingress.default_certificate =
        (struct ingress_object_name){ SPAN("infra"), SPAN("wildcard") };
    start(fixture);
    list(fixture, "/ingressclasses?",
         EVENT("ADDED", OUR_CLASS) EVENT("ADDED", CLASS("other", "3", "other.dev/x")));
    list(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "web", "5", "a.example", "cert-a"))
             EVENT("ADDED", INGRESS_TLS("shop", "web2", "5", "b.example", "cert-a"))
                 EVENT("ADDED", INGRESS_OF("other", "shop", "theirs", "6", "c.example",
                                           TLS("c.example", "cert-c"), "")));
    list(fixture, "/services?", "");
    assert_false(is_asked_for("secrets"));
    list(fixture, "/endpointslices?", "");
    pass(fixture, 20);
    assert_int_equal(asked_for("secrets"), 2);
    assert_int_equal(fixture->changes, 0);
    list(fixture, "/namespaces/shop/secrets?",
         EVENT("ADDED", SECRET("shop", "cert-a", "9", "QQ==")));
    assert_int_equal(fixture->changes, 0);
    assert_non_null(strstr(fake_call_with("/namespaces/infra/secrets?").path,
                           "fieldSelector=metadata.name%3Dwildcard"));
    list(fixture, "/namespaces/infra/secrets?", "");
    assert_int_equal(fixture->changes, 1);
    assert_non_null(find(fixture, KUBE_SECRET, "shop", "cert-a"));
    assert_null(find(fixture, KUBE_SECRET, "infra", "wildcard"));
}

static void secrets_out_of_reach_do_not_hold_up_the_start(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    list(fixture, "/ingressclasses?", EVENT("ADDED", OUR_CLASS));
    list(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "a", "5", "a.example", "forbidden"))
             EVENT("ADDED", INGRESS_TLS("shop", "b", "5", "b.example", "silent")));
    list(fixture, "/services?", "");
    list(fixture, "/endpointslices?", "");
    pass(fixture, 20);
    fake_end_status(fake_call_with("%3Dforbidden"), 403, "secrets \"forbidden\" is forbidden");
    turn(fixture);
    assert_int_equal(fixture->changes, 0);
    assert_int_equal(source_api_facts(fixture->source).secrets.forbidden, 1);
    pass(fixture, SECRET_WATCH_WAIT_MS);
    assert_int_equal(fixture->changes, 1);
    assert_int_equal(find(fixture, KUBE_SECRET, "shop", "forbidden")->secret.access,
                     KUBE_SECRET_FORBIDDEN);
    assert_int_equal(find(fixture, KUBE_SECRET, "shop", "silent")->secret.access,
                     KUBE_SECRET_UNANSWERED);

    /* Both come later. */
    list(fixture, "%3Dsilent", EVENT("ADDED", SECRET("shop", "silent", "9", "QQ==")));
    assert_int_equal(fixture->changes, 2);
    assert_int_equal(fixture->kinds, 1u << KUBE_SECRET);
    assert_int_equal(find(fixture, KUBE_SECRET, "shop", "silent")->secret.access, KUBE_SECRET_READ);
    pass(fixture, 40000);
    list(fixture, "%3Dforbidden", "");
    assert_null(find(fixture, KUBE_SECRET, "shop", "forbidden"));
    assert_int_equal(source_api_facts(fixture->source).secrets.forbidden, 0);
}

static void classes_may_be_out_of_reach(void **state)
{
    struct fixture *fixture = *state;

    fixture->ingress.watch_namespace = SPAN("shop");
    fixture->ingress.class_by_name = true;
    start(fixture);
    for (int i = 0; i < 2; i++) {
        assert_null(find(fixture, KUBE_INGRESS_CLASS, "", "yett"));
        fake_end_status(fake_call_with("/ingressclasses?"), 403, "no");
        pass(fixture, 20000);
    }
    assert_non_null(strstr(fake_call_with("/ingresses?").path, "/namespaces/shop/ingresses?"));
    list(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "web", "5", "a.example", "cert-a")));
    list(fixture, "/services?", "");
    list(fixture, "/endpointslices?", "");
    pass(fixture, 20);
    list(fixture, "/secrets?", "");
    assert_int_equal(fixture->changes, 1);
    assert_non_null(find(fixture, KUBE_INGRESS_CLASS, "", "yett"));
    assert_int_equal(diags_of(fixture, DIAG_API_FORBIDDEN), 1);

    pass(fixture, 60000);
    list(fixture, "/ingressclasses?", EVENT("ADDED", CLASS("x", "3", "x")));
    assert_null(find(fixture, KUBE_INGRESS_CLASS, "", "yett"));
    assert_non_null(find(fixture, KUBE_INGRESS_CLASS, "", "x"));
    assert_int_equal(diags_of(fixture, DIAG_API_FORBIDDEN), 0);
}

/* ---- changes -----------------------------------------------------------------------------------
 */

static void a_burst_is_one_change(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    fake_body(fake_call_with("/services?"), EVENT("MODIFIED", SERVICE("shop", "web", "10", "81")));
    fake_body(fake_call_with("/ingresses?"),
              EVENT("ADDED", INGRESS("shop", "b", "11", "b.example"))
                  EVENT("DELETED", INGRESS("shop", "web", "12", "a.example")));
    assert_int_equal(fixture->changes, 1);
    turn(fixture);
    assert_int_equal(fixture->changes, 2);
    assert_int_equal(fixture->kinds, 1u << KUBE_SERVICE | 1u << KUBE_INGRESS);
    assert_null(find(fixture, KUBE_INGRESS, "shop", "web"));
    assert_host(fixture, "b", "b.example");
}

static void other_endpoints_go_the_fast_way(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/endpointslices?",
         EVENT("MODIFIED", SLICE("shop", "web-1", "10", "web", "10.0.0.2")));
    assert_int_equal(fixture->changes, 2);
    assert_true(fixture->is_endpoints_only);
    assert_int_equal(fixture->services, 1);
}

static void what_makes_no_difference_is_no_change(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/endpointslices?",
         EVENT("MODIFIED", SLICE("shop", "web-1", "10", "web", "10.0.0.1")));
    tell(fixture, "/services?", EVENT("MODIFIED", SERVICE("shop", "web", "11", "80")));
    tell(fixture, "/ingresses?",
         EVENT("MODIFIED", INGRESS_OF("yett", "shop", "web", "12", "a.example", "",
                                      "\"ingress\":[{\"ip\":\"1.2.3.4\"}]")));
    assert_int_equal(fixture->changes, 1);
    assert_int_equal(fixture->statuses, 1);
    assert_true(span_eq(find(fixture, KUBE_INGRESS, "shop", "web")->resource_version, SPAN("12")));
}

static void another_listing_tells_what_vanished(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/ingresses?", EVENT("ADDED", INGRESS("shop", "b", "11", "b.example")));
    tell(fixture, "/ingresses?", GONE);
    fake_end(fake_call_with("/ingresses?"));
    pass(fixture, 1000);
    fake_body(fake_call_with("/ingresses?"),
              EVENT("ADDED", INGRESS("shop", "web", "5", "a.example")));
    pass(fixture, 1000);
    assert_int_equal(fixture->changes, 2); /* nothing is gone before the listing is complete */
    assert_host(fixture, "b", "b.example");
    tell(fixture, "/ingresses?", END("200"));
    assert_int_equal(fixture->changes, 3);
    assert_null(find(fixture, KUBE_INGRESS, "shop", "b"));
    assert_host(fixture, "web", "a.example");
}

static void silence_takes_nothing_away(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    for (int i = 0; i < 50; i++) {
        while (fake_calls())
            fake_end_reply(fake_call_at(0), (struct api_reply){ .result = API_CALL_UNREACHABLE });
        pass(fixture, 1000);
    }
    assert_host(fixture, "web", "a.example");
    assert_false(source_api_facts(fixture->source).is_in_step);
    assert_true(source_api_facts(fixture->source).is_synced);
}

static void what_cannot_be_read_harms_itself_only(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/ingresses?",
         EVENT("ADDED", "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"bad\"},\"spec\":7}")
             EVENT("ADDED", "[]") EVENT("ADDED", "{\"metadata\":{}}")
                 EVENT("ADDED", SERVICE("shop", "x", "1", "1"))
                     EVENT("MODIFIED", "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web\","
                                       "\"resourceVersion\":\"20\"},\"spec\":\"\\x\"}")
                         EVENT("ADDED", INGRESS("shop", "good", "21", "g.example")));
    assert_host(fixture, "good", "g.example");
    assert_host(fixture, "web", "a.example");
    assert_null(find(fixture, KUBE_SERVICE, "shop", "x"));
    assert_int_equal(diags_of(fixture, DIAG_SYNTAX), 1);
    assert_int_equal(diags_of(fixture, DIAG_WRONG_TYPE), 1);
    tell(fixture, "/ingresses?", EVENT("MODIFIED", INGRESS("shop", "web", "22", "w.example")));
    assert_int_equal(diags_of(fixture, DIAG_SYNTAX), 0);
    assert_host(fixture, "web", "w.example");
    tell(fixture, "/ingresses?",
         EVENT("DELETED", "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"bad\"},\"spec\":7}"));
    assert_int_equal(diags_of(fixture, DIAG_WRONG_TYPE), 0);
}

static void the_config_map_is_the_one_named(void **state)
{
    struct fixture *fixture = *state;

    fixture->ingress.config_map = (struct ingress_object_name){ SPAN("infra"), SPAN("settings") };
    start(fixture);
    list_small_cluster(fixture);
    assert_int_equal(fixture->changes, 0);
    assert_non_null(strstr(fake_call_with("/configmaps?").path, "/namespaces/infra/configmaps?"));
    assert_non_null(strstr(fake_call_with("/configmaps?").path, "metadata.name%3Dsettings"));
    list(fixture, "/configmaps?",
         EVENT("ADDED", CONFIG_MAP("infra", "settings", "4", "1"))
             EVENT("ADDED", CONFIG_MAP("infra", "another", "4", "1")));
    assert_int_equal(fixture->changes, 1);
    assert_non_null(find(fixture, KUBE_CONFIG_MAP, "infra", "settings"));
    assert_null(find(fixture, KUBE_CONFIG_MAP, "infra", "another"));
}

static void the_default_backend_may_lie_elsewhere(void **state)
{
    struct fixture *fixture = *state;

    fixture->ingress.watch_namespace = SPAN("shop");
    fixture->ingress.default_backend = (struct ingress_object_name){ SPAN("infra"), SPAN("404") };
    start(fixture);
    list(fixture, "/namespaces/shop/services?", EVENT("ADDED", SERVICE("shop", "web", "6", "80")));
    list(fixture, "/namespaces/infra/services?",
         EVENT("ADDED", SERVICE("infra", "404", "6", "80")));
    list(fixture, "/namespaces/shop/endpointslices?", "");
    assert_non_null(strstr(fake_call_with("/namespaces/infra/endpointslices?").path,
                           "labelSelector=kubernetes.io%2Fservice-name%3D404"));
    list(fixture, "/namespaces/infra/endpointslices?",
         EVENT("ADDED", SLICE("infra", "404-1", "7", "404", "10.0.0.9")));
    list(fixture, "/ingresses?", "");
    list(fixture, "/ingressclasses?", "");
    assert_int_equal(fixture->changes, 1);
    assert_non_null(find(fixture, KUBE_SERVICE, "infra", "404"));
    assert_non_null(find(fixture, KUBE_SERVICE, "shop", "web"));
    assert_int_equal(kube_store_slices(&fixture->source->store, SPAN("infra"), SPAN("404")).len, 1);
}

/* ---- Secrets come and go -----------------------------------------------------------------------
 */

static void an_ingress_waits_for_its_secret(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/ingresses?",
         EVENT("MODIFIED", INGRESS_TLS("shop", "web", "10", "new.example", "cert")));
    pass(fixture, 20);
    assert_host(fixture, "web", "a.example");
    assert_int_equal(source_api_facts(fixture->source).held, 1);
    tell(fixture, "/services?", EVENT("MODIFIED", SERVICE("shop", "web", "11", "81")));
    assert_int_equal(fixture->changes, 2); /* others do not wait */
    tell(fixture, "/ingresses?",
         EVENT("MODIFIED", INGRESS_TLS("shop", "web", "12", "newer.example", "cert")));
    assert_host(fixture, "web", "a.example");
    list(fixture, "/secrets?", EVENT("ADDED", SECRET("shop", "cert", "9", "QQ==")));
    assert_int_equal(fixture->changes, 3);
    assert_int_equal(fixture->kinds, 1u << KUBE_INGRESS | 1u << KUBE_SECRET);
    assert_host(fixture, "web", "newer.example");
    assert_int_equal(source_api_facts(fixture->source).held, 0);
}

static void an_ingress_does_not_wait_for_ever(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/ingresses?",
         EVENT("MODIFIED", INGRESS_TLS("shop", "web", "10", "new.example", "cert")));
    pass(fixture, SECRET_WATCH_WAIT_MS + 100);
    assert_host(fixture, "web", "new.example");
    assert_int_equal(find(fixture, KUBE_SECRET, "shop", "cert")->secret.access,
                     KUBE_SECRET_UNANSWERED);
    assert_true(is_asked_for("secrets"));
}

static void one_that_waits_may_be_deleted(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/ingresses?",
         EVENT("MODIFIED", INGRESS_TLS("shop", "web", "10", "new.example", "cert"))
             EVENT("ADDED", INGRESS_TLS("shop", "b", "11", "b.example", "cert")));
    tell(fixture, "/ingresses?",
         EVENT("DELETED", INGRESS_TLS("shop", "web", "12", "new.example", "cert"))
             EVENT("DELETED", INGRESS_TLS("shop", "b", "13", "b.example", "cert")));
    assert_int_equal(source_api_facts(fixture->source).held, 0);
    assert_null(find(fixture, KUBE_INGRESS, "shop", "web"));
    pass(fixture, SECRET_WATCH_LINGER_MS + 100);
    assert_false(is_asked_for("secrets"));
    assert_null(find(fixture, KUBE_INGRESS, "shop", "b"));
}

#define ANNOTATION_SECRET(namespace, name, version, host, secret)                      \
    "{\"kind\":\"Ingress\",\"apiVersion\":\"networking.k8s.io/v1\"," META(             \
        namespace, name, version,                                                      \
        ",\"annotations\":{\"nginx.ingress.kubernetes.io/auth-tls-secret\":\"" secret  \
        "\"}") ",\"spec\":{\"ingressClassName\":\"yett\",\"rules\":[{\"host\":\"" host \
               "\",\"http\":{\"paths\":" PATHS "}}]}}"

/* Of its own namespace: another's is not asked for. */
static void secrets_of_annotations_are_asked_for(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/ingresses?",
         EVENT("ADDED", ANNOTATION_SECRET("shop", "b", "11", "b.test", "shop/authorities")));
    tell(fixture, "/ingresses?",
         EVENT("ADDED", ANNOTATION_SECRET("shop", "c", "12", "c.test", "infra/authorities")));
    tell(fixture, "/ingresses?",
         EVENT("ADDED", ANNOTATION_SECRET("shop", "d", "13", "d.test", "nonsense")));
    pass(fixture, 20);
    assert_int_equal(asked_for("secrets"), 1);
    assert_true(is_asked_for("/namespaces/shop/secrets?"));
    assert_null(find(fixture, KUBE_INGRESS, "shop", "b")); /* it waits */
    assert_non_null(find(fixture, KUBE_INGRESS, "shop", "c"));
    list(fixture, "/shop/secrets?", EVENT("ADDED", SECRET("shop", "authorities", "9", "QQ==")));
    assert_non_null(find(fixture, KUBE_INGRESS, "shop", "b"));
}

static void a_secret_that_nobody_wants_lingers_and_goes(void **state)
{
    struct fixture *fixture = *state;

    run_small_cluster(fixture);
    tell(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "b", "10", "b.example", "cert")));
    pass(fixture, 20);
    list(fixture, "/secrets?", EVENT("ADDED", SECRET("shop", "cert", "9", "QQ==")));
    tell(fixture, "/ingresses?",
         EVENT("DELETED", INGRESS_TLS("shop", "b", "11", "b.example", "cert")));
    pass(fixture, SECRET_WATCH_LINGER_MS - 1000);
    assert_true(is_asked_for("secrets"));

    /* Wanted again in time: nothing is asked anew, and nobody waits. */
    size_t started = fake_calls_started();
    tell(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "b", "12", "b.example", "cert")));
    assert_host(fixture, "b", "b.example");
    pass(fixture, SECRET_WATCH_LINGER_MS + 1000);
    assert_true(is_asked_for("secrets"));
    assert_int_equal(fake_calls_started(), started);

    tell(fixture, "/ingresses?", EVENT("MODIFIED", INGRESS("shop", "b", "13", "b.example")));
    unsigned changes = fixture->changes;
    pass(fixture, SECRET_WATCH_LINGER_MS + 1000);
    assert_false(is_asked_for("secrets"));
    assert_null(find(fixture, KUBE_SECRET, "shop", "cert"));
    assert_int_equal(fixture->changes, changes);
}

static void a_class_that_changes_hands_counts_anew(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    list(fixture, "/ingressclasses?", EVENT("ADDED", CLASS("yett", "2", "other.dev/x")));
    list(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "web", "5", "a.example", "cert")));
    list(fixture, "/services?", "");
    list(fixture, "/endpointslices?", "");
    pass(fixture, 20);
    assert_int_equal(fixture->changes, 1);
    assert_false(is_asked_for("secrets"));

    tell(fixture, "/ingressclasses?",
         EVENT("MODIFIED", CLASS("yett", "20", "yett.dev/ingress-controller")));
    pass(fixture, 20);
    assert_int_equal(fixture->changes, 1); /* not with a wrong certificate */
    list(fixture, "/secrets?", EVENT("ADDED", SECRET("shop", "cert", "9", "QQ==")));
    assert_int_equal(fixture->changes, 2);

    tell(fixture, "/ingressclasses?", EVENT("DELETED", OUR_CLASS));
    pass(fixture, SECRET_WATCH_LINGER_MS + 100);
    assert_false(is_asked_for("secrets"));
}

static void few_secrets_are_asked_for_at_once(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf events = { 0 };

    run_small_cluster(fixture);
    for (int i = 0; i < 200; i++) {
        struct span one =
            SPAN(EVENT("ADDED", INGRESS_TLS("shop", "web-XXX", "5", "a.example", "cert-XXX")));
        char number[4] = { (char)('a' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10),
                           0 };
        for (size_t at = 0; at < one.len;) {
            if (span_starts_with(span_from(one, at), SPAN("XXX"))) {
                buf_append(&events, span_from_str(number));
                at += 3;
            } else {
                buf_append_byte(&events, one.ptr[at++]);
            }
        }
    }
    fake_body_span(fake_call_with("/ingresses?"), buf_span(&events));
    pass(fixture, 20);
    assert_int_equal(asked_for("/secrets?"), SECRET_WATCH_STARTS_MAX);
    for (int i = 0; i < 10; i++) {
        char part[] = "%3Dcert-a0X&";
        part[10] = (char)('0' + i);
        tell(fixture, part, END("100"));
    }
    pass(fixture, 20);
    assert_int_equal(asked_for("/secrets?"), SECRET_WATCH_STARTS_MAX + 10);
    pass(fixture, SECRET_WATCH_WAIT_MS);
    assert_int_equal(kube_store_len(&fixture->source->store, KUBE_INGRESS), 201);
}

static void one_watch_may_serve_for_all_secrets(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.has_wide_secrets = true;
    start(fixture);
    list(fixture, "/ingressclasses?", EVENT("ADDED", OUR_CLASS));
    list(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "web", "5", "a.example", "cert-a")));
    list(fixture, "/services?", "");
    list(fixture, "/endpointslices?", "");
    pass(fixture, 20);
    assert_int_equal(asked_for("secrets"), 1);
    list(fixture, "/v1/secrets?",
         EVENT("ADDED", SECRET("shop", "cert-a", "9", "QQ=="))
             EVENT("ADDED", SECRET("shop", "cert-b", "9", "QQ==")));
    assert_int_equal(fixture->changes, 1);
    assert_non_null(find(fixture, KUBE_SECRET, "shop", "cert-a"));
    assert_null(find(fixture, KUBE_SECRET, "shop", "cert-b"));

    /* One that was passed over is asked for by name, once, and followed by the watch of all. */
    tell(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "b", "15", "b.example", "cert-b")));
    pass(fixture, 20);
    list(fixture, "%3Dcert-b", EVENT("ADDED", SECRET("shop", "cert-b", "9", "QQ==")));
    assert_host(fixture, "b", "b.example");
    assert_int_equal(asked_for("secrets"), 1);
    tell(fixture, "/v1/secrets?", EVENT("MODIFIED", SECRET("shop", "cert-b", "19", "QkI=")));
    assert_true(
        span_eq(find(fixture, KUBE_SECRET, "shop", "cert-b")->secret.entries.items[0].value.text,
                SPAN("BB")));
}

static void a_listing_of_all_secrets_spares_what_came_by_name(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.has_wide_secrets = true;
    run_small_cluster(fixture);
    pass(fixture, 20);
    list(fixture, "/v1/secrets?", "");
    tell(fixture, "/v1/secrets?", GONE);
    fake_end(fake_call_with("/v1/secrets?"));
    pass(fixture, 1000);
    fake_body(fake_call_with("/v1/secrets?"), EVENT("ADDED", SECRET("shop", "cert", "9", "QQ==")));
    tell(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "b", "15", "b.example", "cert")));
    pass(fixture, 20);
    list(fixture, "%3Dcert", EVENT("ADDED", SECRET("shop", "cert", "9", "QQ==")));
    tell(fixture, "/v1/secrets?", END("200"));
    assert_non_null(find(fixture, KUBE_SECRET, "shop", "cert"));
}

static void no_right_to_list_all_secrets_is_told_at_each(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.has_wide_secrets = true;
    start(fixture);
    list(fixture, "/ingressclasses?", EVENT("ADDED", OUR_CLASS));
    list(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "web", "5", "a.example", "cert-a")));
    list(fixture, "/services?", "");
    list(fixture, "/endpointslices?", "");
    pass(fixture, 20);
    fake_end_status(fake_call_with("/v1/secrets?"), 403, "no");
    turn(fixture);
    assert_int_equal(fixture->changes, 1);
    assert_int_equal(find(fixture, KUBE_SECRET, "shop", "cert-a")->secret.access,
                     KUBE_SECRET_FORBIDDEN);
    pass(fixture, 60000);
    list(fixture, "/v1/secrets?", EVENT("ADDED", SECRET("shop", "cert-a", "9", "QQ==")));
    assert_int_equal(find(fixture, KUBE_SECRET, "shop", "cert-a")->secret.access, KUBE_SECRET_READ);
}

/* ---- namespaces by label -----------------------------------------------------------------------
 */

static void objects_show_while_their_namespace_is_selected(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.namespace_selector = SPAN("team=a");
    fixture->ingress.default_backend = (struct ingress_object_name){ SPAN("infra"), SPAN("404") };
    start(fixture);
    assert_non_null(strstr(fake_call_with("/namespaces?").path, "labelSelector=team%3Da"));
    list(fixture, "/ingressclasses?", EVENT("ADDED", OUR_CLASS));
    list(fixture, "/ingresses?",
         EVENT("ADDED", INGRESS_TLS("shop", "web", "5", "a.example", "cert"))
             EVENT("ADDED", INGRESS("bar", "web", "5", "b.example")));
    list(fixture, "/services?",
         EVENT("ADDED", SERVICE("shop", "web", "6", "80"))
             EVENT("ADDED", SERVICE("infra", "404", "6", "80")));
    list(fixture, "/endpointslices?",
         EVENT("ADDED", SLICE("shop", "web-1", "7", "web", "10.0.0.1")));
    list(fixture, "/namespaces?", EVENT("ADDED", NAMESPACE("bar", "3")));
    assert_int_equal(fixture->changes, 1);
    assert_null(find(fixture, KUBE_INGRESS, "shop", "web"));
    assert_non_null(find(fixture, KUBE_INGRESS, "bar", "web"));
    assert_non_null(find(fixture, KUBE_SERVICE, "infra", "404"));
    assert_false(is_asked_for("secrets"));

    tell(fixture, "/namespaces?", EVENT("ADDED", NAMESPACE("shop", "8")));
    pass(fixture, 20);
    list(fixture, "/secrets?", EVENT("ADDED", SECRET("shop", "cert", "9", "QQ==")));
    assert_int_equal(fixture->changes, 2);
    assert_host(fixture, "web", "a.example");
    assert_int_equal(kube_store_slices(&fixture->source->store, SPAN("shop"), SPAN("web")).len, 1);

    tell(fixture, "/namespaces?", EVENT("DELETED", NAMESPACE("shop", "9")));
    assert_int_equal(fixture->changes, 3);
    assert_null(find(fixture, KUBE_INGRESS, "shop", "web"));
    assert_null(find(fixture, KUBE_SERVICE, "shop", "web"));

    /* Changes to what is hidden are no changes, but are kept up with. */
    tell(fixture, "/ingresses?", EVENT("MODIFIED", INGRESS("shop", "web", "12", "later.example")));
    tell(fixture, "/services?", EVENT("DELETED", SERVICE("shop", "web", "13", "80")));
    assert_int_equal(fixture->changes, 3);
    tell(fixture, "/namespaces?", EVENT("ADDED", NAMESPACE("shop", "14")));
    assert_int_equal(fixture->changes, 4);
    assert_host(fixture, "web", "later.example");
    assert_null(find(fixture, KUBE_SERVICE, "shop", "web"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_told_before_all_is_here),
        CASE(objects_are_kept_without_what_nobody_asks_for),
        CASE(secrets_are_asked_for_by_name_before_the_first_change),
        CASE(secrets_out_of_reach_do_not_hold_up_the_start),
        CASE(classes_may_be_out_of_reach),
        CASE(a_burst_is_one_change),
        CASE(other_endpoints_go_the_fast_way),
        CASE(what_makes_no_difference_is_no_change),
        CASE(another_listing_tells_what_vanished),
        CASE(silence_takes_nothing_away),
        CASE(what_cannot_be_read_harms_itself_only),
        CASE(the_config_map_is_the_one_named),
        CASE(the_default_backend_may_lie_elsewhere),
        CASE(an_ingress_waits_for_its_secret),
        CASE(secrets_of_annotations_are_asked_for),
        CASE(an_ingress_does_not_wait_for_ever),
        CASE(one_that_waits_may_be_deleted),
        CASE(a_secret_that_nobody_wants_lingers_and_goes),
        CASE(a_class_that_changes_hands_counts_anew),
        CASE(few_secrets_are_asked_for_at_once),
        CASE(one_watch_may_serve_for_all_secrets),
        CASE(a_listing_of_all_secrets_spares_what_came_by_name),
        CASE(no_right_to_list_all_secrets_is_told_at_each),
        CASE(objects_show_while_their_namespace_is_selected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
