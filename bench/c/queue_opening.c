/* What a queue costs apart from its messages: making, opening, and the memory it holds. */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "queue.h"

static void create_and_destroy(void) {
    enum { ROUNDS = 200 };
    for (int run = -1; run < RUNS; run++) {
        double took = 0;
        for (int i = 0; i < ROUNDS; i++) {
            double t = now_ns();
            const char *path = make_queue(0, 0);
            struct opened o = attach(path);
            check("destroy", rwq_destroy(o.q));
            rwq_close(o.q);
            took += now_ns() - t;
        }
        if (run >= 0) emit("c.create+open+destroy", took / ROUNDS / 1e3, "us");
    }
}

static void open_and_close(int others) {
    enum { ROUNDS = 200 };
    const char *path = make_queue(0, 0);
    struct opened held[128];
    for (int i = 0; i < others; i++) held[i] = attach(path);
    char name[64];
    snprintf(name, sizeof name, "c.open+close.participants-%d", others);
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        for (int i = 0; i < ROUNDS; i++) rwq_close(attach(path).q);
        if (run >= 0) emit(name, (now_ns() - t) / ROUNDS / 1e3, "us");
    }
    for (int i = 0; i < others; i++) rwq_close(held[i].q);
    unlink(path);
}

static double kib_held(const char *path) {
    struct stat st;
    if (stat(path, &st)) fail(path);
    return (double)st.st_blocks / 2;
}

static void memory(uint32_t slots, const char *name, uint32_t messages) {
    const char *path = make_queue(slots, 0);
    struct opened o = attach(path);
    char text[64];
    snprintf(text, sizeof text, "memory.empty.%s", name);
    emit(text, kib_held(path), "KiB");
    uint8_t body[64] = {1};
    for (uint32_t i = 0; i < messages; i++) check("send", rwq_send(o.q, body, sizeof body, 0));
    if (messages) {
        snprintf(text, sizeof text, "memory.full-of-64-byte-messages.%s", name);
        emit(text, kib_held(path), "KiB");
        emit("memory.bytes-per-64-byte-message", kib_held(path) * 1024 / messages, "bytes");
    }
    rwq_close(o.q);
    unlink(path);
}

int main(void) {
    pin(0);
    create_and_destroy();
    open_and_close(1);
    open_and_close(100);
    memory(16384, "16k", 0);
    memory(RWQ_MAX_SLOTS, "1M", RWQ_MAX_SLOTS);
    return 0;
}
