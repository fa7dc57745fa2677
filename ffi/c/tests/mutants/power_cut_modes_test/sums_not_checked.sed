# journal.c: a message is kept whose bytes did not all reach the disk
s/^    return rw_message_crc(.*/    (void)body_len, (void)headers_len;\n    return true;/
