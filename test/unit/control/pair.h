/* test/unit/control/pair.h
 *
 * Purpose    A certificate as a Secret holds it, and its key: CN web.example, P-256, self-signed,
 *            valid until 2126. It guards nothing. */
#ifndef YETT_TEST_CONTROL_PAIR_H
#define YETT_TEST_CONTROL_PAIR_H

static const char pair_chain_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBgjCCASmgAwIBAgIULoSayoBLO9XncGDmJhS/gwuALvAwCgYIKoZIzj0EAwIw\n"
    "FjEUMBIGA1UEAwwLd2ViLmV4YW1wbGUwIBcNMjYxMTIzMjM0ODE1WhgPMjEyNjEw\n"
    "MzAyMzQ4MTVaMBYxFDASBgNVBAMMC3dlYi5leGFtcGxlMFkwEwYHKoZIzj0CAQYI\n"
    "KoZIzj0DAQcDQgAEckfrVPyWla5ZtDKlolFCZErQBrkuX2o7flhoY8NslNaOS1DP\n"
    "ZY4NVA6s5dogi3+6pIzx+ogSw4ttmggOyoOMvqNTMFEwHQYDVR0OBBYEFNfD5GX6\n"
    "lkuIkRB6HG9v7Ys/wTa9MB8GA1UdIwQYMBaAFNfD5GX6lkuIkRB6HG9v7Ys/wTa9\n"
    "MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgKcCJtm+YVwmFt6cq\n"
    "DLRqKs09sGTm3HXx8BF0PJTmv7wCIDUjJg4tYkisKlJyyUcC8S0AxpUZHur/9uDQ\n"
    "dmc8vMHw\n"
    "-----END CERTIFICATE-----\n";
static const char pair_key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIeu4EmL9BrkbKJSo\n"
    "h1UXRPCJd/nOz9EhqhnYlwvqs6qhRANCAARyR+tU/JaVrlm0MqWiUUJkStAGuS5f\n"
    "ajt+WGhjw2yU1o5LUM9ljg1UDqzl2iCLf7qkjPH6iBLDi22aCA7Kg4y+\n"
    "-----END PRIVATE KEY-----\n";

#endif
