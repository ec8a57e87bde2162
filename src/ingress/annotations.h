/* The table of annotations under the prefix nginx.ingress.kubernetes.io, included with
 * ANNOTATION(id, name, state, effect, inert, mend) defined. Each name is spelled here only.
 *
 * state    SUPPORTED         annotate.c or annotate_tls.c does what it says
 *          UNSUPPORTED       ingress-nginx knows it, the gate does not (yet)
 *          REFUSED           never taken: raw configuration of another program
 *          GONE              outdated, or it never existed
 * effect   of one that is not supported:
 *          KEEP              the Ingress is served as if it were not there
 *          DENY              every rule of the Ingress answers 503: it guards access, or without it
 *                            requests would be answered wrongly
 *          DENY_OTHER_PATHS  as DENY, but only for rules whose path is not the value itself
 *          DROP              the Ingress makes no routes; what it asks of its hosts' clients still holds
 * inert    the value that means the same as its absence; "" where there is none. "false" also stands for
 *          whatever is no boolean
 * mend     what its author can do; part of the diagnostic. */

/* Supported */
ANNOTATION(ANNOTATION_SSL_REDIRECT, "ssl-redirect", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_FORCE_SSL_REDIRECT, "force-ssl-redirect", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PRESERVE_TRAILING_SLASH, "preserve-trailing-slash", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_BODY_SIZE, "proxy-body-size", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_CONNECT_TIMEOUT, "proxy-connect-timeout", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_READ_TIMEOUT, "proxy-read-timeout", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_SEND_TIMEOUT, "proxy-send-timeout", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_NEXT_UPSTREAM, "proxy-next-upstream", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_NEXT_UPSTREAM_TIMEOUT, "proxy-next-upstream-timeout", SUPPORTED, KEEP,
           "", "")
ANNOTATION(ANNOTATION_PROXY_NEXT_UPSTREAM_TRIES, "proxy-next-upstream-tries", SUPPORTED, KEEP, "",
           "")
ANNOTATION(ANNOTATION_BACKEND_PROTOCOL, "backend-protocol", SUPPORTED, KEEP, "",
           "serve HTTP or gRPC at the backend, and write HTTP, HTTPS, AUTO_HTTP, GRPC or GRPCS")
ANNOTATION(ANNOTATION_SSL_PASSTHROUGH, "ssl-passthrough", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_AUTH_TLS_SECRET, "auth-tls-secret", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_AUTH_TLS_VERIFY_CLIENT, "auth-tls-verify-client", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_AUTH_TLS_MATCH_CN, "auth-tls-match-cn", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_AUTH_TLS_VERIFY_DEPTH, "auth-tls-verify-depth", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_AUTH_TLS_ERROR_PAGE, "auth-tls-error-page", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_AUTH_TLS_PASS_CERTIFICATE_TO_UPSTREAM,
           "auth-tls-pass-certificate-to-upstream", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_SSL_CIPHERS, "ssl-ciphers", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_SSL_PREFER_SERVER_CIPHERS, "ssl-prefer-server-ciphers", SUPPORTED, KEEP, "",
           "")
ANNOTATION(ANNOTATION_PROXY_SSL_SECRET, "proxy-ssl-secret", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_SSL_VERIFY, "proxy-ssl-verify", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_SSL_VERIFY_DEPTH, "proxy-ssl-verify-depth", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_SSL_NAME, "proxy-ssl-name", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_SSL_SERVER_NAME, "proxy-ssl-server-name", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_SSL_PROTOCOLS, "proxy-ssl-protocols", SUPPORTED, KEEP, "", "")
ANNOTATION(ANNOTATION_PROXY_SSL_CIPHERS, "proxy-ssl-ciphers", SUPPORTED, KEEP, "", "")

/* Guards, and what changes the meaning of a route */
ANNOTATION(ANNOTATION_CANARY, "canary", UNSUPPORTED, DROP, "false", "remove the canary Ingress")
ANNOTATION(ANNOTATION_REWRITE_TARGET, "rewrite-target", UNSUPPORTED, DENY_OTHER_PATHS, "",
           "let the backend serve the paths as clients ask for them")
ANNOTATION(ANNOTATION_USE_REGEX, "use-regex", UNSUPPORTED, DENY, "false",
           "paths are matched by segment: write them as Prefix or Exact paths")
