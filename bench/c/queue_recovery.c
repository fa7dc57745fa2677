/* From the SIGKILL of a consumer that holds leases to the moment when a waiting consumer has them all. */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "queue.h"

enum { LEASES = 100 };
struct scene {
    double killed_ns;
};

static void hold_leases(const char *path, int ready) {
    struct opened o = attach(path);
    for (int i = 0; i < LEASES; i++) check("receive", rwq_receive(o.q, RWQ_TAKE_LEASE, 0));
    if (write(ready, "r", 1) != 1) _exit(1);
    for (;;) pause();
}

/* Kills at any moment of the survivors' second, so that the wait for the next look is not always the same. */
static void kill_later(pid_t victim, struct scene *scene, uint32_t wait_us) {
    usleep(wait_us);
    scene->killed_ns = now_ns();
    kill(victim, SIGKILL);
    _exit(0);
}

static double once(bool watch, uint32_t wait_us) {
    const char *path = make_queue(1024, 256);
    struct scene *scene = shared(4096);
    int ready[2];
    if (pipe(ready)) fail("pipe");
    struct opened o = attach(path);
    uint8_t body[64] = {1};
    for (int i = 0; i < LEASES; i++) check("send", rwq_send(o.q, body, sizeof body, 0));
    pid_t victim = start(1);
    if (victim == 0) hold_leases(path, ready[1]);
    char byte;
    if (read(ready[0], &byte, 1) != 1) fail("the victim");
    if (watch) check("watch", rwq_watch(o.q));
    pid_t killer = start(1);
    if (killer == 0) kill_later(victim, scene, wait_us);
    for (int got = 0; got < LEASES;) {
        int status = rwq_receive(o.q, RWQ_TAKE_LEASE, 0);
        if (status == -EAGAIN) {
            rwq_wait(o.q, RWQ_FOR_MESSAGE, 1000);
            continue;
        }
        check("receive", status);
        acknowledge(&o);
        got++;
    }
    double took = (now_ns() - scene->killed_ns) / 1e6;
    waitpid(victim, NULL, 0);
    finish(killer);
    rwq_close(o.q);
    unlink(path);
    munmap(scene, 4096);
    close(ready[0]), close(ready[1]);
    return took;
}

int main(void) {
    pin(0);
    for (uint32_t i = 0; i < 9; i++) emit("c.recovery.sweep", once(false, 50000 + i * 123457 % 1000000), "ms");
    for (uint32_t i = 0; i < 9; i++) emit("c.recovery.watch", once(true, 50000 + i * 23457), "ms");
    return 0;
}
