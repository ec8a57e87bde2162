#include "cli/serving.h"

#include "base/scope.h"
#include "cli/manifests.h"
#include "cli/print.h"
#include "image/verify.h"
#include "image/writer.h"

static void model_freep(struct route_model **model)
{
    *model = route_model_free(*model);
}

static void writer_freep(struct image_writer **writer)
{
    *writer = image_writer_free(*writer);
}

int serving_view_new(const struct kube_store *store, const struct ingress_options *options,
                     struct diag_list *diags, struct image_view **ret_view)
{
    SCOPED(model_freep) struct route_model *model = ingress_compile(store, options, diags);
    SCOPED(writer_freep) struct image_writer *writer = image_writer_new();
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    struct image_bytes bytes;
    const char *what = NULL;

    if (image_write(writer, model, &bytes) != IMAGE_WRITE_OK) {
        diag_add(diags, &(struct diag){
                            .severity = DIAG_ERROR,
                            .code = DIAG_IMAGE_LIMIT,
                            .message = SPAN("all of this together is larger than an image can be"),
                            .mend = SPAN("split it over several gates, by class or namespace"),
                        });
        return SERVING_TOO_LARGE;
    }
    int r = image_view_open_bytes(bytes.root, bytes.segments, bytes.segments_len, &view);
    if (r != IMAGE_OPEN_OK) {
        print_error("a bug in yett: the image made of these manifests does not open (%d)", r);
        return SERVING_BROKEN;
    }
    if (!image_verify(view, &what)) {
        print_error("a bug in yett: the image made of these manifests does not hold: %s", what);
        return SERVING_BROKEN;
    }
    *ret_view = TAKE(view);
    return SERVING_OK;
}

int serving_view_read(struct span path, const struct ingress_options *options,
                      struct image_view **ret_view)
{
    SCOPED(manifests_deinit) struct manifests manifests;

    manifests_init(&manifests);
    manifests_add(&manifests, path.ptr);
    int r = serving_view_new(&manifests.store, options, &manifests.diags, ret_view);
    size_t errors = manifests.diags.errors;
    if (errors > 0)
        print_error("these manifests have %zu %s; 'yett check " SPAN_FMT "' tells more", errors,
                    errors == 1 ? "error" : "errors", SPAN_ARG(path));
    return r;
}
