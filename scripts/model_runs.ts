/**
 * What the models of ffi/c/model are checked with: the configurations, in all of
 * which everything must hold, and the deliberate mistakes, each of which must be found.
 */
import { type ModelRun, start } from "./model_run.ts";
import { modelSlices } from "./model_slices.ts";

/** A mistake, which an `#ifdef` of the model makes, and the configuration that it is looked for in. */
export interface ModelMutation {
  readonly mutation: string;
  readonly run: string;
}

/** In each of them everything must hold. */
export const modelRuns: readonly ModelRun[] = [
  {
    name: "send-take-recover",
    model: "core",
    define: {
      S: 2,
      N: 4,
      M: 2,
      P: 3,
      START: start("producer(1, 1, 1)", "consumer(1, 2)", "sweeper(1)"),
    },
    quick: "states and ends",
    ends: true,
  },
  {
    name: "two-producers-one-consumer-one-sweeper",
    model: "core",
    define: {
      S: 2,
      N: 4,
      M: 2,
      P: 4,
      START: start(
        "producer(1, 1, 1)",
        "producer(2, 2, 2)",
        "consumer(1, 3)",
        "sweeper(1)",
      ),
    },
  },
  {
    name: "two-consumers-with-expiry",
    model: "core",
    define: {
      EXPIRY: 1,
      S: 1,
      N: 2,
      M: 1,
      P: 4,
      START: start(
        "producer(1, 1, 1)",
        "consumer(1, 2)",
        "consumer(1, 3)",
        "sweeper(2)",
      ),
    },
  },
  {
    name: "two-owners-one-after-the-other",
    model: "core",
    define: {
      SETTLING_WAYS: 1,
      FEW_WAYS: 1,
      EXPIRY: 1,
      CRASHES: 1,
      S: 1,
      N: 4,
      M: 1,
      P: 4,
      START: start(
        "producer(1, 1, 1)",
        "settler(1, 2)",
        "settler(1, 3)",
        "sweeper(3)",
      ),
    },
  },
  {
    name: "expiry",
    ends: true,
    model: "core",
    define: {
      EXPIRY: 1,
      S: 2,
      N: 4,
      M: 2,
      P: 3,
      START: start("producer(1, 1, 1)", "consumer(1, 2)", "sweeper(2)"),
    },
    quick: "states",
  },
  {
    name: "wrap-around",
    ends: true,
    model: "core",
    define: {
      S: 1,
      N: 2,
      M: 5,
      P: 3,
      START: start("producer(1, 5, 1)", "consumer(5, 2)", "sweeper(1)"),
    },
  },
  {
    name: "two-producers-two-sweepers",
    model: "core",
    define: {
      NO_DEATHS: 1,
      S: 1,
      N: 2,
      M: 2,
      P: 4,
      START: start(
        "producer(1, 1, 1)",
        "producer(2, 2, 2)",
        "sweeper(1)",
        "sweeper(1)",
      ),
    },
    ends: true,
  },
  {
    name: "full-ring",
    ends: true,
    model: "core",
    define: {
      NO_DEATHS: 1,
      S: 2,
      N: 2,
      M: 2,
      P: 3,
      START: start("producer(1, 1, 1)", "producer(2, 2, 2)", "sweeper(2)"),
    },
  },
  {
    name: "newcomer-in-a-dead-ones-place",
    model: "core",
    define: {
      S: 2,
      N: 4,
      M: 2,
      P: 3,
      Q: 4,
      VICTIMS: 1,
      START: start(
        "producer(1, 1, 1)",
        "sweeper(1)",
        "sweeper(1)",
        "newcomer(2)",
      ),
    },
    quick: "states and ends",
    ends: true,
  },
  {
    name: "used-bits",
    ends: true,
    model: "core",
    define: {
      USED_BITS: 1,
      NO_DEATHS: 1,
      S: 2,
      N: 4,
      M: 3,
      P: 3,
      START: start("producer(1, 2, 1)", "producer(3, 3, 2)", "consumer(2, 3)"),
    },
  },
  {
    name: "nack-and-bury",
    ends: true,
    model: "core",
    define: {
      SETTLING_WAYS: 1,
      EXPIRY: 1,
      S: 1,
      N: 2,
      M: 1,
      P: 3,
      START: start("producer(1, 1, 1)", "settler(2, 2)", "sweeper(2)"),
    },
  },
  {
    name: "touch",
    model: "core",
    define: {
      SETTLING_WAYS: 1,
      TOUCHES: 1,
      FEW_WAYS: 1,
      EXPIRY: 1,
      S: 1,
      N: 2,
      M: 1,
      P: 3,
      START: start("producer(1, 1, 1)", "settler(2, 2)", "sweeper(3)"),
    },
  },
  {
    name: "delivered-too-often",
    ends: true,
    model: "core",
    define: {
      MAX_DELIVER: 1,
      EXPIRY: 1,
      S: 1,
      N: 2,
      M: 1,
      P: 3,
      START: start("producer(1, 1, 1)", "consumer(2, 2)", "sweeper(3)"),
    },
  },
  {
    name: "drop-oldest",
    model: "core",
    define: {
      DROP_OLDEST: 1,
      S: 1,
      N: 4,
      M: 2,
      P: 3,
      START: start("producer(1, 1, 1)", "producer(2, 2, 2)", "sweeper(1)"),
    },
    quick: "states and ends",
    ends: true,
  },
  {
    name: "end-of-stream",
    ends: true,
    model: "core",
    define: {
      ENDING: 1,
      NO_DEATHS: 1,
      VICTIMS: 3,
      S: 2,
      N: 4,
      M: 3,
      P: 4,
      START: start(
        "producer(1, 2, 1)",
        "producer(3, 3, 2)",
        "reader(3)",
        "ender()",
      ),
    },
  },
  ...modelSlices,
];

