/* The table of keys of the ConfigMap that --configmap names, included with
 * CONFIG_KEY(id, name, state, inert, mend) defined. Each name is spelled here only.
 *
 * state    SUPPORTED  config.c does what it says
 *          GUARD      it keeps clients out, and is not enforced: an error
 *          MEANING    clients or backends would notice that it is missing: a warning
 *          TUNING     it turns a screw of a program that is not there: a note
 *          REFUSED    never taken: raw configuration or code of another program
 *          GONE       ingress-nginx itself does not know it any more
 * inert    the value that means the same as its absence; "" where there is none
 * mend     what its author can do; part of the diagnostic. */

/* Supported */
CONFIG_KEY(CONFIG_USE_FORWARDED_HEADERS, "use-forwarded-headers", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_ENABLE_REAL_IP, "enable-real-ip", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_REAL_IP_CIDR, "proxy-real-ip-cidr", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_FORWARDED_FOR_HEADER, "forwarded-for-header", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_COMPUTE_FULL_FORWARDED_FOR, "compute-full-forwarded-for", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_GENERATE_REQUEST_ID, "generate-request-id", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_ENABLE_UNDERSCORES_IN_HEADERS, "enable-underscores-in-headers", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_IGNORE_INVALID_HEADERS, "ignore-invalid-headers", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_REDIRECT, "ssl-redirect", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_FORCE_SSL_REDIRECT, "force-ssl-redirect", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PRESERVE_TRAILING_SLASH, "preserve-trailing-slash", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_HTTP_REDIRECT_CODE, "http-redirect-code", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_NO_TLS_REDIRECT_LOCATIONS, "no-tls-redirect-locations", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_KEEP_ALIVE, "keep-alive", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_KEEP_ALIVE_REQUESTS, "keep-alive-requests", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_CLIENT_HEADER_TIMEOUT, "client-header-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_CLIENT_BODY_TIMEOUT, "client-body-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_BODY_SIZE, "proxy-body-size", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_CONNECT_TIMEOUT, "proxy-connect-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_READ_TIMEOUT, "proxy-read-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_SEND_TIMEOUT, "proxy-send-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_NEXT_UPSTREAM, "proxy-next-upstream", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_NEXT_UPSTREAM_TIMEOUT, "proxy-next-upstream-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_NEXT_UPSTREAM_TRIES, "proxy-next-upstream-tries", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_RETRY_NON_IDEMPOTENT, "retry-non-idempotent", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_UPSTREAM_KEEPALIVE_CONNECTIONS, "upstream-keepalive-connections", SUPPORTED, "",
           "")
CONFIG_KEY(CONFIG_UPSTREAM_KEEPALIVE_TIMEOUT, "upstream-keepalive-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_USE_GZIP, "use-gzip", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_GZIP_LEVEL, "gzip-level", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_GZIP_MIN_LENGTH, "gzip-min-length", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_GZIP_TYPES, "gzip-types", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_GZIP_DISABLE, "gzip-disable", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_ENABLE_BROTLI, "enable-brotli", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_BROTLI_LEVEL, "brotli-level", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_BROTLI_MIN_LENGTH, "brotli-min-length", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_BROTLI_TYPES, "brotli-types", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_LOG_FORMAT_UPSTREAM, "log-format-upstream", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_LOG_FORMAT_ESCAPE_JSON, "log-format-escape-json", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_LOG_FORMAT_ESCAPE_NONE, "log-format-escape-none", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_DISABLE_ACCESS_LOG, "disable-access-log", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_USE_PROXY_PROTOCOL, "use-proxy-protocol", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_PROTOCOL_HEADER_TIMEOUT, "proxy-protocol-header-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_STREAM_TIMEOUT, "proxy-stream-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_STREAM_NEXT_UPSTREAM, "proxy-stream-next-upstream", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_STREAM_NEXT_UPSTREAM_TIMEOUT, "proxy-stream-next-upstream-timeout",
           SUPPORTED, "", "")
CONFIG_KEY(CONFIG_PROXY_STREAM_NEXT_UPSTREAM_TRIES, "proxy-stream-next-upstream-tries", SUPPORTED,
           "", "")
CONFIG_KEY(CONFIG_PROXY_STREAM_RESPONSES, "proxy-stream-responses", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_LOG_FORMAT_STREAM, "log-format-stream", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_DISABLE_STREAM_ACCESS_LOG, "disable-stream-access-log", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_ALLOW_CROSS_NAMESPACE_RESOURCES, "allow-cross-namespace-resources", SUPPORTED, "",
           "")
