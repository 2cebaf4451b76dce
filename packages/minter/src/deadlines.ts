interface Underway {
  readonly endMs: number;
  readonly giveUp: () => void;
}

/**
 * Limits how long each of many things may take, in milliseconds. They are given up in the order in which they began, so
 * that one timer does for all: one each would be dear, for most are over long before. It keeps no process alive.
 */
export class Deadlines {
  readonly #ms: number;
  readonly #clock: () => number;
  readonly #underway = new Set<Underway>();
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, clock: () => number = performance.now.bind(performance)) {
    this.#ms = ms;
    this.#clock = clock;
  }

  /** What comes of the work, or the error once its time is up. */
  limit<T>(work: Promise<T>, timeUp: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const begun = { endMs: this.#clock() + this.#ms, giveUp: () => reject(timeUp()) };
      this.#underway.add(begun);
      if (!this.#timer) this.#wait(this.#ms);
      work.then(
        (result) => {
          this.#underway.delete(begun);
          resolve(result);
        },
        (error: Error) => {
          this.#underway.delete(begun);
          reject(error);
        },
      );
    });
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#endLate(), ms).unref();
  }

  #endLate(): void {
    this.#timer = undefined;
    const nowMs = this.#clock();
    for (const each of this.#underway) {
      if (each.endMs > nowMs) return this.#wait(each.endMs - nowMs);
      this.#underway.delete(each);
      each.giveUp();
    }
  }
}
