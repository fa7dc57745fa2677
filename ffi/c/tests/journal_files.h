/* Journals on a disk, and what a reboot looks like to them. */
#ifndef RW_JOURNAL_FILES_H
#define RW_JOURNAL_FILES_H
#include "use_queue.h"

#include <linux/magic.h>
#include <sys/vfs.h>

static inline bool is_disk(const char *directory) {
    struct statfs fs;
    return statfs(directory, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC && access(directory, W_OK) == 0;
}

/* Where journals go: a real file system if there is one, next to this program or where temporary files are. */
static inline void use_a_disk(void) {
    static char beside[4096];
    ssize_t n = readlink("/proc/self/exe", beside, sizeof beside - 1);
    beside[n > 0 ? n : 0] = 0;
    if (strrchr(beside, '/')) *strrchr(beside, '/') = 0;
    const char *temporary = getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp";
    if (is_disk(beside)) segment_directory = beside;
    else if (is_disk(temporary)) segment_directory = temporary;
    else printf("  left out: a real file system was not found; the journals of these tests are in memory\n");
}

/* As if another boot had written last. */
static inline void reboot(const char *path) {
    struct rw_layout l;
    struct rw_super s;
    const uint8_t other_boot[16] = "another boot...";
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0 && pread(fd, &s, sizeof s, 0) == sizeof s && rw_layout_compute(&l, s.slots, s.participants, s.max_body, s.max_headers));
    CHECK(pwrite(fd, other_boot, 16, (off_t)(l.control + offsetof(struct rw_control, boot_id))) == 16);
    close(fd);
}
#endif
