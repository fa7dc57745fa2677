/** A level-triggered descriptor of one's own, like that of a UCX worker: an epoll set with an eventfd in it. */
import { readdirSync } from "node:fs";
import {
  closeDescriptor,
  createEventfd,
  drainEventfd,
  signalEventfd,
} from "../../ffi/eventfd.ts";
import { openLibrary } from "../../ffi/host.ts";

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;

/** Readable from `raise` until `lower`, however often it is looked at. */
export interface LevelDescriptor {
  readonly descriptor: number;
  raise(): void;
  lower(): void;
  close(): void;
}

/** The caller closes it. */
export function createLevelDescriptor(): LevelDescriptor {
  const libc = openLibrary("libc.so.6", {
    // int epoll_create1(int flags);
    epoll_create1: { parameters: ["i32"], result: "i32" },
    // int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
    epoll_ctl: { parameters: ["i32", "i32", "i32", "bytes"], result: "i32" },
  });
  const inner = createEventfd();
  const descriptor = libc.epoll_create1(EPOLL_CLOEXEC);
  // struct epoll_event { uint32_t events; epoll_data_t data; }, packed on x86-64 only
  const event = new Uint32Array([EPOLLIN, 0, 0, 0]);
  if (libc.epoll_ctl(descriptor, EPOLL_CTL_ADD, inner, event) !== 0)
    throw new Error("epoll_ctl failed");
  return {
    descriptor,
    raise: () => signalEventfd(inner),
    lower: () => drainEventfd(inner),
    close() {
      closeDescriptor(descriptor);
      closeDescriptor(inner);
    },
  };
}

/** How many descriptors this process has open. */
export function countDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
