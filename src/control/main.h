/* control/main.h
 *
 * Purpose    The controller role: watch the Kubernetes API or a directory of manifests, compile, publish
 *            images, answer the admin endpoint.
 * Roles      controller. Called once by cli; returns the exit status. */
#ifndef YETT_CONTROL_MAIN_H
#define YETT_CONTROL_MAIN_H

#include "api/config.h"
#include "control/tls_files.h"
#include "control/writer.h"
#include "ingress/compile.h"

struct control_options {
    const char *manifests; /* directory; NULL: the cluster that `api` chooses */
    struct api_config_choice api;
    struct span namespace_selector; /* likewise, as struct source_api_options has them */
    bool has_wide_secrets;
    struct ingress_options ingress;
    bool has_webhook; /* PROC_FD_WEBHOOK is its listening socket */
    struct tls_files_paths webhook_files;
    struct span metrics_class;           /* label controller_class */
    struct span pod_name, pod_namespace; /* POD_NAME, POD_NAMESPACE; labels of metrics */
    bool metrics_per_host;
    struct writer_options writer; /* of a cluster */
};

int control_main(const struct control_options *options);

#endif
