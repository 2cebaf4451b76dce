import { readFile } from "node:fs/promises";
import { MintError } from "./errors.js";
import { parseTokenFile } from "./token-file.js";
import type { TokenSource } from "./token-source.js";

/** The file is read again at most this often, in milliseconds. */
const READ_EVERY_MS = 1_000;

/** The clocks of a file source; tests bring their own. */
export interface TokenFileSourceOptions {
  /** Unix milliseconds. Default: the system's clock. */
  readonly clock?: () => number;
  /** Monotonic milliseconds. Default: the system's clock. */
  readonly monotonicClock?: () => number;
}

/**
 * Serves the token in a file that `tokend` (LUCI's agent or ours) keeps fresh. A file that is missing, empty or broken for
 * a while does no harm: the last token read is served until it is over.
 */
export class TokenFileSource implements TokenSource {
  readonly #path: string;
  readonly #clock: () => number;
  readonly #monotonicClock: () => number;
  #token = "";
  #expiryMs = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #failure = "it was not read yet";
  #reading: Promise<void> | undefined;

  constructor(
    path: string,
    { clock = Date.now, monotonicClock = performance.now.bind(performance) }: TokenFileSourceOptions = {},
  ) {
    this.#path = path;
    this.#clock = clock;
    this.#monotonicClock = monotonicClock;
  }

  /** The token. Rejects with a MintError UNAVAILABLE when the file never had one, or its last one is over. */
  async token(): Promise<string> {
    if (this.#monotonicClock() - this.#readAtMs >= READ_EVERY_MS) {
      this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
      await this.#reading;
    }
    if (this.#clock() < this.#expiryMs) return this.#token;
    throw new MintError("UNAVAILABLE", `no usable token in ${this.#path}: ${this.#failure}; is tokend running?`);
  }

  async #read(): Promise<void> {
    try {
      const { luci_machine_token: token = "", expiry = 0 } = parseTokenFile(await readFile(this.#path, "utf8"));
      if (token === "") this.#failure = "it holds none";
      else if (expiry * 1000 <= this.#clock()) this.#failure = "its token is over";
      else [this.#token, this.#expiryMs] = [token, expiry * 1000];
    } catch (error) {
      // What JSON.parse says of broken text repeats the text, and with it perhaps the token.
      this.#failure = error instanceof SyntaxError ? "it is not JSON" : (error as Error).message;
    }
    this.#readAtMs = this.#monotonicClock();
  }
}
