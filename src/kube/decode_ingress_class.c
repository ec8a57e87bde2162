#include "kube/kinds.h"

static const char *const spec_known[] = { "controller", "parameters", NULL };

static void is_default_read(const struct kube_object *object, struct kube_ingress_class *class)
{
    const struct kube_text *mark =
        kube_pairs_find(&object->annotations, SPAN("ingressclass.kubernetes.io/is-default-class"));

    class->is_default = mark && span_eq(mark->text, SPAN("true"));
}

bool kube_decode_ingress_class(const struct kube_field *root, struct kube_object *object)
{
    struct kube_field spec = kube_field_get(root, "spec");
    struct kube_field controller = kube_field_get(&spec, "controller");

    if (!kube_field_require(&spec, KUBE_NODE_MAP, "add \"spec:\" with a controller"))
        return false;
    kube_field_check_known(&spec, spec_known, NULL);
    if (!kube_field_require(
            &controller, KUBE_NODE_STRING,
            "write controller: and the name of the controller that serves this class"))
        return false;
    is_default_read(object, &object->ingress_class);
    return kube_field_text(&controller, &object->ingress_class.controller);
}
