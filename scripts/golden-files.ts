import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Files whose bytes are frozen: what is in them stays as it is, and `pnpm golden` makes those that are not there. */
export class GoldenFolder {
  readonly #folder: URL;

  /** The folder's URL ends with a slash. */
  constructor(folder: URL) {
    this.#folder = folder;
  }

  /** The frozen text of a file. Only when `pnpm golden` runs, and there is none, is it made. */
  read(name: string, make: () => string): string {
    const file = new URL(name, this.#folder);
    if (existsSync(file)) return readFileSync(file, "utf8");
    if (process.env["GOLDEN"] !== "write") {
      throw new Error(`${file.pathname} is not there: run pnpm golden and commit what it writes`);
    }
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(file, make());
    return readFileSync(file, "utf8");
  }

  /** The names of all files. */
  names(): string[] {
    return readdirSync(this.#folder).toSorted();
  }
}
