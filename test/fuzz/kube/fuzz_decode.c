#include "base/buf.h"
#include "kube/decode.h"
#include "kube/store.h"

/* A manifest of hostile bytes: decodes it, as a file and as the API's answer would be, puts what comes
 * of it into a store, and words every diagnostic. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void objects_store(const struct kube_bundle *bundle)
{
    struct kube_store store;

    kube_store_init(&store);
    vec_for_each (object, &bundle->objects)
        (void)kube_store_put(&store, object);
    vec_for_each (object, &bundle->objects)
        kube_store_remove(&store, object);
    for (int kind = 0; kind < KUBE_KINDS_LEN; kind++)
        invariant(kube_store_len(&store, (enum kube_kind)kind) == 0);
    kube_store_deinit(&store);
}

static void diags_format(struct kube_bundle *bundle)
{
    struct buf out = { 0 };

    diag_list_sort(&bundle->diags);
    vec_for_each (diag, &bundle->diags.diags) {
        invariant(diag->message.len && diag->mend.len);
        diag_format_text(diag, &out);
        diag_format_json(diag, &out);
        out.len = 0;
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = { "f.yaml", "f.json", "" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct kube_bundle *bundle =
            kube_bundle_decode(span_of((const char *)data, size), span_from_str(files[i]));
        objects_store(bundle);
        diags_format(bundle);
        kube_bundle_free(bundle);
    }
    return 0;
}
