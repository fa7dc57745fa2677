# reserve.c: the others are told of memory that is not there yet
s/^            int status = rw_allocate(q->fd, chunk \* RW_CHUNK, RW_CHUNK);/            atomic_fetch_or(word, bit);\n&/
