/* What the admission webhook did. */
#include "base/scope.h"
#include "control/metrics.h"
#include "control/prom.h"

static const char *const outcomes[ADMISSION_OUTCOMES_LEN] = {
    [ADMISSION_ALLOWED] = "allowed",
    [ADMISSION_REFUSED] = "refused",
    [ADMISSION_NOT_OURS] = "not_ours",
    [ADMISSION_UNREADABLE] = "unreadable",
};

void metrics_write_webhook(const struct metrics_input *input, struct span common, struct buf *out)
{
    if (!input->webhook)
        return;
    const struct webhook_facts *facts = webhook_facts(input->webhook);

    prom_family(out, "yett_admission_reviews_total", PROM_COUNTER,
                "AdmissionReviews that were answered, by what was said.");
    for (size_t i = 0; i < ADMISSION_OUTCOMES_LEN; i++) {
        SCOPED(buf_deinit) struct buf labels = { 0 };

        prom_label_append(&labels, "outcome", span_from_str(outcomes[i]));
        prom_u64(out, "yett_admission_reviews_total", buf_span(&labels), facts->counts[i]);
    }
    prom_family(out, "nginx_ingress_controller_admission_roundtrip_duration", PROM_GAUGE,
                "Seconds that the last admission took.");
    prom_seconds(out, "nginx_ingress_controller_admission_roundtrip_duration", common,
                 facts->last_us);
}
