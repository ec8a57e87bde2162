/* `yett rbac`: the rights that yett needs, for kubectl to apply. */
#include "base/scope.h"
#include "cli/admin_client.h"
#include "cli/command.h"
#include "cli/manifests.h"
#include "cli/print.h"
#include "cli/rbac_flags.h"
#include "ingress/secrets.h"

enum { RBAC_YAML, RBAC_JSON }; /* in the order of --output's choices */

#define ADMIN_IN_THE_POD "http://127.0.0.1:10254"

static const struct option options[] = {
    OPTION_HEADING("What to print"),
    OPTION_FLAG(struct rbac_flags, "base", BOOL, base, NULL,
                "All rights but those to the Secrets of Ingresses, for the flags below."),
    OPTION_FLAG(struct rbac_flags, "service-account", OBJECT, account, "NAMESPACE/NAME",
                "Whom to give them (yett/yett)."),
    OPTION_FLAG(struct rbac_flags, "name", TEXT, name, "NAME",
                "Name of the roles (yett with --base, else yett-secrets)."),
    OPTION_FLAG(struct rbac_flags, "output", CHOICE, output, "yaml|json",
                "Form of the output (yaml).", .choices = "yaml|json"),
    OPTION_HEADING("Whose Ingresses name the Secrets"),
    OPTION_FLAG(struct rbac_flags, "manifests", TEXT, manifests, "PATH",
                "Those in a directory, a file, or - (further PATHs may follow)."),
    OPTION_FLAG(struct rbac_flags, "kubeconfig", TEXT, kubeconfig, "FILE",
                "Those of the cluster of this kubeconfig."),
    OPTION_FLAG(struct rbac_flags, "kubeconfig-context", TEXT, kubeconfig_context, "NAME",
                "Context of the kubeconfig (its current one)."),
    OPTION_FLAG(struct rbac_flags, "admin", TEXT, admin, "URL",
                "Those of the yett that runs there, at its --healthz-port (" ADMIN_IN_THE_POD ")."),
    OPTION_HEADING("As `yett run` gets them"),
    OPTION_FLAG(struct rbac_flags, "watch-namespace-selector", TEXT, namespace_selector, "SELECTOR",
                "Only namespaces with these labels are looked at (all)."),
    OPTION_FLAG(struct rbac_flags, "watch-secrets", CHOICE, watch_secrets, "by-name|cluster",
                "Each Secret by its name, or all of them (by-name).", .choices = "by-name|cluster"),
    OPTION_FLAG(struct rbac_flags, "election-id", TEXT, election_id, "NAME",
                "Name of the Lease (ingress-controller-leader)."),
    OPTION_FLAG(struct rbac_flags, "disable-leader-election", BOOL, disable_leader_election, NULL,
                "There is no Lease."),
    OPTION_FLAG(struct rbac_flags, "update-status", BOOL, update_status, NULL,
                "The status of Ingresses is written (true)."),
    OPTION_FLAG(struct rbac_flags, "update-status-on-shutdown", BOOL, update_status_on_shutdown,
                NULL, "The last replica clears it."),
    OPTION_FLAG(struct rbac_flags, "publish-service", OBJECT, publish_service, "NAMESPACE/NAME",
                "Service whose address is published (addresses of nodes)."),
    OPTION_FLAG(struct rbac_flags, "publish-status-address", TEXT, publish_status_address,
                "ADDRESSES", "Addresses to publish in its place."),
    MEANING_OPTIONS(struct rbac_flags),
};
static const struct option_table table = { options, ARRAY_LEN(options) };

/* ---- which Secrets ----------------------------------------------------------------------------
 */

static int of_store(const struct rbac_flags *flags, const struct kube_store *store, bool is_cluster,
                    struct rbac_secrets *secrets)
{
    struct ingress_options meaning = meaning_options(&flags->meaning);

    if (is_cluster) /* its admission fills the default class in */
        meaning.default_class_applies = false;
    ingress_secrets_each(store, &meaning, rbac_secrets_add, secrets);
    return COMMAND_OK;
}

static int of_manifests(const struct rbac_flags *flags, const struct option_words *words,
                        struct rbac_secrets *secrets)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    struct manifests manifests;

    manifests_init(&manifests);
    if (flags->manifests.len > 0)
        manifests_add(&manifests, flags->manifests.ptr);
    vec_for_each (path, &words->operands)
        manifests_add(&manifests, *path);
    int status = of_store(flags, &manifests.store, false, secrets);
    vec_for_each (diag, &manifests.diags.diags) {
        if (diag->severity == DIAG_ERROR)
            diag_format_text(diag, &text);
    }
    if (text.len > 0) { /* what could not be read may name some, too */
        print_error("rbac: not all could be read\n" SPAN_FMT, SPAN_ARG(buf_span(&text)));
        status = COMMAND_FAILED;
    }
    manifests_deinit(&manifests);
    return status;
}

static int of_cluster(const struct rbac_flags *flags, struct rbac_secrets *secrets)
{
    struct rbac_cluster cluster;
    int status = COMMAND_FAILED;

    if (rbac_cluster_read(flags, &cluster))
        status = of_store(flags, &cluster.store, true, secrets);
    rbac_cluster_deinit(&cluster);
    return status;
}