ANNOTATION(ANNOTATION_APP_ROOT, "app-root", UNSUPPORTED, DENY, "", "redirect in the application")
ANNOTATION(ANNOTATION_PERMANENT_REDIRECT, "permanent-redirect", UNSUPPORTED, DENY, "",
           "answer the redirect from a backend")
ANNOTATION(ANNOTATION_TEMPORAL_REDIRECT, "temporal-redirect", UNSUPPORTED, DENY, "",
           "answer the redirect from a backend")
ANNOTATION(ANNOTATION_AUTH_TYPE, "auth-type", UNSUPPORTED, DENY, "",
           "put an authenticating proxy before the Service")
ANNOTATION(ANNOTATION_AUTH_SECRET, "auth-secret", UNSUPPORTED, DENY, "",
           "put an authenticating proxy before the Service")
ANNOTATION(ANNOTATION_AUTH_URL, "auth-url", UNSUPPORTED, DENY, "",
           "put an authenticating proxy before the Service")
ANNOTATION(ANNOTATION_SATISFY, "satisfy", UNSUPPORTED, DENY, "all",
           "put an authenticating proxy before the Service")
ANNOTATION(ANNOTATION_ALLOWLIST_SOURCE_RANGE, "allowlist-source-range", UNSUPPORTED, DENY, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
ANNOTATION(ANNOTATION_WHITELIST_SOURCE_RANGE, "whitelist-source-range", UNSUPPORTED, DENY, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
ANNOTATION(ANNOTATION_DENYLIST_SOURCE_RANGE, "denylist-source-range", UNSUPPORTED, DENY, "",
           "limit the clients by a NetworkPolicy or at the load balancer")
ANNOTATION(ANNOTATION_LIMIT_RPS, "limit-rps", UNSUPPORTED, DENY, "0",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_LIMIT_RPM, "limit-rpm", UNSUPPORTED, DENY, "0",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_LIMIT_CONNECTIONS, "limit-connections", UNSUPPORTED, DENY, "0",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_UPSTREAM_VHOST, "upstream-vhost", UNSUPPORTED, DENY, "",
           "let the backend accept the client's Host")
ANNOTATION(ANNOTATION_ENABLE_MODSECURITY, "enable-modsecurity", UNSUPPORTED, DENY, "false",
           "put the web application firewall before the Service")
ANNOTATION(ANNOTATION_ENABLE_OWASP_CORE_RULES, "enable-owasp-core-rules", UNSUPPORTED, DENY,
           "false", "put the web application firewall before the Service")

/* Tuning and comfort: served without it */
ANNOTATION(ANNOTATION_AFFINITY, "affinity", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_AFFINITY_MODE, "affinity-mode", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_AFFINITY_CANARY_BEHAVIOR, "affinity-canary-behavior", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_NAME, "session-cookie-name", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_PATH, "session-cookie-path", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_DOMAIN, "session-cookie-domain", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_EXPIRES, "session-cookie-expires", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_MAX_AGE, "session-cookie-max-age", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_SECURE, "session-cookie-secure", UNSUPPORTED, KEEP, "false",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_SAMESITE, "session-cookie-samesite", UNSUPPORTED, KEEP, "",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_CONDITIONAL_SAMESITE_NONE,
           "session-cookie-conditional-samesite-none", UNSUPPORTED, KEEP, "false",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_SESSION_COOKIE_CHANGE_ON_FAILURE, "session-cookie-change-on-failure",
           UNSUPPORTED, KEEP, "false",
           "clients are not kept on one endpoint: keep sessions in a shared store")
ANNOTATION(ANNOTATION_CANARY_BY_HEADER, "canary-by-header", UNSUPPORTED, KEEP, "",
           "remove the canary Ingress")
ANNOTATION(ANNOTATION_CANARY_BY_HEADER_VALUE, "canary-by-header-value", UNSUPPORTED, KEEP, "",
           "remove the canary Ingress")
ANNOTATION(ANNOTATION_CANARY_BY_HEADER_PATTERN, "canary-by-header-pattern", UNSUPPORTED, KEEP, "",
           "remove the canary Ingress")
ANNOTATION(ANNOTATION_CANARY_BY_COOKIE, "canary-by-cookie", UNSUPPORTED, KEEP, "",
           "remove the canary Ingress")
ANNOTATION(ANNOTATION_CANARY_WEIGHT, "canary-weight", UNSUPPORTED, KEEP, "",
           "remove the canary Ingress")
ANNOTATION(ANNOTATION_CANARY_WEIGHT_TOTAL, "canary-weight-total", UNSUPPORTED, KEEP, "",
           "remove the canary Ingress")
ANNOTATION(ANNOTATION_PERMANENT_REDIRECT_CODE, "permanent-redirect-code", UNSUPPORTED, KEEP, "",
           "remove it: the redirect is not made here")
ANNOTATION(ANNOTATION_TEMPORAL_REDIRECT_CODE, "temporal-redirect-code", UNSUPPORTED, KEEP, "",
           "remove it: the redirect is not made here")
ANNOTATION(ANNOTATION_RELATIVE_REDIRECTS, "relative-redirects", UNSUPPORTED, KEEP, "false",
           "remove it: the redirect is not made here")
ANNOTATION(ANNOTATION_FROM_TO_WWW_REDIRECT, "from-to-www-redirect", UNSUPPORTED, KEEP, "false",
           "add the other host as a rule and redirect in the application")
ANNOTATION(ANNOTATION_USE_PORT_IN_REDIRECTS, "use-port-in-redirects", UNSUPPORTED, KEEP, "false",
           "remove it: the redirect is not made here")
ANNOTATION(ANNOTATION_SERVER_ALIAS, "server-alias", UNSUPPORTED, KEEP, "",
           "write each alias as a host of spec.rules")
ANNOTATION(ANNOTATION_X_FORWARDED_PREFIX, "x-forwarded-prefix", UNSUPPORTED, KEEP, "",
           "remove it: paths are not rewritten here")
ANNOTATION(ANNOTATION_AUTH_SECRET_TYPE, "auth-secret-type", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_REALM, "auth-realm", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_METHOD, "auth-method", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_SIGNIN, "auth-signin", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_SIGNIN_REDIRECT_PARAM, "auth-signin-redirect-param", UNSUPPORTED, KEEP,
           "", "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_RESPONSE_HEADERS, "auth-response-headers", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_REQUEST_REDIRECT, "auth-request-redirect", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_PROXY_SET_HEADERS, "auth-proxy-set-headers", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_CACHE_KEY, "auth-cache-key", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_CACHE_DURATION, "auth-cache-duration", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_KEEPALIVE, "auth-keepalive", UNSUPPORTED, KEEP, "0",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_KEEPALIVE_SHARE_VARS, "auth-keepalive-share-vars", UNSUPPORTED, KEEP,
           "false", "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_KEEPALIVE_REQUESTS, "auth-keepalive-requests", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_KEEPALIVE_TIMEOUT, "auth-keepalive-timeout", UNSUPPORTED, KEEP, "",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_AUTH_ALWAYS_SET_COOKIE, "auth-always-set-cookie", UNSUPPORTED, KEEP, "false",
           "it only says more about access control that is not enforced here")
ANNOTATION(ANNOTATION_ENABLE_GLOBAL_AUTH, "enable-global-auth", UNSUPPORTED, KEEP, "true",
           "remove it: there is no global external authentication here")
ANNOTATION(ANNOTATION_LIMIT_BURST_MULTIPLIER, "limit-burst-multiplier", UNSUPPORTED, KEEP, "",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_LIMIT_ALLOWLIST, "limit-allowlist", UNSUPPORTED, KEEP, "",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_LIMIT_WHITELIST, "limit-whitelist", UNSUPPORTED, KEEP, "",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_LIMIT_RATE, "limit-rate", UNSUPPORTED, KEEP, "0",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_LIMIT_RATE_AFTER, "limit-rate-after", UNSUPPORTED, KEEP, "0",
           "limit in the backend, or remove the annotation")
ANNOTATION(ANNOTATION_ENABLE_CORS, "enable-cors", UNSUPPORTED, KEEP, "false",
           "answer CORS in the application")
ANNOTATION(ANNOTATION_CORS_ALLOW_ORIGIN, "cors-allow-origin", UNSUPPORTED, KEEP, "",
           "answer CORS in the application")
ANNOTATION(ANNOTATION_CORS_ALLOW_METHODS, "cors-allow-methods", UNSUPPORTED, KEEP, "",
           "answer CORS in the application")
ANNOTATION(ANNOTATION_CORS_ALLOW_HEADERS, "cors-allow-headers", UNSUPPORTED, KEEP, "",
           "answer CORS in the application")
ANNOTATION(ANNOTATION_CORS_ALLOW_CREDENTIALS, "cors-allow-credentials", UNSUPPORTED, KEEP, "",
           "answer CORS in the application")
ANNOTATION(ANNOTATION_CORS_EXPOSE_HEADERS, "cors-expose-headers", UNSUPPORTED, KEEP, "",
           "answer CORS in the application")
ANNOTATION(ANNOTATION_CORS_MAX_AGE, "cors-max-age", UNSUPPORTED, KEEP, "",
           "answer CORS in the application")
ANNOTATION(ANNOTATION_PROXY_BUFFERING, "proxy-buffering", UNSUPPORTED, KEEP, "off",
           "remove it: bodies are streamed with bounded memory, never kept on disk")
ANNOTATION(ANNOTATION_PROXY_BUFFER_SIZE, "proxy-buffer-size", UNSUPPORTED, KEEP, "",
           "remove it: bodies are streamed with bounded memory, never kept on disk")
ANNOTATION(ANNOTATION_PROXY_BUFFERS_NUMBER, "proxy-buffers-number", UNSUPPORTED, KEEP, "",
           "remove it: bodies are streamed with bounded memory, never kept on disk")
ANNOTATION(ANNOTATION_PROXY_BUSY_BUFFERS_SIZE, "proxy-busy-buffers-size", UNSUPPORTED, KEEP, "",
           "remove it: bodies are streamed with bounded memory, never kept on disk")
ANNOTATION(ANNOTATION_PROXY_MAX_TEMP_FILE_SIZE, "proxy-max-temp-file-size", UNSUPPORTED, KEEP, "",
           "remove it: bodies are streamed with bounded memory, never kept on disk")
ANNOTATION(ANNOTATION_PROXY_REQUEST_BUFFERING, "proxy-request-buffering", UNSUPPORTED, KEEP, "off",
           "remove it: bodies are streamed with bounded memory, never kept on disk")
ANNOTATION(ANNOTATION_CLIENT_BODY_BUFFER_SIZE, "client-body-buffer-size", UNSUPPORTED, KEEP, "",
           "remove it: bodies are streamed with bounded memory, never kept on disk")
ANNOTATION(ANNOTATION_PROXY_HTTP_VERSION, "proxy-http-version", UNSUPPORTED, KEEP, "1.1",
           "remove it: it has no effect here")
ANNOTATION(ANNOTATION_PROXY_REDIRECT_FROM, "proxy-redirect-from", UNSUPPORTED, KEEP, "off",
           "let the application write the names that clients use")
ANNOTATION(ANNOTATION_PROXY_REDIRECT_TO, "proxy-redirect-to", UNSUPPORTED, KEEP, "off",
           "let the application write the names that clients use")
ANNOTATION(ANNOTATION_PROXY_COOKIE_DOMAIN, "proxy-cookie-domain", UNSUPPORTED, KEEP, "off",
           "let the application write the names that clients use")
ANNOTATION(ANNOTATION_PROXY_COOKIE_PATH, "proxy-cookie-path", UNSUPPORTED, KEEP, "off",
           "let the application write the names that clients use")
ANNOTATION(ANNOTATION_CONNECTION_PROXY_HEADER, "connection-proxy-header", UNSUPPORTED, KEEP, "",
           "remove it: connections to backends are kept as HTTP/1.1 says")
ANNOTATION(ANNOTATION_SERVICE_UPSTREAM, "service-upstream", UNSUPPORTED, KEEP, "false",
           "endpoints are taken in turn")
ANNOTATION(ANNOTATION_LOAD_BALANCE, "load-balance", UNSUPPORTED, KEEP, "round_robin",
           "endpoints are taken in turn")
ANNOTATION(ANNOTATION_UPSTREAM_HASH_BY, "upstream-hash-by", UNSUPPORTED, KEEP, "",
           "endpoints are taken in turn")
ANNOTATION(ANNOTATION_UPSTREAM_HASH_BY_SUBSET, "upstream-hash-by-subset", UNSUPPORTED, KEEP,
           "false", "endpoints are taken in turn")
ANNOTATION(ANNOTATION_UPSTREAM_HASH_BY_SUBSET_SIZE, "upstream-hash-by-subset-size", UNSUPPORTED,
           KEEP, "", "endpoints are taken in turn")
ANNOTATION(ANNOTATION_MIRROR_TARGET, "mirror-target", UNSUPPORTED, KEEP, "",
           "requests are not copied: mirror in the backend")
ANNOTATION(ANNOTATION_MIRROR_REQUEST_BODY, "mirror-request-body", UNSUPPORTED, KEEP, "",
           "requests are not copied: mirror in the backend")
ANNOTATION(ANNOTATION_MIRROR_HOST, "mirror-host", UNSUPPORTED, KEEP, "",
           "requests are not copied: mirror in the backend")
ANNOTATION(ANNOTATION_FASTCGI_INDEX, "fastcgi-index", UNSUPPORTED, KEEP, "",
           "put an HTTP server before the FastCGI application")
ANNOTATION(ANNOTATION_FASTCGI_PARAMS_CONFIGMAP, "fastcgi-params-configmap", UNSUPPORTED, KEEP, "",
           "put an HTTP server before the FastCGI application")
ANNOTATION(ANNOTATION_CUSTOM_HTTP_ERRORS, "custom-http-errors", UNSUPPORTED, KEEP, "",
           "let the backend write its own error pages")
ANNOTATION(ANNOTATION_DISABLE_PROXY_INTERCEPT_ERRORS, "disable-proxy-intercept-errors", UNSUPPORTED,
           KEEP, "false", "let the backend write its own error pages")
ANNOTATION(ANNOTATION_DEFAULT_BACKEND, "default-backend", UNSUPPORTED, KEEP, "",
           "let the backend write its own error pages")
ANNOTATION(ANNOTATION_CUSTOM_HEADERS, "custom-headers", UNSUPPORTED, KEEP, "",
           "let the backend set the response headers")
ANNOTATION(ANNOTATION_ENABLE_ACCESS_LOG, "enable-access-log", UNSUPPORTED, KEEP, "true",
           "set disable-access-log in the ConfigMap, for all routes")
ANNOTATION(ANNOTATION_ENABLE_REWRITE_LOG, "enable-rewrite-log", UNSUPPORTED, KEEP, "false",
           "remove it: it has no effect here")
ANNOTATION(ANNOTATION_HTTP2_PUSH_PRELOAD, "http2-push-preload", UNSUPPORTED, KEEP, "false",
           "remove it: it has no effect here")
ANNOTATION(ANNOTATION_ENABLE_OPENTELEMETRY, "enable-opentelemetry", UNSUPPORTED, KEEP, "false",
           "trace in the application: its headers pass unchanged")
ANNOTATION(ANNOTATION_OPENTELEMETRY_TRUST_INCOMING_SPAN, "opentelemetry-trust-incoming-span",
           UNSUPPORTED, KEEP, "", "trace in the application: its headers pass unchanged")
ANNOTATION(ANNOTATION_OPENTELEMETRY_OPERATION_NAME, "opentelemetry-operation-name", UNSUPPORTED,
           KEEP, "", "trace in the application: its headers pass unchanged")
ANNOTATION(ANNOTATION_MODSECURITY_TRANSACTION_ID, "modsecurity-transaction-id", UNSUPPORTED, KEEP,
           "", "put the web application firewall before the Service")

/* Refused */
ANNOTATION(ANNOTATION_AUTH_SNIPPET, "auth-snippet", REFUSED, DROP, "",
           "remove it: raw nginx configuration is never taken from an Ingress")
ANNOTATION(ANNOTATION_MODSECURITY_SNIPPET, "modsecurity-snippet", REFUSED, DROP, "",
           "put the web application firewall before the Service")
ANNOTATION(ANNOTATION_CONFIGURATION_SNIPPET, "configuration-snippet", REFUSED, DROP, "",
           "say it with typed annotations, or in the application")
ANNOTATION(ANNOTATION_SERVER_SNIPPET, "server-snippet", REFUSED, DROP, "",
           "say it with typed annotations, or in the application")
ANNOTATION(ANNOTATION_STREAM_SNIPPET, "stream-snippet", REFUSED, DROP, "",
           "remove it: raw nginx configuration is never taken from an Ingress")

/* Outdated, or never existed */
ANNOTATION(ANNOTATION_SECURE_BACKENDS, "secure-backends", GONE, KEEP, "",
           "its successor is backend-protocol")
ANNOTATION(ANNOTATION_SECURE_VERIFY_CA_SECRET, "secure-verify-ca-secret", GONE, KEEP, "",
           "its successor is proxy-ssl-secret")
ANNOTATION(ANNOTATION_GRPC_BACKEND, "grpc-backend", GONE, KEEP, "",
           "its successor is backend-protocol")
ANNOTATION(ANNOTATION_SESSION_COOKIE_HASH, "session-cookie-hash", GONE, KEEP, "",
           "remove it: the cookie's form is fixed")
ANNOTATION(ANNOTATION_ADD_BASE_URL, "add-base-url", GONE, KEEP, "",
           "remove it: pages must not be edited on the way")
ANNOTATION(ANNOTATION_BASE_URL_SCHEME, "base-url-scheme", GONE, KEEP, "",
           "remove it together with add-base-url")
ANNOTATION(ANNOTATION_ENABLE_OPENTRACING, "enable-opentracing", GONE, KEEP, "",
           "its successor is enable-opentelemetry")
ANNOTATION(ANNOTATION_OPENTRACING_TRUST_INCOMING_SPAN, "opentracing-trust-incoming-span", GONE,
           KEEP, "", "its successor is opentelemetry-trust-incoming-span")
ANNOTATION(ANNOTATION_OPENTELEMETRY_TRUST_INCOMING_SPANS, "opentelemetry-trust-incoming-spans",
           GONE, KEEP, "", "the name is opentelemetry-trust-incoming-span")
ANNOTATION(ANNOTATION_ENABLE_INFLUXDB, "enable-influxdb", GONE, KEEP, "",
           "remove it: read the metrics of the gate instead")
ANNOTATION(ANNOTATION_INFLUXDB_MEASUREMENT, "influxdb-measurement", GONE, KEEP, "",
           "remove it: read the metrics of the gate instead")
ANNOTATION(ANNOTATION_INFLUXDB_PORT, "influxdb-port", GONE, KEEP, "",
           "remove it: read the metrics of the gate instead")
ANNOTATION(ANNOTATION_INFLUXDB_HOST, "influxdb-host", GONE, KEEP, "",
           "remove it: read the metrics of the gate instead")
ANNOTATION(ANNOTATION_INFLUXDB_SERVER_NAME, "influxdb-server-name", GONE, KEEP, "",
           "remove it: read the metrics of the gate instead")
ANNOTATION(ANNOTATION_GLOBAL_RATE_LIMIT, "global-rate-limit", GONE, KEEP, "",
           "limit in the backend: there has been no such protection since ingress-nginx 1.12")
ANNOTATION(ANNOTATION_GLOBAL_RATE_LIMIT_WINDOW, "global-rate-limit-window", GONE, KEEP, "",
           "remove it together with global-rate-limit")
ANNOTATION(ANNOTATION_GLOBAL_RATE_LIMIT_KEY, "global-rate-limit-key", GONE, KEEP, "",
           "remove it together with global-rate-limit")
ANNOTATION(ANNOTATION_GLOBAL_RATE_LIMIT_IGNORED_CIDRS, "global-rate-limit-ignored-cidrs", GONE,
           KEEP, "", "remove it together with global-rate-limit")
ANNOTATION(ANNOTATION_WEBSOCKET_SERVICES, "websocket-services", GONE, KEEP, "",
           "remove it: WebSocket needs no annotation")
ANNOTATION(ANNOTATION_RATE_LIMIT, "rate-limit", GONE, KEEP, "",
           "limit-rps or limit-rpm was meant: there never was such a protection")
ANNOTATION(ANNOTATION_RATE_LIMIT_WINDOW, "rate-limit-window", GONE, KEEP, "", "limit-rpm was meant")
ANNOTATION(ANNOTATION_CLIENT_MAX_BODY_SIZE, "client-max-body-size", GONE, KEEP, "",
           "write proxy-body-size")
ANNOTATION(ANNOTATION_SSL_PROTOCOLS, "ssl-protocols", GONE, KEEP, "",
           "TLS versions are set for the whole gate, not for an Ingress")
ANNOTATION(ANNOTATION_PROXY_SET_HEADERS, "proxy-set-headers", GONE, KEEP, "",
           "it is a key of the ConfigMap only")
ANNOTATION(ANNOTATION_LARGE_CLIENT_HEADER_BUFFERS, "large-client-header-buffers", GONE, KEEP, "",
           "it is a key of the ConfigMap only")
