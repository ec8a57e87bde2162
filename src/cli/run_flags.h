/* The flags of `yett run`, included by cli/run.c with
 *
 *   RUN_GROUP(heading)
 *   RUN_FLAG(name, kind, field, value, help, …)   kind: OPTION_kind; field: of struct run_flags
 *   RUN_IDLE(name, kind, why)                     accepted, has no effect: why, in a few words
 *
 * defined; those that say what manifests mean stand in cli/meaning.h. Names that ingress-nginx has
 * keep their meaning, and none of its flags is unknown. */

/* Rows of a table, not calls: */
/* clang-format off */

RUN_GROUP("Where routes come from")
RUN_FLAG("manifests", TEXT, manifests, "DIR",
         "Serve the manifests (.yaml, .yml, .json) in DIR and below, and follow their changes.")
RUN_FLAG("kubeconfig", TEXT, kubeconfig, "FILE",
         "Serve the cluster of this kubeconfig (that of the Pod). FILE may be several with : between.")
RUN_FLAG("kubeconfig-context", TEXT, kubeconfig_context, "NAME",
         "Context of the kubeconfig (its current one).")
RUN_FLAG("apiserver-host", TEXT, apiserver_host, "URL",
         "API server, in place of the one that the kubeconfig or the Pod names.")
RUN_FLAG("certificate-authority", TEXT, certificate_authority, "FILE",
         "Whom to trust as the API server, likewise: PEM certificates.")
RUN_FLAG("watch-namespace-selector", TEXT, namespace_selector, "SELECTOR",
         "Look at namespaces with these labels only (all), such as team=a,env!=test.")
RUN_FLAG("watch-secrets", CHOICE, watch_secrets, "by-name|cluster",
         "Watch each Secret that is referred to by its name, or all of them by one watch (by-name).",
         .choices = "by-name|cluster")

MEANING_OPTIONS(struct run_flags),

RUN_GROUP("What to write into the cluster")
RUN_FLAG("publish-service", OBJECT, writing.publish_service, "NAMESPACE/NAME",
         "The status of Ingresses names the addresses of this Service.")
RUN_FLAG("publish-status-address", TEXT, writing.publish_status_address, "ADDRESS,...",
         "It names these IP addresses and host names (those of the nodes that our Pods run on).")
RUN_FLAG("report-node-internal-ip-address", BOOL, writing.report_internal, NULL,
         "Of nodes, it names the InternalIP addresses, even where there are others.")
RUN_FLAG("update-status", BOOL, writing.update_status, NULL,
         "Write the status of Ingresses at all (true).")
RUN_FLAG("update-status-on-shutdown", BOOL, writing.update_status_on_shutdown, NULL,
         "Take our addresses out of it when the last replica ends.")
RUN_FLAG("status-update-interval", DURATION, writing.status_interval_ms, "SECONDS",
         "Look at all of them once in so long, at least 5 (60).")
RUN_FLAG("disable-sync-events", BOOL, writing.no_sync_events, NULL,
         "No Event where an Ingress is served anew.")
RUN_FLAG("election-id", TEXT, writing.election_id, "NAME",
         "Lease in the Pod's namespace that makes one replica the one that writes "
         "(ingress-controller-leader).")
RUN_FLAG("election-ttl", DURATION, writing.election_ttl_ms, "SECONDS",
         "Another one leads when the leader was silent for so long (30).")
RUN_FLAG("disable-leader-election", BOOL, writing.no_election, NULL,
         "Nobody leads: nothing is written, neither status nor Events.")

RUN_GROUP("Where to listen")
RUN_FLAG("address", ADDRESS, address, "ADDRESS",
         "Address of the HTTP and HTTPS ports (::, which takes IPv4 too).")
RUN_FLAG("http-port", PORT, http_port, "PORT|off", "HTTP (80).", .may_be_off = true)
RUN_FLAG("https-port", PORT, https_port, "PORT|off", "HTTPS (443).", .may_be_off = true)
RUN_FLAG("healthz-port", PORT, health_port, "PORT|off",
         "/healthz, /readyz, /livez, /metrics and the API under /api/v1/ (10254).", .may_be_off = true)
RUN_FLAG("healthz-host", TEXT, health_host, "ADDRESS", "Address of that port (all).")
RUN_FLAG("health-check-path", TEXT, health_check_path, "PATH",
         "Path of the health check, answered on the HTTP ports too for unknown hosts (/healthz).")

RUN_GROUP("The admission webhook")
RUN_FLAG("validating-webhook", ENDPOINT, webhook, "ADDRESS:PORT",
         "Judge Ingresses before they are stored, over HTTPS, at this address (off).")
RUN_FLAG("validating-webhook-certificate", TEXT, webhook_certificate, "FILE",
         "PEM chain of that server, leaf first; read again when it changes.")
RUN_FLAG("validating-webhook-key", TEXT, webhook_key, "FILE", "Its private key.")
RUN_FLAG("validating-webhook-client-ca", TEXT, webhook_client_ca, "FILE",
         "Only callers with a certificate of these authorities are heard (anyone is).")

RUN_GROUP("How to run")
RUN_FLAG("workers", NUMBER, workers, "N",
         "Processes that carry traffic (one per CPU).", .min = 1, .max = PROC_WORKERS_MAX)