static int of_admin(struct span url, struct rbac_secrets *secrets)
{
    SCOPED(buf_deinit) struct buf error = { 0 };
    SCOPED(buf_deinit) struct buf json = { 0 };
    const char *what = NULL;

    if (!admin_client_get(url, SPAN("/api/v1/secrets"), &error, &json)) {
        print_error("rbac: --admin: '" SPAN_FMT "': " SPAN_FMT, SPAN_ARG(url),
                    SPAN_ARG(buf_span(&error)));
        return COMMAND_FAILED;
    }
    if (rbac_secrets_read_json(secrets, buf_span(&json), &what))
        return COMMAND_OK;
    print_error("rbac: --admin: '" SPAN_FMT "': %s", SPAN_ARG(url), what);
    return COMMAND_FAILED;
}

/* In a Pod of yett's own, that one knows best which Ingresses are its. */
static int secrets_find(const struct rbac_flags *flags, const struct option_words *words,
                        struct rbac_secrets *secrets)
{
    if (flags->manifests.len > 0 || words->operands.len > 0)
        return of_manifests(flags, words, secrets);
    if (flags->kubeconfig.len > 0)
        return of_cluster(flags, secrets);
    return of_admin(flags->admin.len > 0 ? flags->admin : SPAN(ADMIN_IN_THE_POD), secrets);
}

/* ---- the command ------------------------------------------------------------------------------
 */

static int roles_print(const struct rbac_flags *flags, const struct rbac *rbac)
{
    SCOPED(buf_deinit) struct buf out = { 0 };

    if (rbac->roles.len == 0 && flags->output == RBAC_YAML)
        buf_append(&out, SPAN("# No Ingress names a Secret.\n"));
    else if (flags->output == RBAC_JSON)
        rbac_write_json(rbac, &out);
    else
        rbac_write_yaml(rbac, &out);
    return print_result(&out, COMMAND_OK);
}

static bool flags_check(const struct rbac_flags *flags, const struct option_words *words,
                        int *ret_status)
{
    unsigned sources = (flags->manifests.len > 0 || words->operands.len > 0) +
                       (flags->kubeconfig.len > 0) + (flags->admin.len > 0);

    *ret_status = COMMAND_USAGE;
    if (flags->base && sources > 0)
        (void)command_usage_error(&command_rbac, "--base goes by flags alone; leave --manifests, "
                                                 "--kubeconfig and --admin out");
    else if (sources > 1)
        (void)command_usage_error(&command_rbac,
                                  "give one of --manifests, --kubeconfig and --admin");
    else if (flags->admin.len > 0 && !admin_client_is_url(flags->admin))
        (void)command_usage_error(
            &command_rbac, "--admin: '" SPAN_FMT "' is no URL; give one such as " ADMIN_IN_THE_POD,
            SPAN_ARG(flags->admin));
    else if (flags->account.name.len == 0)
        (void)command_usage_error(&command_rbac, "--service-account is empty; give it as "
                                                 "NAMESPACE/NAME");
    else
        return true;
    return false;
}

static int rbac_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    SCOPED(rbac_secrets_deinit) struct rbac_secrets secrets;
    SCOPED(rbac_deinit) struct rbac rbac;
    struct rbac_flags flags = {
        .account = { SPAN("yett"), SPAN("yett") },
        .election_id = SPAN("ingress-controller-leader"),
        .update_status = true,
        .meaning = meaning_flags_default(false),
    };
    int status;

    rbac_secrets_init(&secrets);
    rbac_init(&rbac);
    if (!command_parse(&command_rbac, argc, argv, &flags, &words, &status) ||
        !flags_check(&flags, &words, &status))
        return status;
    if (flags.name.len == 0)
        flags.name = flags.base ? SPAN("yett") : SPAN("yett-secrets");
    rbac.name = flags.name;
    rbac.component = flags.base ? SPAN("controller") : SPAN("secrets");
    rbac.namespace = flags.account.namespace;
    rbac.account = flags.account.name;
    if (flags.base) {
        rbac_base(&flags, &rbac);
        return roles_print(&flags, &rbac);
    }
    status = secrets_find(&flags, &words, &secrets);
    if (status != COMMAND_OK)
        return status;
    rbac_secrets_roles(&secrets, &rbac);
    return roles_print(&flags, &rbac);
}

const struct command command_rbac = {
    .name = "rbac",
    .usage = "rbac [--base] [--manifests PATH | --kubeconfig FILE | --admin URL] [flags] [PATH...]",
    .summary = "print the rights that yett needs, for kubectl apply",
    .help =
        "Yett may not list Secrets: it reads those that Ingresses name, each by its name. This\n"
        "prints a Role for each namespace that has such Secrets, and its RoleBinding; with "
        "--base,\n"
        "the ClusterRole and Roles for all else. Apply it again when Ingresses name other "
        "Secrets:\n"
        "\n"
        "  yett rbac --kubeconfig ~/.kube/config | kubectl apply -f -\n"
        "  yett rbac --base --publish-service yett/yett-controller | kubectl apply -f -\n"
        "\n"
        "Without a source, the yett that runs beside it is asked: in a Pod, by kubectl exec.\n",
    .options = &table,
    .run = rbac_run,
};
