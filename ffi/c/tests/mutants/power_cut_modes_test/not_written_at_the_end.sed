# segment.c: what came after the last interval is left to chance when the queue is closed
/^int32_t rwq_close(/,/^}/s/rw_journal_write_out(q) : 0/0 : 0/
