# segment.c: what came after the last interval is left to chance when the queue is closed
/^int32_t rwq_close(/,/^}/s/q->super.journal > RWQ_JOURNAL_PROCESS/q->super.journal > RWQ_JOURNAL_SYNC/
