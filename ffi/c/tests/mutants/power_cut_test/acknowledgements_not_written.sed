# settle.c: many acknowledgements return before they are on the disk
/^int32_t rwq_ack_many(/,/^}/s/^    rw_journal_flush(q);/    (void)0;/
