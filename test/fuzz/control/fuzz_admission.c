#include <jansson.h>

#include "control/admission.h"
#include "kube/decode.h"

/* A body that anyone who reaches the webhook may send, judged among a few objects. Whatever it is, the answer
 * is a status or JSON of the right form, and its texts keep their limits. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char world[] =
    "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"IngressClass\",\"metadata\":{\"name\":"
    "\"yett\"},\"spec\":{\"controller\":\"yett.dev/ingress-controller\"}}"
    "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"old\","
    "\"namespace\":\"shop\"},\"spec\":{\"ingressClassName\":\"yett\",\"rules\":[{\"host\":"
    "\"old.test\",\"http\":{\"paths\":[{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{"
    "\"service\":{\"name\":\"web\",\"port\":{\"number\":80}}}}]}}]}}"
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\",\"namespace\":"
    "\"shop\"},\"spec\":{\"ports\":[{\"port\":80}]}}";

static struct kube_bundle *bundle;
static struct kube_store store;
static struct ingress_options options;
static struct route_model *model;

static void world_make(void)
{
    struct diag_list diags;

    bundle = kube_bundle_decode(span_from_str(world), SPAN_EMPTY);
    diag_list_init(&diags);
    kube_store_init(&store);
    invariant(bundle->objects.len == 3);
    vec_for_each (object, &bundle->objects)
        invariant(!kube_store_put(&store, object));
    options = ingress_options_default();
    options.watch_without_class = true;
    model = ingress_compile(&store, &options, &diags);
    diag_list_deinit(&diags);
}

static void warnings_check(const json_t *warnings)
{
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        size_t bytes = json_string_length(json_array_get(warnings, i));
        invariant(bytes > 0 && bytes <= ADMISSION_WARNING_BYTES + 3 * sizeof("\xEF\xBF\xBD"));
    }
}

static void answer_check(const struct http_answer *answer, enum admission_outcome outcome)
{
    if (outcome == ADMISSION_UNREADABLE) {
        invariant(answer->status == 400 && answer->body.len > 0);
        return;
    }
    json_t *root = json_loadb(answer->body.ptr, answer->body.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *response = json_object_get(root, "response");
    bool is_allowed = json_is_true(json_object_get(response, "allowed"));

    invariant(answer->status == 200 && json_string_length(json_object_get(response, "uid")) > 0);
    invariant(is_allowed == (outcome != ADMISSION_REFUSED));
    invariant(is_allowed == !json_object_get(response, "status"));
    warnings_check(json_object_get(response, "warnings"));
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct admission_state state = {
        .store = &store, .options = &options, .has_all_secrets = true, .now_s = 1700000000
    };
    struct span body = span_of((const char *)data, size);

    if (!model)
        world_make();
    for (int i = 0; i < 2; i++) { /* with the model to ask, and without */
        struct http_answer answer = { 0 };

        enum admission_outcome outcome = admission_answer(&state, body, &answer);
        answer_check(&answer, outcome);
        buf_deinit(&answer.body);
        state.model = model;
    }
    return 0;
}
