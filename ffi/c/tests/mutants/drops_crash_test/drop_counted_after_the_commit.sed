# send.c: the drop is counted by the counter alone, after the new message is accepted, as the number of messages is
s/^static int32_t check_open(/static bool dropped;\n&/
s/^        rw_count_drop(q->me_record, victim);/        dropped = true;/
s/^    rw_count(q, RWQ_COUNT_SENT, 1);/    if (dropped) rw_count(q, RWQ_COUNT_DROPPED_OLDEST, 1), dropped = false;\n&/
