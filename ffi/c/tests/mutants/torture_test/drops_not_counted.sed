# send.c: of the places that are taken from the oldest, one in four is not counted
s/^        rw_count_drop(q->me_record, victim);/        if (victim % 4) rw_count_drop(q->me_record, victim);/
