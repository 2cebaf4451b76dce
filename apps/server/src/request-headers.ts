import type { IncomingHttpHeaders } from "node:http";

/**
 * The headers of a request as Node has read them. To make real ones of them takes longer than to look at the few that a
 * call is asked for, so that is done only when somebody lists or changes them.
 */
export class RequestHeaders implements Headers {
  readonly #read: IncomingHttpHeaders;
  #made: Headers | undefined = undefined;

  constructor(read: IncomingHttpHeaders) {
    this.#read = read;
  }

  get(name: string): string | null {
    return this.#made ? this.#made.get(name) : (this.#valueOf(name) ?? null);
  }

  has(name: string): boolean {
    return this.#made ? this.#made.has(name) : this.#valueOf(name) !== undefined;
  }

  append(name: string, value: string): void {
    this.#all.append(name, value);
  }

  delete(name: string): void {
    this.#all.delete(name);
  }

  set(name: string, value: string): void {
    this.#all.set(name, value);
  }

  getSetCookie(): string[] {
    return this.#all.getSetCookie();
  }

  forEach(call: (value: string, name: string, all: Headers) => void): void {
    for (const [name, value] of this.#all) call(value, name, this);
  }

  keys(): ReturnType<Headers["keys"]> {
    return this.#all.keys();
  }

  values(): ReturnType<Headers["values"]> {
    return this.#all.values();
  }

  entries(): ReturnType<Headers["entries"]> {
    return this.#all.entries();
  }

  [Symbol.iterator](): ReturnType<Headers["entries"]> {
    return this.entries();
  }

  /** Node has the names in lower case, and made one value of several. */
  #valueOf(name: string): string | undefined {
    const key = name.toLowerCase();
    const value = Object.hasOwn(this.#read, key) ? this.#read[key] : undefined;
    return Array.isArray(value) ? value.join(", ") : value;
  }

  get #all(): Headers {
    if (!this.#made) {
      this.#made = new Headers();
      for (const [name, value = []] of Object.entries(this.#read)) {
        for (const each of [value].flat()) this.#made.append(name, each);
      }
    }
    return this.#made;
  }
}
