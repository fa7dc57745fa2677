/** The rate over time in one line of characters, for the status line of a terminal. */

const bars = "▁▂▃▄▅▆▇█";
/** As many as fit beside the other fields. */
const pointsMax = 30;

/** Gathers a rate several times a second. */
export class RatePlot {
  readonly #count: () => number;
  #points: number[] = [];
  #lastCount = 0;
  #lastMs = performance.now();

  /** @param count how many there were so far */
  constructor(count: () => number) {
    this.#count = count;
  }

  /** Takes one point more, and draws: the highest bar is the best rate that is shown. */
  draw(): string {
    const nowMs = performance.now();
    const count = this.#count();
    const perSecond =
      ((count - this.#lastCount) / Math.max(1, nowMs - this.#lastMs)) * 1000;
    this.#lastCount = count;
    this.#lastMs = nowMs;
    this.#points = [...this.#points, perSecond].slice(-pointsMax);
    return drawBars(this.#points);
  }
}

/** One character for each value, the largest of them the highest. */
export function drawBars(values: readonly number[]): string {
  const largest = Math.max(...values, 0);
  if (largest === 0) return bars.charAt(0).repeat(values.length);
  return values
    .map((value) =>
      bars.charAt(
        Math.min(
          bars.length - 1,
          Math.max(0, Math.round((value / largest) * (bars.length - 1))),
        ),
      ),
    )
    .join("");
}