CONFIG_KEY(CONFIG_HSTS, "hsts", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_HSTS_INCLUDE_SUBDOMAINS, "hsts-include-subdomains", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_HSTS_MAX_AGE, "hsts-max-age", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_HSTS_PRELOAD, "hsts-preload", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_PROTOCOLS, "ssl-protocols", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_CIPHERS, "ssl-ciphers", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_ECDH_CURVE, "ssl-ecdh-curve", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_DH_PARAM, "ssl-dh-param", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_SESSION_CACHE, "ssl-session-cache", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_SESSION_TIMEOUT, "ssl-session-timeout", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_SESSION_TICKETS, "ssl-session-tickets", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_SESSION_TICKET_KEY, "ssl-session-ticket-key", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_SSL_REJECT_HANDSHAKE, "ssl-reject-handshake", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_USE_HTTP2, "use-http2", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_HTTP2_MAX_CONCURRENT_STREAMS, "http2-max-concurrent-streams", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_UPSTREAM_KEEPALIVE_TIME, "upstream-keepalive-time", SUPPORTED, "", "")
CONFIG_KEY(CONFIG_UPSTREAM_KEEPALIVE_REQUESTS, "upstream-keepalive-requests", SUPPORTED, "", "")

/* Guards that are not enforced */
CONFIG_KEY(CONFIG_ANNOTATION_VALUE_WORD_BLOCKLIST, "annotation-value-word-blocklist", GUARD, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_WHITELIST_SOURCE_RANGE, "whitelist-source-range", GUARD, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
CONFIG_KEY(CONFIG_DENYLIST_SOURCE_RANGE, "denylist-source-range", GUARD, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
CONFIG_KEY(CONFIG_BLOCK_CIDRS, "block-cidrs", GUARD, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
CONFIG_KEY(CONFIG_BLOCK_USER_AGENTS, "block-user-agents", GUARD, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
CONFIG_KEY(CONFIG_BLOCK_REFERERS, "block-referers", GUARD, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_URL, "global-auth-url", GUARD, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_ENABLE_MODSECURITY, "enable-modsecurity", GUARD, "false",
           "put the web application firewall before the Services")
CONFIG_KEY(CONFIG_ENABLE_OWASP_MODSECURITY_CRS, "enable-owasp-modsecurity-crs", GUARD, "false",
           "put the web application firewall before the Services")

/* What clients or backends would notice */
CONFIG_KEY(CONFIG_GLOBAL_ALLOWED_RESPONSE_HEADERS, "global-allowed-response-headers", MEANING, "",
           "set headers in the backend")
CONFIG_KEY(CONFIG_FORWARDED_HOST_HEADER, "forwarded-host-header", MEANING, "X-Forwarded-Host",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_ADD_ORIGINAL_URI_HEADER, "proxy-add-original-uri-header", MEANING, "false",
           "set headers in the backend")
CONFIG_KEY(CONFIG_PROXY_SET_HEADERS, "proxy-set-headers", MEANING, "", "set headers in the backend")
CONFIG_KEY(CONFIG_ADD_HEADERS, "add-headers", MEANING, "", "set headers in the backend")
CONFIG_KEY(CONFIG_HIDE_HEADERS, "hide-headers", MEANING, "", "set headers in the backend")
CONFIG_KEY(CONFIG_SERVER_TOKENS, "server-tokens", MEANING, "false",
           "remove it: nothing here names a server version")
CONFIG_KEY(CONFIG_ALLOW_BACKEND_SERVER_HEADER, "allow-backend-server-header", MEANING, "false",
           "set headers in the backend")
CONFIG_KEY(CONFIG_SSL_EARLY_DATA, "ssl-early-data", MEANING, "false",
           "remove it: early data can be replayed by whoever sees it")
CONFIG_KEY(CONFIG_ENABLE_OCSP, "enable-ocsp", MEANING, "false",
           "remove it: answers of OCSP are not stapled; short-lived certificates need none")
CONFIG_KEY(CONFIG_LARGE_CLIENT_HEADER_BUFFERS, "large-client-header-buffers", MEANING, "4 8k",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_CLIENT_BODY_BUFFER_SIZE, "client-body-buffer-size", MEANING, "8k",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_BIND_ADDRESS, "bind-address", MEANING, "", "use the flag --address")
CONFIG_KEY(CONFIG_DISABLE_IPV6, "disable-ipv6", MEANING, "false",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_DISABLE_IPV6_DNS, "disable-ipv6-dns", MEANING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_DEFAULT_TYPE, "default-type", MEANING, "text/html",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_USE_PORT_IN_REDIRECTS, "use-port-in-redirects", MEANING, "false",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_RELATIVE_REDIRECTS, "relative-redirects", MEANING, "false",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_BUFFERING, "proxy-buffering", MEANING, "off",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_BUFFER_SIZE, "proxy-buffer-size", MEANING, "4k",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_BUFFERS_NUMBER, "proxy-buffers-number", MEANING, "4",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_REQUEST_BUFFERING, "proxy-request-buffering", MEANING, "on",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_HTTP_VERSION, "proxy-http-version", MEANING, "1.1",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_REDIRECT_FROM, "proxy-redirect-from", MEANING, "off",
           "let the application write the names that clients use")
CONFIG_KEY(CONFIG_PROXY_REDIRECT_TO, "proxy-redirect-to", MEANING, "off",
           "let the application write the names that clients use")
CONFIG_KEY(CONFIG_PROXY_COOKIE_PATH, "proxy-cookie-path", MEANING, "off",
           "let the application write the names that clients use")
CONFIG_KEY(CONFIG_PROXY_COOKIE_DOMAIN, "proxy-cookie-domain", MEANING, "off",
           "let the application write the names that clients use")
CONFIG_KEY(CONFIG_LOAD_BALANCE, "load-balance", MEANING, "round_robin",
           "endpoints are taken in turn")
CONFIG_KEY(CONFIG_SERVICE_UPSTREAM, "service-upstream", MEANING, "false",
           "endpoints are taken in turn")
CONFIG_KEY(CONFIG_CUSTOM_HTTP_ERRORS, "custom-http-errors", MEANING, "",
           "let the backend write its own error pages")
CONFIG_KEY(CONFIG_DISABLE_PROXY_INTERCEPT_ERRORS, "disable-proxy-intercept-errors", MEANING,
           "false", "let the backend write its own error pages")
CONFIG_KEY(CONFIG_LIMIT_RATE, "limit-rate", MEANING, "0", "limit in the backend")
CONFIG_KEY(CONFIG_LIMIT_RATE_AFTER, "limit-rate-after", MEANING, "0", "limit in the backend")
CONFIG_KEY(CONFIG_LIMIT_CONN_ZONE_VARIABLE, "limit-conn-zone-variable", MEANING, "",
           "limit in the backend")
CONFIG_KEY(CONFIG_LIMIT_REQ_STATUS_CODE, "limit-req-status-code", MEANING, "503",
           "limit in the backend")
CONFIG_KEY(CONFIG_LIMIT_CONN_STATUS_CODE, "limit-conn-status-code", MEANING, "503",
           "limit in the backend")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_METHOD, "global-auth-method", MEANING, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_SIGNIN, "global-auth-signin", MEANING, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_SIGNIN_REDIRECT_PARAM, "global-auth-signin-redirect-param", MEANING,
           "", "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_RESPONSE_HEADERS, "global-auth-response-headers", MEANING, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_REQUEST_REDIRECT, "global-auth-request-redirect", MEANING, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_CACHE_KEY, "global-auth-cache-key", MEANING, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_CACHE_DURATION, "global-auth-cache-duration", MEANING, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_ALWAYS_SET_COOKIE, "global-auth-always-set-cookie", MEANING, "false",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_NO_AUTH_LOCATIONS, "no-auth-locations", MEANING, "/.well-known/acme-challenge",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_ACCESS_LOG_PATH, "access-log-path", MEANING, "",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_HTTP_ACCESS_LOG_PATH, "http-access-log-path", MEANING, "",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_STREAM_ACCESS_LOG_PATH, "stream-access-log-path", MEANING, "",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_DISABLE_HTTP_ACCESS_LOG, "disable-http-access-log", MEANING, "false",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_SKIP_ACCESS_LOG_URLS, "skip-access-log-urls", MEANING, "",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_ENABLE_ACCESS_LOG_FOR_DEFAULT_BACKEND, "enable-access-log-for-default-backend",
           MEANING, "false", "log lines go to standard output")
CONFIG_KEY(CONFIG_ENABLE_AUTH_ACCESS_LOG, "enable-auth-access-log", MEANING, "false",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_ERROR_LOG_PATH, "error-log-path", MEANING, "", "log lines go to standard output")
CONFIG_KEY(CONFIG_ERROR_LOG_LEVEL, "error-log-level", MEANING, "notice",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_ENABLE_SYSLOG, "enable-syslog", MEANING, "false",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_SYSLOG_HOST, "syslog-host", MEANING, "", "log lines go to standard output")
CONFIG_KEY(CONFIG_SYSLOG_PORT, "syslog-port", MEANING, "514", "log lines go to standard output")
CONFIG_KEY(CONFIG_ENABLE_OPENTELEMETRY, "enable-opentelemetry", MEANING, "false",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OPENTELEMETRY_OPERATION_NAME, "opentelemetry-operation-name", MEANING, "",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OPENTELEMETRY_TRUST_INCOMING_SPAN, "opentelemetry-trust-incoming-span", MEANING,
           "true", "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTLP_COLLECTOR_HOST, "otlp-collector-host", MEANING, "",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTLP_COLLECTOR_PORT, "otlp-collector-port", MEANING, "4317",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTEL_SERVICE_NAME, "otel-service-name", MEANING, "nginx",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTEL_SAMPLER, "otel-sampler", MEANING, "AlwaysOn",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTEL_SAMPLER_RATIO, "otel-sampler-ratio", MEANING, "0.01",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTEL_SAMPLER_PARENT_BASED, "otel-sampler-parent-based", MEANING, "true",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTEL_MAX_QUEUESIZE, "otel-max-queuesize", MEANING, "2048",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTEL_SCHEDULE_DELAY_MILLIS, "otel-schedule-delay-millis", MEANING, "5000",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_OTEL_MAX_EXPORT_BATCH_SIZE, "otel-max-export-batch-size", MEANING, "512",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_USE_GEOIP2, "use-geoip2", MEANING, "false", "remove it: it has no effect here")
CONFIG_KEY(CONFIG_WORKER_PROCESSES, "worker-processes", MEANING, "", "use the flag --workers")
CONFIG_KEY(CONFIG_WORKER_SHUTDOWN_TIMEOUT, "worker-shutdown-timeout", MEANING, "240s",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_NGINX_STATUS_IPV4_WHITELIST, "nginx-status-ipv4-whitelist", MEANING, "127.0.0.1",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_NGINX_STATUS_IPV6_WHITELIST, "nginx-status-ipv6-whitelist", MEANING, "::1",
           "remove it: it has no effect here")

/* Screws of nginx */
CONFIG_KEY(CONFIG_ANNOTATIONS_RISK_LEVEL, "annotations-risk-level", TUNING, "High",
           "remove it: no annotation here can inject configuration")
CONFIG_KEY(CONFIG_STRICT_VALIDATE_PATH_TYPE, "strict-validate-path-type", TUNING, "true",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_FORWARDED_FOR_PROXY_PROTOCOL_HEADER, "forwarded-for-proxy-protocol-header",
           TUNING, "", "remove it: it has no effect here")
CONFIG_KEY(CONFIG_SSL_SESSION_CACHE_SIZE, "ssl-session-cache-size", TUNING, "10m",
           "remove it: sessions are resumed by tickets, which take no memory here")
CONFIG_KEY(CONFIG_PROXY_SSL_LOCATION_ONLY, "proxy-ssl-location-only", TUNING, "true",
           "remove it: proxy-ssl-* always concerns the paths of its own Ingress only")
CONFIG_KEY(CONFIG_SSL_BUFFER_SIZE, "ssl-buffer-size", TUNING, "4k",
           "remove it: records are as large as what there is to send")
CONFIG_KEY(CONFIG_HTTP2_MAX_FIELD_SIZE, "http2-max-field-size", TUNING, "",
           "remove it: heads have the same limits in HTTP/1.1 and HTTP/2")
CONFIG_KEY(CONFIG_HTTP2_MAX_HEADER_SIZE, "http2-max-header-size", TUNING, "",
           "remove it: heads have the same limits in HTTP/1.1 and HTTP/2")
CONFIG_KEY(CONFIG_HTTP2_MAX_REQUESTS, "http2-max-requests", TUNING, "0",
           "write keep-alive-requests")
CONFIG_KEY(CONFIG_CLIENT_HEADER_BUFFER_SIZE, "client-header-buffer-size", TUNING, "1k",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_REUSE_PORT, "reuse-port", TUNING, "true", "remove it: it has no effect here")
CONFIG_KEY(CONFIG_BIND_ADDRESS_IPV4, "bind-address-ipv4", TUNING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_BIND_ADDRESS_IPV6, "bind-address-ipv6", TUNING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_APP_ROOT, "app-root", TUNING, "", "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_BUSY_BUFFERS_SIZE, "proxy-busy-buffers-size", TUNING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_MAX_TEMP_FILE_SIZE, "proxy-max-temp-file-size", TUNING, "1024m",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_UPSTREAM_HASH_BY, "upstream-hash-by", TUNING, "", "endpoints are taken in turn")
CONFIG_KEY(CONFIG_UPSTREAM_HASH_BY_SUBSET, "upstream-hash-by-subset", TUNING, "false",
           "endpoints are taken in turn")
CONFIG_KEY(CONFIG_UPSTREAM_HASH_BY_SUBSET_SIZE, "upstream-hash-by-subset-size", TUNING, "0",
           "endpoints are taken in turn")
CONFIG_KEY(CONFIG_GRPC_BUFFER_SIZE_KB, "grpc-buffer-size-kb", TUNING, "0",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_ACCESS_LOG_PARAMS, "access-log-params", TUNING, "",
           "log lines go to standard output")
CONFIG_KEY(CONFIG_DEBUG_CONNECTIONS, "debug-connections", TUNING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_OPENTELEMETRY_CONFIG, "opentelemetry-config", TUNING, "",
           "trace in the application: its headers pass unchanged")
CONFIG_KEY(CONFIG_GEOIP2_AUTORELOAD_IN_MINUTES, "geoip2-autoreload-in-minutes", TUNING, "0",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_ENABLE_MULTI_ACCEPT, "enable-multi-accept", TUNING, "true",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_MAX_WORKER_CONNECTIONS, "max-worker-connections", TUNING, "16384",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_MAX_WORKER_OPEN_FILES, "max-worker-open-files", TUNING, "0",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_MAP_HASH_BUCKET_SIZE, "map-hash-bucket-size", TUNING, "64",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_SERVER_NAME_HASH_MAX_SIZE, "server-name-hash-max-size", TUNING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_SERVER_NAME_HASH_BUCKET_SIZE, "server-name-hash-bucket-size", TUNING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_HEADERS_HASH_MAX_SIZE, "proxy-headers-hash-max-size", TUNING, "512",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_PROXY_HEADERS_HASH_BUCKET_SIZE, "proxy-headers-hash-bucket-size", TUNING, "64",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_VARIABLES_HASH_BUCKET_SIZE, "variables-hash-bucket-size", TUNING, "256",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_VARIABLES_HASH_MAX_SIZE, "variables-hash-max-size", TUNING, "2048",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_WORKER_CPU_AFFINITY, "worker-cpu-affinity", TUNING, "",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_ENABLE_SERIAL_RELOADS, "enable-serial-reloads", TUNING, "false",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_ENABLE_AIO_WRITE, "enable-aio-write", TUNING, "true",
           "remove it: it has no effect here")
CONFIG_KEY(CONFIG_LUA_SHARED_DICTS, "lua-shared-dicts", TUNING, "",
           "remove it: it has no effect here")

/* Refused */
CONFIG_KEY(CONFIG_ALLOW_SNIPPET_ANNOTATIONS, "allow-snippet-annotations", REFUSED, "false",
           "remove it: snippets are never taken")
CONFIG_KEY(CONFIG_GLOBAL_AUTH_SNIPPET, "global-auth-snippet", REFUSED, "",
           "put an authenticating proxy before the Services")
CONFIG_KEY(CONFIG_MODSECURITY_SNIPPET, "modsecurity-snippet", REFUSED, "",
           "put the web application firewall before the Services")
CONFIG_KEY(CONFIG_MAIN_SNIPPET, "main-snippet", REFUSED, "",
           "remove it: raw nginx configuration is never taken")
CONFIG_KEY(CONFIG_HTTP_SNIPPET, "http-snippet", REFUSED, "",
           "remove it: raw nginx configuration is never taken")
CONFIG_KEY(CONFIG_SERVER_SNIPPET, "server-snippet", REFUSED, "",
           "remove it: raw nginx configuration is never taken")
CONFIG_KEY(CONFIG_LOCATION_SNIPPET, "location-snippet", REFUSED, "",
           "remove it: raw nginx configuration is never taken")
CONFIG_KEY(CONFIG_STREAM_SNIPPET, "stream-snippet", REFUSED, "",
           "remove it: raw nginx configuration is never taken")
CONFIG_KEY(CONFIG_PLUGINS, "plugins", REFUSED, "", "remove it: foreign code is never loaded")

/* Gone from ingress-nginx itself */
CONFIG_KEY(CONFIG_USE_GEOIP, "use-geoip", GONE, "true", "remove it: it has no effect here")
CONFIG_KEY(CONFIG_JAEGER_COLLECTOR_HOST, "jaeger-collector-host", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_COLLECTOR_PORT, "jaeger-collector-port", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_ENDPOINT, "jaeger-endpoint", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_SERVICE_NAME, "jaeger-service-name", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_PROPAGATION_FORMAT, "jaeger-propagation-format", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_SAMPLER_TYPE, "jaeger-sampler-type", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_SAMPLER_PARAM, "jaeger-sampler-param", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_SAMPLER_HOST, "jaeger-sampler-host", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_SAMPLER_PORT, "jaeger-sampler-port", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_TRACE_CONTEXT_HEADER_NAME, "jaeger-trace-context-header-name", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_DEBUG_HEADER, "jaeger-debug-header", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_BAGGAGE_HEADER, "jaeger-baggage-header", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_TRACE_BAGGAGE_HEADER_PREFIX, "jaeger-trace-baggage-header-prefix", GONE,
           "", "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_JAEGER_TRACER_BAGGAGE_HEADER_PREFIX, "jaeger-tracer-baggage-header-prefix", GONE,
           "", "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_ENABLE_OPENTRACING, "enable-opentracing", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_OPENTRACING_OPERATION_NAME, "opentracing-operation-name", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_OPENTRACING_LOCATION_OPERATION_NAME, "opentracing-location-operation-name", GONE,
           "", "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_OPENTRACING_TRUST_INCOMING_SPAN, "opentracing-trust-incoming-span", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_ZIPKIN_COLLECTOR_HOST, "zipkin-collector-host", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_ZIPKIN_COLLECTOR_PORT, "zipkin-collector-port", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_ZIPKIN_SERVICE_NAME, "zipkin-service-name", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_ZIPKIN_SAMPLE_RATE, "zipkin-sample-rate", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_DATADOG_COLLECTOR_HOST, "datadog-collector-host", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_DATADOG_COLLECTOR_PORT, "datadog-collector-port", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_DATADOG_ENVIRONMENT, "datadog-environment", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_DATADOG_OPERATION_NAME_OVERRIDE, "datadog-operation-name-override", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_DATADOG_PRIORITY_SAMPLING, "datadog-priority-sampling", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_DATADOG_SAMPLE_RATE, "datadog-sample-rate", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_DATADOG_SERVICE_NAME, "datadog-service-name", GONE, "",
           "remove it: OpenTracing has been gone from ingress-nginx since 1.12")
CONFIG_KEY(CONFIG_GLOBAL_RATE_LIMIT_MEMCACHED_HOST, "global-rate-limit-memcached-host", GONE, "",
           "remove it: global rate limits have been gone since ingress-nginx 1.12")
CONFIG_KEY(CONFIG_GLOBAL_RATE_LIMIT_MEMCACHED_PORT, "global-rate-limit-memcached-port", GONE, "",
           "remove it: global rate limits have been gone since ingress-nginx 1.12")
CONFIG_KEY(CONFIG_GLOBAL_RATE_LIMIT_MEMCACHED_CONNECT_TIMEOUT,
           "global-rate-limit-memcached-connect-timeout", GONE, "",
           "remove it: global rate limits have been gone since ingress-nginx 1.12")
CONFIG_KEY(CONFIG_GLOBAL_RATE_LIMIT_MEMCACHED_MAX_IDLE_TIMEOUT,
           "global-rate-limit-memcached-max-idle-timeout", GONE, "",
           "remove it: global rate limits have been gone since ingress-nginx 1.12")
CONFIG_KEY(CONFIG_GLOBAL_RATE_LIMIT_MEMCACHED_POOL_SIZE, "global-rate-limit-memcached-pool-size",
           GONE, "", "remove it: global rate limits have been gone since ingress-nginx 1.12")
CONFIG_KEY(CONFIG_GLOBAL_RATE_LIMIT_STATUS_CODE, "global-rate-limit-status-code", GONE, "",
           "remove it: global rate limits have been gone since ingress-nginx 1.12")
