/* Turns of UCX, and receiving a tagged message, in one call. See ringwire_ucp.h. */
#define _GNU_SOURCE
#include "ringwire_ucp.h"

#include <dlfcn.h>
#include <errno.h>

/* Messages may come without UCX counting them; it is asked at least so often, in turns. A power of two. */
#define TURNS_PER_LOOK 16u

/* ISO C has no conversion from an object's address to a function's; POSIX promises that the representation serves. */
static int find(void *library, const char *name, void *function, size_t size)
{
    void *found = dlsym(library, name);
    __builtin_memcpy(function, &found, size);
    return found != NULL;
}

int32_t rwu_bind(void *memory, const void *name)
{
    struct rwu_port *port = memory;
    /* Only what is loaded already: which library that is, and with which environment, is decided elsewhere. */
    void *library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) return -ENOENT;
    if (!find(library, "ucp_worker_progress", &port->progress, sizeof port->progress) ||
        !find(library, "ucp_tag_probe_nb", &port->probe, sizeof port->probe) ||
        !find(library, "ucp_tag_msg_recv_nbx", &port->receive, sizeof port->receive))
        return -ENOSYS;
    /* The handle is kept: libucp is never unloaded. */
    return 0;
}

int32_t rwu_take(void *memory, const void *match, void *buffer, uint32_t capacity, uint32_t turns)
{
    struct rwu_port *port = memory;
    uint64_t words[2];
    uint32_t turn = 0;
    unsigned happened = 0;
    void *message;

    __builtin_memcpy(words, match, sizeof words);
    port->events = 0;
    for (;;) {
        message = port->probe(port->worker, words[0], words[1], 1, &port->sender_tag);
        if (message != NULL) break;
        /* What happened may be something that JavaScript has to see to before more can come. */
        if (happened != 0) return RWU_NOTHING;
        do {
            if (turn == turns) return RWU_NOTHING;
            turn++;
            happened = port->progress(port->worker);
            port->events += happened;
        } while (happened == 0 && turn % TURNS_PER_LOOK != 0);
    }
    if (port->length > capacity) {
        port->message = message;
        return RWU_TOO_LONG;
    }
    void *result = port->receive(port->worker, buffer, port->length, message, port->params);
    if (result == NULL) return RWU_TAKEN;
    port->message = message;
    port->status = (int64_t)(intptr_t)result;
    return RWU_REFUSED;
}

int32_t rwu_progress(void *memory, uint32_t turns)
{
    struct rwu_port *port = memory;
    for (uint32_t turn = 0; turn < turns; turn++) {
        unsigned happened = port->progress(port->worker);
        if (happened != 0) return happened < INT32_MAX ? (int32_t)happened : INT32_MAX;
    }
    return 0;
}
