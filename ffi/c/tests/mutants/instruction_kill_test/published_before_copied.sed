# send.c: the message can be taken before its body is there
s/uint64_t expected = claimed, word/uint64_t expected = rw_load(\&s->state), word/
s/^    uint32_t crc = rw_message_copy(/    rw_store_seq(\&q->slots[slot].state, RW_WORD(RWQ_SLOT_READY, 0, RW_PRIORITY(*claimed), 0, 0, RW_GEN(*claimed)));\n&/
