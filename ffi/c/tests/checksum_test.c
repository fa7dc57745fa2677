/* CRC32C against known vectors and against the definition: the wide path, the instruction's and the portable one. */
#define _GNU_SOURCE
#define rw_crc32c crc32c_under_test
#define rw_message_crc message_crc_under_test
#define rw_message_copy message_copy_under_test
#include "checksum.c"
#undef rw_crc32c
#undef rw_message_crc
#undef rw_message_copy
#include "check.h"

static uint32_t by_definition(const uint8_t *p, size_t n) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static void all_paths(void (*check)(void)) {
#if defined(__x86_64__)
    bool wide = wide_present, present = instruction_present;
    if (wide) check();
    wide_present = false;
    if (present) check();
    instruction_present = false;
    check();
    wide_present = wide, instruction_present = present;
#else
    check();
#endif
}

static void check_vectors(void) { /* RFC 3720, appendix B.4 */
    uint8_t data[32];
    memset(data, 0, 32);
    CHECK_EQUAL(crc32c_under_test(0, data, 32), 0x8a9136aau);
    memset(data, 0xff, 32);
    CHECK_EQUAL(crc32c_under_test(0, data, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) data[i] = (uint8_t)i;
    CHECK_EQUAL(crc32c_under_test(0, data, 32), 0x46dd794eu);
    for (int i = 0; i < 32; i++) data[i] = (uint8_t)(31 - i);
    CHECK_EQUAL(crc32c_under_test(0, data, 32), 0x113fdb5cu);
    const uint8_t read_command[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 2};
    CHECK_EQUAL(crc32c_under_test(0, read_command, 48), 0xd9963a56u);
    CHECK_EQUAL(crc32c_under_test(0, "123456789", 9), 0xe3069283u);
    CHECK_EQUAL(crc32c_under_test(0, "", 0), 0);
}

static uint8_t bytes[40000];
static void fill(void) {
    uint32_t x = 12345;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
}

static void check_lengths(void) {
    static uint32_t expected[10001]; /* of the first n bytes */
    uint32_t crc = ~0u;
    for (size_t n = 0; n <= 10000; n++) {
        expected[n] = ~crc;
        crc ^= bytes[n];
        for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    CHECK_EQUAL(expected[9999], by_definition(bytes, 9999));
    for (size_t n = 0; n <= 10000; n++) {
        CHECK_NOTE(crc32c_under_test(0, bytes, n) == expected[n], "length %zu", n);
        size_t split = n * 7919 % (n + 1);
        CHECK_NOTE(crc32c_under_test(crc32c_under_test(0, bytes, split), bytes + split, n - split) == expected[n], "length %zu split at %zu", n, split);
    }
}

static void check_alignments(void) {
    const size_t lengths[] = {0, 1, 7, 8, 9, 63, 2047, 2048, 2049, 6143, 6144, 6145, 6151, 12287, 12288, 12289, 18432, 30001};
    for (size_t offset = 0; offset < 16; offset++)
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            uint32_t expected = by_definition(bytes + offset, lengths[i]);
            CHECK_NOTE(crc32c_under_test(0, bytes + offset, lengths[i]) == expected, "%zu bytes at offset %zu", lengths[i], offset);
        }
}

static void known_vectors_hold(void) { all_paths(check_vectors); }
static void every_length_and_split_holds(void) { fill(), all_paths(check_lengths); }
static void every_alignment_holds(void) { fill(), all_paths(check_alignments); }

static void a_message_under_another_header_does_not_pass(void) {
    fill();
    uint32_t crc = message_crc_under_test(7, bytes, 1000, bytes + 2000, 16);
    CHECK(crc == message_crc_under_test(7, bytes, 1000, bytes + 2000, 16));
    CHECK(crc != message_crc_under_test(8, bytes, 1000, bytes + 2000, 16));
    CHECK(crc != message_crc_under_test(1ull << 32 | 7, bytes, 1000, bytes + 2000, 16));
    CHECK(crc != message_crc_under_test(7, bytes, 999, bytes + 2000, 16));
    CHECK(crc != message_crc_under_test(7, bytes, 1000, bytes + 2000, 15));
    CHECK(crc != message_crc_under_test(7, bytes, 1000, bytes + 2000, 0));
    bytes[500] ^= 1;
    CHECK(crc != message_crc_under_test(7, bytes, 1000, bytes + 2000, 16));
}

static void check_copies(void) {
    static uint8_t from[300000], into[300100];
    for (size_t i = 0; i < sizeof from; i++) from[i] = bytes[i % sizeof bytes];
    const uint32_t lengths[] = {0, 1, 9, 255, 256, 65535, 65536, 65537, 131072, 299999};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (uint32_t headers = 0; headers <= 17; headers += 17) {
            uint32_t length = lengths[i], end = (length + 7) & ~7u;
            memset(into, 0xa5, sizeof into);
            CHECK_EQUAL(message_copy_under_test(3, into, from, length, into + rw_pad8(length), bytes, headers), message_crc_under_test(3, from, length, bytes, headers));
            CHECK(memcmp(into, from, length) == 0 && memcmp(into + end, bytes, headers) == 0);
            CHECK_EQUAL(into[headers ? end + headers : length], 0xa5);
        }
}
static void a_copy_is_whole_and_summed(void) { fill(), all_paths(check_copies); }

static const struct test tests[] = {TEST(a_copy_is_whole_and_summed), TEST(known_vectors_hold), TEST(every_length_and_split_holds), TEST(every_alignment_holds), TEST(a_message_under_another_header_does_not_pass)};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
