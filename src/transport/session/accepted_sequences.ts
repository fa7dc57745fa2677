/** Which messages of the peer were handed over. Urgent ones overtake others, so there are gaps. */

/** Sequences as ranges: there are never more of them than messages of which fragments are missing, plus one. */
export class AcceptedSequences {
  /** The highest one below which there is no gap. */
  contiguous = 0;
  /** Ranges above the first gap, ascending: first, last, first, last, … */
  #above: number[] = [];

  /** Counts a message as accepted. */
  accept(sequence: number): void {
    if (sequence === this.contiguous + 1) {
      this.contiguous = sequence;
      this.#join();
    } else if (sequence > this.contiguous) this.#insert(sequence);
  }

  /** Whether it was accepted before. */
  has(sequence: number): boolean {
    if (sequence <= this.contiguous) return true;
    const above = this.#above;
    for (let at = 0; at < above.length; at += 2)
      if (sequence >= (above[at] ?? 0) && sequence <= (above[at + 1] ?? 0))
        return true;
    return false;
  }

  /** Nothing below this one will come any more. */
  skipTo(first: number): void {
    if (first - 1 <= this.contiguous) return;
    this.contiguous = first - 1;
    while (this.#above.length > 0 && (this.#above[1] ?? 0) <= this.contiguous)
      this.#above.splice(0, 2);
    this.#join();
  }

  /** Begins anew. */
  reset(): void {
    this.contiguous = 0;
    this.#above = [];
  }

  /** Takes in the first range when nothing is missing below it. */
  #join(): void {
    const first = this.#above[0];
    if (first === undefined || first > this.contiguous + 1) return;
    this.contiguous = Math.max(this.contiguous, this.#above[1] ?? 0);
    this.#above.splice(0, 2);
  }

  #insert(sequence: number): void {
    const above = this.#above;
    let at = above.length;
    while (at > 0 && (above[at - 2] ?? 0) > sequence) at -= 2;
    // The range before it ends at `at - 1`, the one after it begins at `at`.
    if (at > 0 && sequence <= (above[at - 1] ?? 0)) return;
    const extendsBefore = at > 0 && above[at - 1] === sequence - 1;
    const extendsAfter = at < above.length && above[at] === sequence + 1;
    if (extendsBefore && extendsAfter) above.splice(at - 1, 2);
    else if (extendsBefore) above[at - 1] = sequence;
    else if (extendsAfter) above[at] = sequence;
    else above.splice(at, 0, sequence, sequence);
  }
}
