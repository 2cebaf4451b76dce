/** How bad it is. */
export type Level = "debug" | "info" | "warning" | "error";

interface Entry {
  readonly level: Level;
  readonly message: string;
}

/** Keeps what is logged for the status file, and passes each line on as it comes, in the format of LUCI's agent. */
export class RunLog {
  readonly #entries: Entry[] = [];
  readonly #write: (line: string) => void;
  readonly #pid: number;
  readonly #clock: () => number;

  constructor(write: (line: string) => void, pid: number, clock: () => number) {
    this.#write = write;
    this.#pid = pid;
    this.#clock = clock;
  }

  log(level: Level, message: string): void {
    this.#entries.push({ level, message });
    const time = new Date(this.#clock()).toISOString().replace("Z", "000Z");
    this.#write(`[${level.charAt(0).toUpperCase()}${time} ${this.#pid} 0 tokend] ${message}\n`);
  }

  /** All lines so far, as the status file has them; empty when there are none. */
  dump(): string {
    if (this.#entries.length === 0) return "";
    return `\nDUMP LOG:\n${this.#entries.map(({ level, message }) => `  ${level}: ${message}\n`).join("")}`;
  }
}
