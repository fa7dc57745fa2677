# receive.c: many that are taken and acknowledged at once are not written out
/^    if (group) {/,/^    }/s/^        rw_journal_flush(q);/        (void)0;/
