# journal.c: only the header of a message is on the disk before it is accepted
s/^    if (bytes) sync_range(q, rw_body(q, slot, bytes), bytes);/    (void)bytes;/