/** Each of them must be found. */
export const modelMutations: readonly ModelMutation[] = [
  { mutation: "M_HEAD_BEFORE_LEASE", run: "send-take-recover" },
  { mutation: "M_RECLAIM_BY_TIMEOUT", run: "send-take-recover" },
  { mutation: "M_REQUEUE_SAME_GEN", run: "expiry" },
  { mutation: "M_UNBOUNDED_INSERT", run: "two-producers-two-sweepers" },
  { mutation: "M_ORPHANS_CLEARED_FIRST", run: "full-ring" },
  { mutation: "M_SHARED_DESCRIPTION", run: "newcomer-in-a-dead-ones-place" },
  { mutation: "M_BIT_BEFORE_STATE", run: "used-bits" },
  { mutation: "M_NACK_DUE_FIRST", run: "two-owners-one-after-the-other" },
  { mutation: "M_TOUCH_AFTER_EXPIRY", run: "touch" },
  { mutation: "M_NO_EXPIRED_MARK", run: "touch" },
  { mutation: "M_END_BEFORE_CLAIM", run: "end-of-stream" },
  { mutation: "M_FIRST_FOR_OLDEST", run: "given-back-by-age" },
  { mutation: "M_FLAG_WHEN_EMPTY", run: "given-back-by-age" },
  { mutation: "M_LOWEST_NEVER_FIRST", run: "lowest-first" },
  { mutation: "M_ALONE_BEFORE_PUT_BACK", run: "alone-after-a-death" },
  { mutation: "M_EXCLUSION_BY_WORD", run: "alone-after-a-death" },
  { mutation: "M_COUNT_BY_STORE", run: "attempts-in-place" },
  { mutation: "M_DROP_WITHOUT_NOTE", run: "drop-oldest" },
  { mutation: "M_NOTED_BEFORE_STATE", run: "delay" },
  { mutation: "M_BOUND_DOWN_AFTERWARDS", run: "delay" },
  { mutation: "M_WAITER_COUNT", run: "dead-waiter" },
  { mutation: "M_EVENT_BEFORE_BIT", run: "wake-ups" },
  { mutation: "M_NO_LOOK_AFTER_ARMING", run: "pass-on" },
  { mutation: "M_NO_PASS_ON", run: "pass-on" },
];
