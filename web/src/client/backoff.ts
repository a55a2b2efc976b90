/** How long to wait before trying again: full jitter, so that a thousand clients do not come back at once. */
export class Backoff {
  private attempts = 0;

  /**
   * @param base milliseconds; the first wait is at most this
   * @param most milliseconds; no wait is longer
   */
  constructor(
    private readonly base = 500,
    private readonly most = 15_000,
    private readonly random: () => number = Math.random,
  ) {}

  /** The next wait in milliseconds, at least `least`. */
  next(least = 0): number {
    const ceiling = Math.min(this.most, this.base * 2 ** Math.min(this.attempts++, 20));
    return least + this.random() * ceiling;
  }

  /** It worked: begin anew. */
  reset(): void {
    this.attempts = 0;
  }
}
