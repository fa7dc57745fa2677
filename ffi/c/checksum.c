/* CRC32C (Castagnoli, RFC 3720 appendix B.4): the processor's instruction where there is one, three streams at a time for long input. */
#include "queue.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t table[8][256];

__attribute__((constructor)) static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
        table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++) table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
}

static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t n) {
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        v ^= crc;
        crc = table[7][v & 255] ^ table[6][v >> 8 & 255] ^ table[5][v >> 16 & 255] ^ table[4][v >> 24 & 255] ^ table[3][v >> 32 & 255] ^
              table[2][v >> 40 & 255] ^ table[1][v >> 48 & 255] ^ table[0][v >> 56];
    }
    for (; n; n--, p++) crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
    return crc;
}

#if defined(__x86_64__)
/*
 * The instruction has a latency of three cycles and a throughput of one: three independent streams over neighbouring blocks keep it
 * busy. The streams are joined by "advance over BLOCK zero bytes", a linear map over GF(2), tabulated once.
 */
#define BLOCK 2048u
static uint32_t advance_table[4][256];

static uint32_t advance_slow(uint32_t crc, size_t zeros) {
    static const uint8_t zero[64];
    for (; zeros; zeros -= 64) crc = crc_portable(crc, zero, 64);
    return crc;
}
__attribute__((constructor)) static void make_advance(void) {
    make_table(); /* constructors of one file run in an order that is not promised */
    uint32_t basis[32];
    for (int bit = 0; bit < 32; bit++) basis[bit] = advance_slow(1u << bit, BLOCK);
    for (int byte = 0; byte < 4; byte++)
        for (uint32_t v = 0; v < 256; v++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++)
                if (v >> bit & 1) sum ^= basis[byte * 8 + bit];
            advance_table[byte][v] = sum;
        }
}
static uint32_t advance(uint32_t crc) { return advance_table[0][crc & 255] ^ advance_table[1][crc >> 8 & 255] ^ advance_table[2][crc >> 16 & 255] ^ advance_table[3][crc >> 24]; }

__attribute__((target("sse4.2"))) static uint32_t crc_instruction(uint32_t crc, const uint8_t *p, size_t n) {
    uint64_t c = crc;
    while (n >= 3 * BLOCK) {
        uint64_t a = c, b = 0, d = 0;
        for (size_t i = 0; i < BLOCK; i += 8) {
            uint64_t x, y, z;
            memcpy(&x, p + i, 8), memcpy(&y, p + BLOCK + i, 8), memcpy(&z, p + 2 * BLOCK + i, 8);
            a = __builtin_ia32_crc32di(a, x), b = __builtin_ia32_crc32di(b, y), d = __builtin_ia32_crc32di(d, z);
        }
        c = advance(advance((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)d;
        p += 3 * BLOCK, n -= 3 * BLOCK;
    }
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = __builtin_ia32_crc32di(c, v);
    }
    uint32_t r = (uint32_t)c;
    for (; n; n--, p++) r = __builtin_ia32_crc32qi(r, *p);
    return r;
}
static bool instruction_present;
__attribute__((constructor)) static void look_for_instruction(void) {
    __builtin_cpu_init();
    instruction_present = __builtin_cpu_supports("sse4.2");
}
static inline uint32_t crc_raw(uint32_t crc, const void *p, size_t n) { return __builtin_expect(instruction_present, 1) ? crc_instruction(crc, p, n) : crc_portable(crc, p, n); }
#else
static inline uint32_t crc_raw(uint32_t crc, const void *p, size_t n) { return crc_portable(crc, p, n); }
#endif

uint32_t rw_crc32c(uint32_t crc, const void *data, size_t length) { return ~crc_raw(~crc, data, length); }

/* Over everything that must belong together: a body under another message's header is an error too. */
uint32_t rw_message_crc(uint64_t id, const uint8_t *body, uint32_t body_len, const uint8_t *headers, uint32_t headers_len) {
    uint32_t crc = ~(uint32_t)id ^ (uint32_t)(id >> 32) ^ body_len ^ headers_len << 20;
    crc = crc_raw(crc, body, body_len);
    if (headers_len) crc = crc_raw(crc, headers, headers_len);
    return ~crc;
}
