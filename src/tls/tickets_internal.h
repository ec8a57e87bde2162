/* tls/tickets_internal.h
 *
 * Purpose    OpenSSL's side of tickets.
 * Roles      Inside the room only. */
#ifndef YETT_TLS_TICKETS_INTERNAL_H
#define YETT_TLS_TICKETS_INTERNAL_H

#include "tls/library.h"
#include "tls/tickets.h"

/* Sets up what protects (`protects`) or opens a ticket, as SSL_CTX_set_tlsext_ticket_key_evp_cb() has it:
 * 1 done; 2 opened, but a newer key should protect it; 0 no key has that name; -1 OpenSSL failed. */
int tls_tickets_key(const struct tls_tickets *tickets, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool protects);

#endif
