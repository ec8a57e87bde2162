#include "proxy/random.h"

#include <sys/random.h>

#include "base/bug.h"

void random_init(struct random *random)
{
    ssize_t n = getrandom(random->state, sizeof(random->state), 0);

    invariant(n == (ssize_t)sizeof(random->state));
    random->state[0] |= 1; /* all zero would stay so */
}
