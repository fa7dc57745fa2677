/* A consumer that waits for messages until it is told to stop: `queue_idle PATH`. */
#define _GNU_SOURCE
#include "queue.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct opened o = attach(argv[1]);
    printf("ready\n");
    fflush(stdout);
    for (;;) rwq_wait(o.q, RWQ_FOR_MESSAGE, 60000), check("receive", rwq_receive(o.q, RWQ_TAKE_ACK, 0) == -EAGAIN ? 0 : -EIO);
}
