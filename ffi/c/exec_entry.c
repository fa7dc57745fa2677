/*
 * The library is also a program: the kernel may execute the file itself, as the smallest possible launcher of a
 * worker's handler. It asks to be killed when the worker dies, makes sure that this has not happened already, and
 * becomes the handler:
 *
 *     libringwire-shm.so PARENT-PID PATH ARGV0 [ARG…]
 *
 * Bun.spawn cannot set PR_SET_PDEATHSIG, and a wrapper such as setpriv costs a dynamic link per message. Started this
 * way there is no dynamic linker: the kernel maps the file and jumps to the entry named at link time by
 * -Wl,-e,rwq_exec_entry. Hence the rules here: no relocation, no libc, no writable data, everything static.
 * Exit status when the handler cannot be started: 127 not found, 126 not runnable; 137 when the parent is gone.
 */
#include <asm/unistd.h>

enum { SIGNAL_KILL = 9, SET_PDEATHSIG = 1, ERROR_NOENT = 2 };

#if defined(__x86_64__)
static inline long system_call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
__asm__(".text\n.globl rwq_exec_entry\n.hidden rwq_exec_entry\n.type rwq_exec_entry, @function\n"
        "rwq_exec_entry: xorl %ebp, %ebp\n movq %rsp, %rdi\n andq $-16, %rsp\n call rwq_exec_start\n hlt\n");
#elif defined(__aarch64__)
static inline long system_call(long number, long a, long b, long c) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
__asm__(".text\n.globl rwq_exec_entry\n.hidden rwq_exec_entry\n.type rwq_exec_entry, %function\n"
        "rwq_exec_entry: mov x29, xzr\n mov x30, xzr\n mov x0, sp\n bl rwq_exec_start\n brk #1\n");
#else
#error "exec_entry.c knows x86_64 and aarch64"
#endif

/* `stack` is what the kernel leaves: argc, argv…, NULL, envp…, NULL. */
__attribute__((used, noreturn, visibility("hidden"), optimize("no-stack-protector")))
void rwq_exec_start(long *stack) {
    long argc = stack[0];
    char **argv = (char **)(stack + 1);
    char **envp = argv + argc + 1;
    long status = 126;
    if (argc >= 4) {
        long parent = 0;
        for (const char *digit = argv[1]; *digit >= '0' && *digit <= '9'; digit++) parent = parent * 10 + (*digit - '0');
        system_call(__NR_prctl, SET_PDEATHSIG, SIGNAL_KILL, 0);
        /* The parent may have died before the line above: then nobody would ever kill us. */
        if (system_call(__NR_getppid, 0, 0, 0) != parent) {
            status = 128 + SIGNAL_KILL;
        } else {
            status = system_call(__NR_execve, (long)argv[2], (long)(argv + 3), (long)envp) == -ERROR_NOENT ? 127 : 126;
        }
    }
    for (;;) system_call(__NR_exit_group, status, 0, 0);
}
