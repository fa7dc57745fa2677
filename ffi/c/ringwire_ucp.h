/*
 * ringwire_ucp: turns of UCX without leaving C.
 *
 * A receive that polls is a loop of ucp_worker_progress, ucp_tag_probe_nb and ucp_tag_msg_recv_nbx. Each of them takes a few
 * nanoseconds, and a call from JavaScript as many again; here one call goes through all of them. Nothing is linked: the
 * functions are those of the libucp that the process has loaded already, and no header of UCX is needed.
 *
 * A port belongs to the thread of its worker. Callbacks of UCX run within rwu_take, on that thread, as they do within
 * ucp_worker_progress.
 */
#ifndef RINGWIRE_UCP_H
#define RINGWIRE_UCP_H
#include <stddef.h>
#include <stdint.h>

#include "ringwire_shm.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rwu_port {                            /* 80 bytes, owned by the caller, 8-byte aligned */
    void *worker;                            /*  0: ucp_worker_h */
    const void *params;                      /*  8: ucp_request_param_t of rwu_take's receives; alive as long as the port */
    /* Set by rwu_bind. */
    unsigned (*progress)(void *worker);      /* 16 */
    void *(*probe)(void *worker, uint64_t tag, uint64_t mask, int remove, void *info);  /* 24 */
    void *(*receive)(void *worker, void *buffer, size_t length, void *message, const void *params);  /* 32 */
    /* Left by rwu_take. */
    uint64_t sender_tag;                     /* 40: with length, ucp_tag_recv_info_t */
    uint64_t length;                         /* 48: of the message, in bytes */
    void *message;                           /* 56: ucp_tag_message_h, of RWU_TOO_LONG and RWU_REFUSED */
    int64_t status;                          /* 64: ucs_status_ptr_t, of RWU_REFUSED */
    uint64_t events;                         /* 72: what ucp_worker_progress counted in this call */
};

/*
 * Fills in the functions. `library` is the path or name under which libucp was loaded.
 * -ENOENT: it is not loaded. -ENOSYS: it lacks one of the functions.
 */
RWQ_API int32_t rwu_bind(void *port, const void *library);

enum {
    RWU_TAKEN = 0,    /* the message is in the buffer */
    RWU_NOTHING = 1,  /* no such message; something else happened, or there were no more turns */
    RWU_TOO_LONG = 2, /* it is longer than the buffer; it was removed from UCX and is to be received by its handle */
    RWU_REFUSED = 3,  /* ucp_tag_msg_recv_nbx gave another result than 0, see status */
};

/*
 * Takes the next message whose tag equals match[0] in the bits of match[1], if it fits the buffer and can be received at once.
 * While there is none, lets UCX progress, at most `turns` times and until something happens.
 */
RWQ_API int32_t rwu_take(void *port, const void *match, void *buffer, uint32_t capacity, uint32_t turns);

/* Lets UCX progress, at most `turns` times and until it counts something. Gives what it counted, at most INT32_MAX. */
RWQ_API int32_t rwu_progress(void *port, uint32_t turns);

#ifdef __cplusplus
}
#endif
#endif
