#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "supervisor/rollout.h"

/* A script is a list of events with the actions that each must cause, written as text:
 * "send 0:7" image 7 to worker 0, "kill 1", "published 7", "rejected 7 refused|killed|late". */

enum event { END, PUBLISH, STALE, START, DEATH, CRASH, TAKEN, REFUSED, TIME };

struct step {
    enum event event;
    uint32_t worker;
    uint64_t generation;
    uint64_t after_ms; /* since the step before */
    const char *actions;
};

enum { STEPS_MAX = 40 };

struct script {
    const char *what;
    uint32_t workers;
    struct step steps[STEPS_MAX];
};

#define BOTH_UP             \
    { START, 0, 0, 0, "" }, \
    {                       \
        START, 1, 0, 0, ""  \
    }
#define IMAGE_7_GOOD                                                  \
    { PUBLISH, 0, 7, 0, "send 0:7" }, { TAKEN, 0, 7, 0, "send 1:7" }, \
    {                                                                 \
        TAKEN, 1, 7, 0, "published 7"                                 \
    }

static const struct script scripts[] = {
    { "one first, then the rest, then good",
      3,
      { { START, 0, 0, 0, "" },
        { START, 1, 0, 0, "" },
        { START, 2, 0, 0, "" },
        { PUBLISH, 0, 5, 0, "send 0:5" },
        { TAKEN, 0, 5, 0, "send 1:5 send 2:5" },
        { TAKEN, 2, 5, 0, "" },
        { TAKEN, 1, 5, 0, "published 5" } } },
    { "an image before any worker waits for the first",
      2,
      { { PUBLISH, 0, 1, 0, "" },
        { TIME, 0, 0, 60000, "" },
        { START, 1, 0, 0, "send 1:1" },
        { START, 0, 0, 0, "" },
        { TAKEN, 1, 1, 0, "send 0:1" },
        { TAKEN, 0, 1, 0, "published 1" } } },
    { "a single worker",
      1,
      { { START, 0, 0, 0, "" },
        { PUBLISH, 0, 1, 0, "send 0:1" },
        { TAKEN, 0, 1, 0, "published 1" } } },
    { "refused by the first: the rest never see it",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { REFUSED, 0, 8, 0, "rejected 8 refused send 0:7" },
        { TAKEN, 0, 7, 0, "" },
        { PUBLISH, 0, 9, 0, "send 0:9" } } },
    { "the very first is refused: nothing to go back to",
      2,
      { BOTH_UP,
        { PUBLISH, 0, 1, 0, "send 0:1" },
        { REFUSED, 0, 1, 0, "rejected 1 refused" },
        { START, 0, 0, 0, "" } } },
    { "refused by the second: the first goes back",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { REFUSED, 1, 8, 0, "rejected 8 refused send 0:7 send 1:7" } } },
    { "a crash of the first",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { CRASH, 0, 0, 0, "rejected 8 killed" },
        { START, 0, 0, 0, "send 0:7" } } },
    { "a crash of the first, after it took the image and before the rest did",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { CRASH, 0, 0, 0, "rejected 8 killed send 1:7" },
        { START, 0, 0, 0, "send 0:7" } } },
    { "a kill from outside is not the image's fault",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { DEATH, 0, 0, 0, "send 1:8" },
        { START, 0, 0, 0, "send 0:7" },
        { TAKEN, 1, 8, 0, "send 0:8" },
        { TAKEN, 0, 7, 0, "" },
        { TAKEN, 0, 8, 0, "published 8" } } },
    { "a second kill is",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { DEATH, 0, 0, 0, "send 1:8" },
        { DEATH, 1, 0, 0, "rejected 8 killed" } } },
    { "the only worker is killed: it gets the image again, and the good one before it",
      1,
      { { START, 0, 0, 0, "" },
        { PUBLISH, 0, 7, 0, "send 0:7" },
        { TAKEN, 0, 7, 0, "published 7" },
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { DEATH, 0, 0, 0, "" },
        { START, 0, 0, 0, "send 0:7 send 0:8" },
        { TAKEN, 0, 7, 0, "" },
        { TAKEN, 0, 8, 0, "published 8" } } },
    { "one that dies while the rest take it is not waited for",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { DEATH, 1, 0, 0, "published 8" },
        { START, 1, 0, 0, "send 1:8" } } },
    { "one that starts while the rest take it gets both",
      2,
      { { START, 0, 0, 0, "" },
        { START, 1, 0, 0, "" },
        IMAGE_7_GOOD,
        { DEATH, 1, 0, 0, "" },
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { START, 1, 0, 0, "send 1:7" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { TAKEN, 1, 8, 0, "published 8" } } },
    { "the first is too late: killed, its death is no news",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TIME, 0, 0, 4999, "" },
        { TIME, 0, 0, 1, "kill 0 rejected 8 late" },
        { DEATH, 0, 0, 0, "" },
        { START, 0, 0, 0, "send 0:7" } } },
    { "the second is too late",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 3000, "send 1:8" },
        { TIME, 0, 0, 4999, "" },
        { TIME, 0, 0, 1, "kill 1 rejected 8 late send 0:7" } } },
    { "the latest of those that wait wins",
      2,
      { BOTH_UP,
        { PUBLISH, 0, 1, 0, "send 0:1" },
        { PUBLISH, 0, 2, 0, "" },
        { PUBLISH, 0, 3, 0, "" },
        { TAKEN, 0, 1, 0, "send 1:1" },
        { TAKEN, 1, 1, 0, "published 1 send 0:3" },
        { TAKEN, 0, 3, 0, "send 1:3" },
        { TAKEN, 1, 3, 0, "published 3" } } },
    { "the one that waits follows a roll-back, too",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { PUBLISH, 0, 9, 0, "" },
        { REFUSED, 0, 8, 0, "rejected 8 refused send 0:7 send 0:9" } } },
    { "old generations are stale",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { STALE, 0, 7, 0, "" },
        { STALE, 0, 1, 0, "" },
        { STALE, 0, 0, 0, "" } } },
    { "an answer to another image is none to this one",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 7, 0, "" },
        { TAKEN, 0, 99, 0, "" },
        { REFUSED, 0, 7, 0, "" },
        { TAKEN, 1, 8, 0, "" },
        { REFUSED, 1, 8, 0, "" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { TAKEN, 1, 8, 0, "published 8" } } },
    { "three crashes on a young image: back to the one before",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { TAKEN, 1, 8, 0, "published 8" },
        { CRASH, 0, 0, 1000, "" },
        { START, 0, 0, 0, "send 0:8" },
        { CRASH, 1, 0, 4000, "" },
        { START, 1, 0, 0, "send 1:8" },
        { CRASH, 0, 0, 5999, "rejected 8 killed send 1:7" },
        { START, 0, 0, 0, "send 0:7" },
        { PUBLISH, 0, 9, 0, "send 0:9" } } },
    { "three crashes too far apart",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { TAKEN, 1, 8, 0, "published 8" },
        { CRASH, 0, 0, 1000, "" },
        { START, 0, 0, 0, "send 0:8" },
        { CRASH, 1, 0, 4000, "" },
        { START, 1, 0, 0, "send 1:8" },
        { CRASH, 0, 0, 6001, "" },
        { START, 0, 0, 0, "send 0:8" } } },
    { "three crashes on an image that has proved itself",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { TAKEN, 1, 8, 0, "published 8" },
        { CRASH, 0, 0, 60000, "" },
        { START, 0, 0, 0, "send 0:8" },
        { CRASH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:8" },
        { CRASH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:8" } } },
    { "three crashes with nothing to go back to",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { CRASH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:7" },
        { CRASH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:7" },
        { CRASH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:7" } } },
    { "kills from outside are no crash loop",
      2,
      { BOTH_UP,
        IMAGE_7_GOOD,
        { PUBLISH, 0, 8, 0, "send 0:8" },
        { TAKEN, 0, 8, 0, "send 1:8" },
        { TAKEN, 1, 8, 0, "published 8" },
        { DEATH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:8" },
        { DEATH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:8" },
        { DEATH, 0, 0, 1, "" },
        { START, 0, 0, 0, "send 0:8" } } },
};

static void actions_write(const struct rollout_actions *actions, char *at, size_t room)
{
    static const char *const reasons[] = { "", "refused", "killed", "late" };
    size_t len = 0;

    at[0] = 0;
    for (uint32_t i = 0; i < actions->len; i++) {
        const struct rollout_action *a = &actions->items[i];
        const char *gap = i ? " " : "";
        int n = 0;

        switch (a->kind) {
        case ROLLOUT_SEND:
            n = snprintf(at + len, room - len, "%ssend %u:%u", gap, a->worker,
                         (unsigned)a->generation);
            break;
        case ROLLOUT_KILL:
            n = snprintf(at + len, room - len, "%skill %u", gap, a->worker);
            break;
        case ROLLOUT_PUBLISHED:
            n = snprintf(at + len, room - len, "%spublished %u", gap, (unsigned)a->generation);
            break;
        case ROLLOUT_REJECTED:
            n = snprintf(at + len, room - len, "%srejected %u %s", gap, (unsigned)a->generation,
                         reasons[a->reason]);
            break;
        }
        len += (size_t)n;
    }
}

static void step_run(struct rollout *rollout, const struct step *step, uint64_t now_ms)
{
    struct rollout_actions actions = { 0 };
    char text[1024];

    switch (step->event) {
    case PUBLISH:
        assert_int_equal(rollout_on_publish(rollout, step->generation, now_ms, &actions),
                         ROLLOUT_ACCEPTED);
        break;
    case STALE:
        assert_int_equal(rollout_on_publish(rollout, step->generation, now_ms, &actions),
                         ROLLOUT_STALE);
        break;
    case START:
        rollout_on_start(rollout, step->worker, now_ms, &actions);
        break;
    case DEATH:
    case CRASH:
        rollout_on_death(rollout, step->worker, step->event == CRASH, now_ms, &actions);
        break;
    case TAKEN:
        rollout_on_taken(rollout, step->worker, step->generation, now_ms, &actions);
        break;
    case REFUSED:
        rollout_on_refused(rollout, step->worker, step->generation, now_ms, &actions);
        break;
    case TIME:
        rollout_on_time(rollout, now_ms, &actions);
        break;
    case END:
        break;
    }
    actions_write(&actions, text, sizeof(text));
    assert_string_equal(text, step->actions);
    for (uint32_t i = 0; i < actions.len; i++) {
        if (actions.items[i].kind == ROLLOUT_SEND)
            assert_true(rollout_holds(rollout, actions.items[i].generation));
    }
}

static void test_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct rollout rollout;
        uint64_t now_ms = 1000000;

        print_message("%s\n", scripts[i].what);
        rollout_init(&rollout, scripts[i].workers);
        for (const struct step *step = scripts[i].steps; step->event != END; step++) {
            now_ms += step->after_ms;
            step_run(&rollout, step, now_ms);
        }
    }
}

static void test_holds_what_it_may_send_and_no_more(void **state)
{
    struct rollout rollout;
    struct rollout_actions actions = { 0 };

    (void)state;
    rollout_init(&rollout, 1);
    rollout_on_start(&rollout, 0, 0, &actions);
    assert_false(rollout_holds(&rollout, 0));
    for (uint64_t generation = 1; generation <= 4; generation++) {
        assert_int_equal(rollout_on_publish(&rollout, generation, 0, &actions), ROLLOUT_ACCEPTED);
        if (generation <= 2)
            rollout_on_taken(&rollout, 0, generation, 0, &actions);
    }
    for (uint64_t generation = 1; generation <= 4; generation++)
        assert_true(rollout_holds(&rollout, generation)); /* previous, good, rolling, waiting */
    assert_int_equal(rollout_on_publish(&rollout, 5, 0, &actions), ROLLOUT_ACCEPTED);
    assert_false(rollout_holds(&rollout, 4));
    rollout_on_taken(&rollout, 0, 3, 0, &actions);
    assert_false(rollout_holds(&rollout, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_holds_what_it_may_send_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
