/* proxy/exchange/tunnel.h
 *
 * Purpose    After 101: bytes both ways, each direction with its own end (half-close), until both ended
 *            or nothing moved for the route's read time-out.
 * Ownership  Owns the upstream and copies of the few facts that its log line needs: no image, no exchange,
 *            no buffer while idle. Is owned by the client's side.
 * Lifetime   tunnel_begin() … tunnel_end(). */
#ifndef YETT_PROXY_EXCHANGE_TUNNEL_H
#define YETT_PROXY_EXCHANGE_TUNNEL_H

struct exchange;
struct tunnel;

/* The 101 is given to the client's side, which goes on with tunnel_run() once the exchange has ended. Takes
 * the exchange's upstream, and what is to be counted and logged. */
void tunnel_begin(struct exchange *exchange);

enum tunnel_result { TUNNEL_GOES_ON = 0, TUNNEL_OVER };

int tunnel_run(struct tunnel *tunnel);
/* Counts, logs, closes the upstream connection. Returns NULL. */
struct tunnel *tunnel_end(struct tunnel *tunnel);

#endif
