import { Unavailable } from "../errors.js";

/** How many calls may be here at a time. */
export interface CallLimits {
  /** Calls that are being answered. */
  readonly maxRunning: number;
  /** Complete calls that wait for their turn. */
  readonly maxWaiting: number;
  /** How long one may wait, in milliseconds: who waited for longer has given up, or should try another server. */
  readonly maxWaitMs: number;
}

/** Many more than signing and committing need to be busy all the time, and far fewer than fill the memory. */
export const DEFAULT_CALL_LIMITS: CallLimits = { maxRunning: 256, maxWaiting: 1024, maxWaitMs: 2_000 };

/** Why a call was turned away. */
export type ShedReason = "queue_full" | "waited_too_long";

interface Waiting {
  readonly begin: () => void;
  readonly turnAway: (reason: ShedReason) => void;
}

const WORDS: Record<ShedReason, string> = {
  queue_full: "too many calls are waiting",
  waited_too_long: "the call waited too long for its turn",
};

/**
 * Lets so many calls run at a time; others wait, in one line for each sender, and the lines take turns: whoever sends many
 * delays himself. When all lines together are full, the longest loses its last. Who is turned away learns it early, and
 * not at the end of a growing delay.
 */
export class CallQueue {
  readonly #limits: CallLimits;
  readonly #onShed: (reason: ShedReason) => void;
  /** By sender, in the order of their turns. None is empty. */
  readonly #lines = new Map<string, Set<Waiting>>();
  #waiting = 0;
  #running = 0;

  constructor(limits: CallLimits, onShed: (reason: ShedReason) => void) {
    this.#limits = limits;
    this.#onShed = onShed;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Begins a call of a sender, at once (undefined) or when it is its turn. Rejects with Unavailable. */
  enter(sender: string): Promise<void> | undefined {
    if (this.#running < this.#limits.maxRunning) {
      this.#running++;
      return undefined;
    }
    if (this.#waiting >= this.#limits.maxWaiting && !this.#makeRoom(sender)) {
      this.#onShed("queue_full");
      return Promise.reject(new Unavailable("the server is busy", WORDS.queue_full));
    }
    return this.#wait(sender);
  }

  /** Ends a call that had begun. */
  leave(): void {
    const [first] = this.#lines;
    if (!first) {
      this.#running--;
      return;
    }
    const [sender, line] = first;
    const [next] = line;
    if (next) this.#remove(sender, next);
    // Its next one waits until all other senders had their turn.
    if (this.#lines.delete(sender) && line.size > 0) this.#lines.set(sender, line);
    next?.begin();
  }

  #wait(sender: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const turnAway = (reason: ShedReason) => {
        this.#remove(sender, waiting);
        clearTimeout(timer);
        this.#onShed(reason);
        reject(new Unavailable("the server is busy", WORDS[reason]));
      };
      const timer = setTimeout(() => turnAway("waited_too_long"), this.#limits.maxWaitMs);
      const begin = () => {
        clearTimeout(timer);
        resolve();
      };
      const waiting: Waiting = { begin, turnAway };
      const line = this.#lines.get(sender) ?? new Set();
      this.#lines.set(sender, line.add(waiting));
      this.#waiting++;
    });
  }

  #remove(sender: string, waiting: Waiting): void {
    const line = this.#lines.get(sender);
    if (!line?.delete(waiting)) return;
    this.#waiting--;
    if (line.size === 0) this.#lines.delete(sender);
  }

  /** Whether the last of a line that is longer than the sender's gave way. */
  #makeRoom(sender: string): boolean {
    let longest: ReadonlySet<Waiting> = new Set();
    for (const line of this.#lines.values()) if (line.size > longest.size) longest = line;
    if (longest.size <= (this.#lines.get(sender)?.size ?? 0) + 1) return false;
    [...longest].at(-1)?.turnAway("queue_full");
    return true;
  }
}
