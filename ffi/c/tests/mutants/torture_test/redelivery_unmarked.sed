# settle.c: a message of the dead comes again as if for the first time
s/RW_ATTEMPTS(word), RW_FLAGS(word) | RW_REDELIVERED)/RW_ATTEMPTS(word), RW_FLAGS(word))/
