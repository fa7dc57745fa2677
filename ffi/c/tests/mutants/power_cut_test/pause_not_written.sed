# segment.c: a pause is forgotten
s/^    if (q->super.journal == RWQ_JOURNAL_SYNC) rwq_sync(q);/    (void)0;/