RUN_FLAG("shutdown-grace-period", DURATION, grace_ms, "SECONDS",
         "After SIGTERM: fail the readiness probe but serve on for this long (0).")
RUN_FLAG("state-dir", TEXT, state_dir, "DIR",
         "Keep the newest good image in DIR, without keys, and start from it (off).")
RUN_FLAG("drain-timeout", DURATION, drain_ms, "SECONDS",
         "Then let requests in flight finish for at most this long (240).")

RUN_GROUP("What to tell")
RUN_FLAG("log-format", CHOICE, log_format, "text|json",
         "Form of yett's log and of the access log (text).", .choices = "text|json")
RUN_FLAG("access-log", CHOICE, access_log, "on|off",
         "A line on standard output for each request (on).", .choices = "on|off|true|false")
RUN_FLAG("v", NUMBER, verbosity, "N",
         "How much to log: from 3 on, details too (0).", .letter = 'v', .max = 100)
RUN_FLAG("metrics-per-host", BOOL, metrics_per_host, NULL,
         "Metrics of requests have a label host (true).")
RUN_FLAG("version", BOOL, version, NULL, "Print the version and end.")

/* Those of a cluster. */
RUN_IDLE("sync-period", TEXT, "watches need no resync: what was missed is listed again")

/* Those of features that come later. */
RUN_IDLE("enable-ssl-chain-completion", BOOL, "certificate chains are not completed yet")
RUN_IDLE("enable-topology-aware-routing", BOOL, "zone hints are not honoured yet")
RUN_IDLE("disable-svc-external-name", BOOL, "Services of type ExternalName are always resolved")
RUN_IDLE("enable-annotation-validation", BOOL, "annotations are always validated")
RUN_IDLE("deep-inspect", BOOL, "there is no configuration text that a field could break out of")
RUN_IDLE("post-shutdown-grace-period", TEXT, "yett ends as soon as it has drained")
RUN_IDLE("report-status-classes", BOOL, "metrics always have classes of status")
RUN_IDLE("enable-metrics", BOOL, "metrics are always exported")
RUN_IDLE("metrics-per-undefined-host", BOOL, "hosts of no Ingress have no label of their own")
RUN_IDLE("time-buckets", TEXT, "the buckets of histograms are fixed")
RUN_IDLE("length-buckets", TEXT, "the buckets of histograms are fixed")
RUN_IDLE("size-buckets", TEXT, "the buckets of histograms are fixed")
RUN_IDLE("bucket-factor", TEXT, "the buckets of histograms are fixed")
RUN_IDLE("max-buckets", TEXT, "the buckets of histograms are fixed")
RUN_IDLE("exclude-socket-metrics", TEXT, "all metrics are exported")
RUN_IDLE("maxmind-license-key", TEXT, "there is no GeoIP yet")
RUN_IDLE("maxmind-edition-ids", TEXT, "there is no GeoIP yet")
RUN_IDLE("maxmind-mirror", TEXT, "there is no GeoIP yet")
RUN_IDLE("maxmind-retries-count", TEXT, "there is no GeoIP yet")
RUN_IDLE("maxmind-retries-timeout", TEXT, "there is no GeoIP yet")

/* Those that tune an nginx, its neighbours and its logging library. */
RUN_IDLE("default-server-port", TEXT, "the built-in 404 needs no port")
RUN_IDLE("ssl-passthrough-proxy-port", TEXT, "no second TLS listener is needed")
RUN_IDLE("health-check-timeout", TEXT, "ingress-nginx does not use it either")
RUN_IDLE("monitor-max-batch-size", TEXT, "metrics are counted in shared memory")
RUN_IDLE("disable-full-test", BOOL, "there is no nginx configuration to test")
RUN_IDLE("sync-rate-limit", TEXT, "changes are cheap: there are no reloads to hold back")
RUN_IDLE("dynamic-configuration-retries", TEXT, "changes are not posted to an nginx")
RUN_IDLE("profiling", BOOL, "there is no Go profiler")
RUN_IDLE("profiler-port", TEXT, "there is no Go profiler")
RUN_IDLE("profiler-address", TEXT, "there is no Go profiler")
RUN_IDLE("status-port", TEXT, "there is no nginx to control")
RUN_IDLE("stream-port", TEXT, "there is no nginx to control")
RUN_IDLE("internal-logger-address", TEXT, "there is no chroot with a logger of its own")
RUN_IDLE("vmodule", TEXT, "the log has one level for all")
RUN_IDLE("logtostderr", BOOL, "the log is always on standard error")
RUN_IDLE("alsologtostderr", BOOL, "the log is always on standard error")
RUN_IDLE("log_dir", TEXT, "the log is always on standard error")
RUN_IDLE("log_file", TEXT, "the log is always on standard error")
RUN_IDLE("log_file_max_size", TEXT, "the log is always on standard error")
RUN_IDLE("log_backtrace_at", TEXT, "the log is always on standard error")
RUN_IDLE("one_output", BOOL, "the log is always on standard error")
RUN_IDLE("skip_headers", BOOL, "the log is always on standard error")
RUN_IDLE("skip_log_headers", BOOL, "the log is always on standard error")
RUN_IDLE("add_dir_header", BOOL, "the log is always on standard error")
RUN_IDLE("stderrthreshold", TEXT, "the log is always on standard error")
RUN_IDLE("legacy_stderr_threshold_behavior", BOOL, "the log is always on standard error")
