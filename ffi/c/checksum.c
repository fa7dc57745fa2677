/*
 * CRC32C (Castagnoli, RFC 3720 appendix B.4): the processor's instruction where there is one, three streams at a time for long input, and
 * 256 bytes at a time by carry-less multiplication where the processor is wide enough.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

/*
 * Folding, as in Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ" (2009): 64 bytes are replaced by 64 others,
 * congruent to them, that stand a fixed distance further on; four such streams run side by side. What is left in the end is 64 bytes
 * whose checksum is that of everything before. The constants are x^(distance + 32) and x^(distance - 32) modulo the polynomial,
 * reflected, for distances in bits.
 */
#define WIDE_MIN 256u
#define WIDE_TARGET __attribute__((target("avx512f,vpclmulqdq,sse4.2")))
WIDE_TARGET static inline __m512i fold(__m512i from, __m512i by, __m512i onto) {
    __m512i low = _mm512_clmulepi64_epi128(from, by, 0x00), high = _mm512_clmulepi64_epi128(from, by, 0x11);
    return _mm512_ternarylogic_epi64(low, high, onto, 0x96); /* exclusive or of the three */
}
WIDE_TARGET static uint32_t crc_wide(uint32_t crc, const uint8_t *p, size_t n) {
    const __m512i by_2048 = _mm512_set4_epi64(0xb9e02b86, 0xdcb17aa4, 0xb9e02b86, 0xdcb17aa4), by_512 = _mm512_set4_epi64(0x9e4addf8, 0x740eef02, 0x9e4addf8, 0x740eef02);
    __m512i a = _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    __m512i b = _mm512_loadu_si512(p + 64), c = _mm512_loadu_si512(p + 128), d = _mm512_loadu_si512(p + 192);
    for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
        a = fold(a, by_2048, _mm512_loadu_si512(p)), b = fold(b, by_2048, _mm512_loadu_si512(p + 64));
        c = fold(c, by_2048, _mm512_loadu_si512(p + 128)), d = fold(d, by_2048, _mm512_loadu_si512(p + 192));
    }
    a = fold(fold(fold(a, by_512, b), by_512, c), by_512, d);
    for (; n >= 64; p += 64, n -= 64) a = fold(a, by_512, _mm512_loadu_si512(p));
    uint8_t left[64];
    _mm512_storeu_si512(left, a);
    return crc_instruction(crc_instruction(0, left, sizeof left), p, n);
}

static bool instruction_present, wide_present;
__attribute__((constructor)) static void look_for_instructions(void) {
    __builtin_cpu_init();
    instruction_present = __builtin_cpu_supports("sse4.2");
    wide_present = instruction_present && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
}
static inline uint32_t crc_raw(uint32_t crc, const void *p, size_t n) {
    if (n >= WIDE_MIN && wide_present) return crc_wide(crc, p, n);
    return __builtin_expect(instruction_present, 1) ? crc_instruction(crc, p, n) : crc_portable(crc, p, n);
}
#else
static inline uint32_t crc_raw(uint32_t crc, const void *p, size_t n) { return crc_portable(crc, p, n); }
#endif

uint32_t rw_crc32c(uint32_t crc, const void *data, size_t length) { return ~crc_raw(~crc, data, length); }

/* Over everything that must belong together: a body under another message's header is an error too. */
static uint32_t begin(uint64_t id, uint32_t body_len, uint32_t headers_len) { return ~(uint32_t)id ^ (uint32_t)(id >> 32) ^ body_len ^ headers_len << 20; }

uint32_t rw_message_crc(uint64_t id, const uint8_t *body, uint32_t body_len, const uint8_t *headers, uint32_t headers_len) {
    uint32_t crc = crc_raw(begin(id, body_len, headers_len), body, body_len);
    if (headers_len) crc = crc_raw(crc, headers, headers_len);
    return ~crc;
}

/* A second pass over a long body would fetch it from memory again; a block of this size is still in the second-level cache. */
#define COPY_BLOCK 65536u

uint32_t rw_message_copy(uint64_t id, uint8_t *into, const uint8_t *body, uint32_t body_len, uint8_t *headers_into, const uint8_t *headers, uint32_t headers_len) {
    uint32_t crc = begin(id, body_len, headers_len);
    for (uint32_t at = 0, n; at < body_len; at += n) {
        n = body_len - at < COPY_BLOCK ? body_len - at : COPY_BLOCK;
        memcpy(into + at, body + at, n);
        crc = crc_raw(crc, into + at, n);
    }
    if (headers_len) {
        memcpy(headers_into, headers, headers_len);
        crc = crc_raw(crc, headers_into, headers_len);
    }
    return ~crc;
}
